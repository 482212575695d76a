"""AVIF: by a speed, and how long that will take."""

import cv2
import numpy as np

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.attachments import NOTHING, Attachments
from pixelpipe.imaging.encoders.codec import Encoded, opencv
from pixelpipe.imaging.pixels import BGR, BGRA, GRAY, Pixels, channels

# A third of the time of speed 8, and 5 % larger at the same PSNR.
USUAL_SPEED = 9
QUICKEST_SPEED = 10

# Nanoseconds for a pixel of BGR, by speed, on one core of the machine where it was measured.
_NS_PER_PIXEL = (33_000, 14_000, 11_000, 7_500, 3_800, 2_700, 700, 330, 190, 50, 50)
_CHANNELS_SHARE = {GRAY: 0.6, BGR: 1.0, BGRA: 1.4}
_ALWAYS_MS = 2.0
# What is smaller says more about the start of the codec than about its rate.
_TELLING_PX = 1 << 16
_NEW_WEIGHT = 0.3

_SRGB, _PROFILED = (1, 13), (2, 2)
_CODED_COLOR = b"colrnclx"
_HEADER_BYTES = 1024


def encode_avif(
    pixels: Pixels, quality: int, speed: int, attachments: Attachments = NOTHING
) -> Encoded:
    """Encode gray, BGR or BGRA; metadata and profile go into items and properties of their own.

    Args:
        pixels: What is encoded.
        quality: 1 to 100; 100 is without a loss.
        speed: 0 to 10, slow to quick.
        attachments: What goes into the file beside them.

    Raises:
        InternalError: The codec refuses the pixels.
    """
    blocks = {
        cv2.IMAGE_METADATA_EXIF: attachments.exif,
        cv2.IMAGE_METADATA_XMP: attachments.xmp,
        cv2.IMAGE_METADATA_ICCP: attachments.profile,
    }
    given = {kind: block for kind, block in blocks.items() if block}
    parameters = (cv2.IMWRITE_AVIF_QUALITY, quality, cv2.IMWRITE_AVIF_SPEED, speed)
    content = opencv(Format.AVIF, pixels, parameters, given)
    return _colors_said(content, _PROFILED if attachments.profile else _SRGB)


def _colors_said(content: Encoded, codes: tuple[int, int]) -> Encoded:
    """Say in the header which primaries and which curve the colours have (ITU-T H.273).

    OpenCV leaves both unspecified in gray and in lossless files, and says sRGB beside a profile.
    """
    at = bytes(content[:_HEADER_BYTES]).find(_CODED_COLOR)
    if at < 0:
        return content
    written = np.frombuffer(content, np.uint8).copy() if isinstance(content, bytes) else content
    said = np.array(codes, ">u2").view(np.uint8)
    written[at + len(_CODED_COLOR) :][: said.size] = said
    return written


class Pace:
    """How long encoding takes in this process: the rates that were measured once, corrected.

    How much a machine, its load, and the pictures that it gets differ from those is learned from
    each picture that is encoded.
    """

    def __init__(self) -> None:
        self.correction = 1.0

    def expected_ms(self, pixels: Pixels, speed: int) -> float:
        """How long the pixels will take."""
        return _ALWAYS_MS + _usual_ms(pixels, speed) * self.correction

    def learn(self, pixels: Pixels, speed: int, took_ms: float) -> None:
        """Take in how long they took."""
        height, width = pixels.shape[:2]
        if height * width >= _TELLING_PX:
            found = took_ms / _usual_ms(pixels, speed)
            self.correction += _NEW_WEIGHT * (found - self.correction)

    def speed_within(self, pixels: Pixels, slowest: int, budget_ms: float) -> int | None:
        """The slowest speed, from `slowest` on, that is expected to keep the budget; or none."""
        for speed in range(slowest, QUICKEST_SPEED + 1):
            if self.expected_ms(pixels, speed) <= budget_ms:
                return speed
        return None


def _usual_ms(pixels: Pixels, speed: int) -> float:
    height, width = pixels.shape[:2]
    share = _CHANNELS_SHARE[channels(pixels)]
    return float(height * width * share * _NS_PER_PIXEL[speed] / 1e6)
