"""TIFF: OpenCV's, and Pillow's for the kinds that OpenCV refuses or gets wrong.

OpenCV reads 8 bits by libtiff's RGBA interface, which multiplies by what is said to be straight
alpha, and rounds; a palette of two colours it takes for gray. It leaves out the alpha of gray, and
takes white for black in 16 bits. Tiles that are not compressed it refuses unless they fill whole
kilobytes. Pillow has no 16 bits of colours.
"""

import cv2
import numpy as np
from cv2.typing import MatLike
from PIL.TiffImagePlugin import TiffImageFile

from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete
from pixelpipe.formats.tiff import TiffSamples, tiff_samples
from pixelpipe.imaging.codecs import pillow
from pixelpipe.imaging.codecs.opencv import decoded
from pixelpipe.imaging.codecs.stored import Stored
from pixelpipe.imaging.color.littlecms import lab_to_bgr
from pixelpipe.imaging.pixels import BGR, Pixels

_DEEP_BITS = 16
_FEW_BITS = (2, 4)
_LAB = "LAB"
_WHITE, _DEEP_WHITE = 255, 65535


def decode_tiff(data: Pixels) -> Stored:
    """The samples of a screened TIFF: straight alpha, black lowest.

    Raises:
        DamagedImageError: It cannot be decoded.
    """
    kind = tiff_samples(Reader(data.data, "TIFF file", Budget()))
    if kind.ink:
        picture = pillow.opened(TiffImageFile, data, Format.TIFF)
        return Stored(np.asarray(picture.convert("CMYK")), ink=True)
    if kind.lab:
        # libtiff shows its white of D50 as it is, warm.
        picture = pillow.opened(TiffImageFile, data, Format.TIFF)
        if picture.mode != _LAB:
            raise incomplete(Format.TIFF)
        return Stored(lab_to_bgr(picture))
    if _is_for_pillow(kind):
        return Stored(pillow.pixels_of(pillow.opened(TiffImageFile, data, Format.TIFF)))
    samples = decoded(data, Format.TIFF)
    if kind.bits == _DEEP_BITS and kind.white_is_zero:
        samples = cv2.bitwise_not(samples)
    return Stored(_divided(samples) if kind.multiplied else samples)


def _is_for_pillow(kind: TiffSamples) -> bool:
    if kind.bits == _DEEP_BITS:
        return False
    if kind.gray:
        return kind.alpha or kind.bits in _FEW_BITS or kind.bare_tiles
    if kind.indexed:
        return kind.bits < _FEW_BITS[-1] or kind.bare_tiles
    return kind.straight or (kind.rgb and kind.bare_tiles and not kind.alpha)


def _divided(samples: MatLike) -> MatLike:
    """Straight colours in the place of ones that are multiplied by alpha."""
    white = _DEEP_WHITE if samples.dtype == np.uint16 else _WHITE
    alpha = cv2.extractChannel(samples, BGR)
    for channel in range(BGR):
        colour = cv2.divide(cv2.extractChannel(samples, channel), alpha, scale=white)
        cv2.insertChannel(colour, samples, channel)
    return samples
