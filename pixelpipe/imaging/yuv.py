"""Luma and chroma to blue, green and red, after ITU-T H.273, 8.3."""

from collections.abc import Sequence

import cv2
import numpy as np
from cv2.typing import MatLike

from pixelpipe.imaging.pixels import Pixels, as_pixels

IDENTITY = 0

# The shares of red and blue in luma, by matrix coefficients; others are taken for those of BT.601.
_SHARES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_BT601 = (0.299, 0.114)
_BLACK, _LUMA_STEPS, _CHROMA_STEPS = 16, 219, 224  # in video, at 8 bits
_WHITE = 255
_BYTE_BITS = 8
_SAMPLES_OF_16_BITS = 1 << 16
_COLOR_PLANES = 3


def to_bgr(planes: Sequence[MatLike], bits: int, matrix: int, *, full_range: bool) -> Pixels:
    """8-bit BGR pixels, or gray ones of luma alone; each level is rounded to the nearest.

    Args:
        planes: Luma; for colour also blue and red chroma, which may be smaller, and are then
            interpolated as lying between the pixels that they are for.
        bits: Of each sample: uint8 up to 8, else uint16.
        matrix: Matrix coefficients of ITU-T H.273.
        full_range: Whether black is 0 and white the highest level; otherwise as in video.
    """
    luma_gain, luma_black = _luma_scale(bits, full_range=full_range)
    if len(planes) < _COLOR_PLANES:
        return to_gray(planes[0], bits, full_range=full_range)
    height, width = planes[0].shape
    whole: list[MatLike] = [planes[0]]
    for chroma in planes[1:]:
        fits = chroma.shape == (height, width)
        bilinear = cv2.INTER_LINEAR
        whole.append(
            chroma if fits else cv2.resize(chroma, (width, height), interpolation=bilinear)
        )
    if matrix == IDENTITY:
        return _levels(cv2.merge([whole[1], whole[0], whole[2]]), luma_gain, luma_black)
    return _mixed(cv2.merge(whole), bits, matrix, full_range=full_range)


def to_gray(luma: MatLike, bits: int, *, full_range: bool) -> Pixels:
    """8-bit levels."""
    return _levels(luma, *_luma_scale(bits, full_range=full_range))


def _levels(samples: MatLike, gain: float, black: float) -> Pixels:
    if samples.dtype == np.uint8 and gain == 1 and not black:
        return as_pixels(samples)
    scaled = (np.arange(_SAMPLES_OF_16_BITS) - black) * gain
    levels = np.clip(np.rint(scaled), 0, _WHITE).astype(np.uint8)
    return np.asarray(levels[samples])


def _luma_scale(bits: int, *, full_range: bool) -> tuple[float, float]:
    """What a step of luma is in levels, and which sample is black."""
    if full_range:
        return _WHITE / ((1 << bits) - 1), 0
    unit = 1 << bits - _BYTE_BITS
    return _WHITE / (_LUMA_STEPS * unit), _BLACK * unit


def _mixed(samples: MatLike, bits: int, matrix: int, *, full_range: bool) -> Pixels:
    red, blue = _SHARES.get(matrix, _BT601)
    green = 1 - red - blue
    gain, black = _luma_scale(bits, full_range=full_range)
    unit = 1 << bits - _BYTE_BITS
    chroma_gain = gain if full_range else _WHITE / (_CHROMA_STEPS * unit)
    middle = 1 << bits - 1
    of_blue, of_red = 2 * (1 - blue) * chroma_gain, 2 * (1 - red) * chroma_gain
    rows = np.array(
        [
            [gain, of_blue, 0],
            [gain, -of_blue * blue / green, -of_red * red / green],
            [gain, 0, of_red],
        ]
    )
    offsets = -rows @ np.array([black, middle, middle])
    matrix_and_offsets = np.column_stack([rows, offsets])
    # With 16 bits OpenCV computes in floats and rounds once; with 8 it is off by one level.
    wide = samples if samples.dtype == np.uint16 else samples.astype(np.uint16)
    return as_pixels(cv2.convertScaleAbs(cv2.transform(wide, matrix_and_offsets)))
