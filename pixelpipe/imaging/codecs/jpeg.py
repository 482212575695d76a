"""JPEG: libjpeg-turbo straight into shared memory, and what it is strict about."""

import cv2
import numpy as np
import simplejpeg

from pixelpipe.formats.jpeg_tidy import tidied
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete
from pixelpipe.imaging.codecs.opencv import decoded
from pixelpipe.imaging.codecs.stored import Stored
from pixelpipe.imaging.orientation import SIDEWAYS, UPRIGHT
from pixelpipe.imaging.pixels import BGR, GRAY, Pixels
from pixelpipe.recipes.task import Decode

# libjpeg's warnings after which a part of the picture is made up.
_PIXELS_LOST = (
    "premature end of data",
    "bad Huffman code",
    "bad arithmetic code",
    "instead of RST",
)

_COLORSPACES = {GRAY: "GRAY", BGR: "BGR"}
_LENIENT = {
    (GRAY, 1): cv2.IMREAD_GRAYSCALE,
    (GRAY, 2): cv2.IMREAD_REDUCED_GRAYSCALE_2,
    (GRAY, 4): cv2.IMREAD_REDUCED_GRAYSCALE_4,
    (GRAY, 8): cv2.IMREAD_REDUCED_GRAYSCALE_8,
    (BGR, 1): cv2.IMREAD_COLOR_BGR,
    (BGR, 2): cv2.IMREAD_REDUCED_COLOR_2,
    (BGR, 4): cv2.IMREAD_REDUCED_COLOR_4,
    (BGR, 8): cv2.IMREAD_REDUCED_COLOR_8,
}


def decode_jpeg(data: Pixels, plan: Decode, out: Pixels, *, ink: bool) -> Stored:
    """The pixels of a screened JPEG, as stored.

    Args:
        data: The file.
        plan: Its channels and reduction.
        out: For the upright pixels; those of a picture that is stored so are written there.
        ink: Whether it is one of CMYK or YCCK.

    Raises:
        DamagedImageError: It cannot be decoded, or a part of the picture is missing.
    """
    try:
        return _strict(data, plan, out, ink=ink)
    except ValueError as refusal:
        _check_lost(refusal)
    tidy = np.frombuffer(tidied(data.data), np.uint8)
    try:
        return _strict(tidy, plan, out, ink=ink)
    except ValueError as refusal:
        _check_lost(refusal)
    # Subsamplings that libjpeg-turbo's own interface has no name for, or bytes behind a scan.
    flags = _LENIENT[plan.channels, plan.reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    return Stored(decoded(tidy, Format.JPEG, flags))


def _check_lost(refusal: ValueError) -> None:
    if any(lost in str(refusal) for lost in _PIXELS_LOST):
        raise incomplete(Format.JPEG) from refusal


def _strict(data: Pixels, plan: Decode, out: Pixels, *, ink: bool) -> Stored:
    """Decode by libjpeg-turbo itself, straight into `out` if the picture is stored upright.

    Raises:
        ValueError: Any error or warning of libjpeg, harmless ones included.
    """
    width, height = (plan.width, plan.height) if plan.reduction > 1 else (0, 0)
    if plan.orientation in SIDEWAYS:
        width, height = height, width
    pixels = simplejpeg.decode_jpeg(
        data,
        "CMYK" if ink else _COLORSPACES[plan.channels],
        min_width=width,
        min_height=height,
        min_factor=plan.reduction,
        buffer=out if plan.orientation == UPRIGHT and not ink else None,
    )
    if ink:
        return Stored(pixels, ink=True)
    return Stored(pixels[:, :, 0] if plan.channels == GRAY else pixels)
