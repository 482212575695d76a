"""From whatever samples a codec hands out to 8-bit gray, BGR or BGRA."""

import cv2
import numpy as np
from cv2.typing import MatLike

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.pixels import BGR, BGRA, GRAY, Pixels, as_pixels, channels

_CONVERSIONS = {
    (GRAY, BGR): cv2.COLOR_GRAY2BGR,
    (GRAY, BGRA): cv2.COLOR_GRAY2BGRA,
    (BGR, GRAY): cv2.COLOR_BGR2GRAY,
    (BGR, BGRA): cv2.COLOR_BGR2BGRA,
    (BGRA, GRAY): cv2.COLOR_BGRA2GRAY,
    (BGRA, BGR): cv2.COLOR_BGRA2BGR,
}

# AV1 codec configuration (AV1-ISOBMFF, 2.3.3): the third byte of the box's payload.
_AV1_CONFIGURATION = b"av1C"
_AV1_FLAGS = 6
_AV1_TWELVE_BITS = 0x20
_AVIF_HEADER_BYTES = 65536


def to_8_bits(decoded: MatLike, data: Pixels, source: Format) -> Pixels:
    """Scale samples to 8 bits, each to the nearest level.

    Args:
        decoded: As the codec gave them.
        data: The file that they come from.
        source: Its format.

    Raises:
        DamagedImageError: Samples that are neither 8 nor 16 bits wide.
    """
    if decoded.dtype == np.uint8:
        return as_pixels(decoded)
    if decoded.dtype != np.uint16:
        raise DamagedImageError(
            f"The {source.name} holds samples of type {decoded.dtype}; whole numbers of up to "
            "16 bits are allowed."
        )
    return as_pixels(cv2.convertScaleAbs(decoded, alpha=255 / white_level(data, source)))


def white_level(data: Pixels, source: Format) -> int:
    """White among the 16-bit samples that the codec gave for this file."""
    return _avif_white(data) if source == Format.AVIF else 65535


def to_channels(pixels: Pixels, wanted: int) -> Pixels:
    """Give pixels the promised number of channels.

    Args:
        pixels: 8-bit pixels as the codec gave them; alpha is straight.
        wanted: 1, 3 or 4.

    Raises:
        DamagedImageError: There is no way from the one to the other.
    """
    have = channels(pixels)
    if have == wanted:
        return pixels
    if (have, wanted) not in _CONVERSIONS:
        raise DamagedImageError(f"The picture has {have} channels; 1, 3 or 4 are allowed.")
    return as_pixels(cv2.cvtColor(pixels, _CONVERSIONS[have, wanted]))


def _avif_white(data: Pixels) -> int:
    """White in an AVIF of 10 or 12 bits: OpenCV hands its samples out unscaled."""
    head = data[:_AVIF_HEADER_BYTES].tobytes()
    configuration = head.find(_AV1_CONFIGURATION)
    return 4095 if head[configuration + _AV1_FLAGS] & _AV1_TWELVE_BITS else 1023
