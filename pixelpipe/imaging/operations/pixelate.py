"""Squares of one colour each."""

from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.alpha import is_opaque
from pixelpipe.imaging.pixels import BGR, Pixels, has_alpha

_ROWS_AT_ONCE = 64
_TRACE_OF_ALPHA = np.float32(1e-6)

Floats = NDArray[np.float32]


def pixelate(pixels: Pixels, square_px: int) -> Pixels:
    """Replace each square by the mean of its pixels, rounded to the nearest level.

    Squares begin at the upper left; those at the other sides may be cut, and are then the mean of
    what there is. With alpha each pixel counts by its own.

    Args:
        pixels: Any number of channels.
        square_px: Their side.
    """
    height, width = pixels.shape[:2]
    across = np.empty((height, ceil(width / square_px), *pixels.shape[2:]), np.float32)
    weighted = has_alpha(pixels) and not is_opaque(pixels)
    for first in range(0, height, _ROWS_AT_ONCE):
        rows = pixels[first : first + _ROWS_AT_ONCE]
        samples = _weighted(rows) if weighted else rows.astype(np.float32)
        across[first : first + _ROWS_AT_ONCE] = _means(samples, square_px, axis=1)
    means = _means(across, square_px, axis=0)
    if weighted:
        means[..., :BGR] /= np.maximum(means[..., BGR:], _TRACE_OF_ALPHA)
    squares = np.rint(means).astype(np.uint8)
    return _enlarged(_enlarged(squares, square_px, width, axis=1), square_px, height, axis=0)


def _weighted(pixels: Pixels) -> Floats:
    """Colours multiplied by alpha, not rounded."""
    *colors, alpha = cv2.split(pixels)
    samples = [cv2.multiply(color, alpha, dtype=cv2.CV_32F) for color in colors]
    return np.asarray(cv2.merge([*samples, alpha.astype(np.float32)]), np.float32)


def _means(samples: Floats, square_px: int, *, axis: int) -> Floats:
    """The means along one axis; first along the one and then the other, so that few are added."""
    whole = samples.shape[axis] // square_px
    parts = np.split(samples, [whole * square_px], axis)
    means = [_merged(part, count, axis) for part, count in zip(parts, (whole, 1), strict=True)]
    return np.concatenate([part for part in means if part is not None], axis)


def _merged(samples: Floats, count: int, axis: int) -> Floats | None:
    if not samples.size:
        return None
    height, width = samples.shape[:2]
    size = (width, count) if axis == 0 else (count, height)
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarged(squares: Pixels, square_px: int, length: int, *, axis: int) -> Pixels:
    return np.take(squares, np.arange(length) // square_px, axis)
