"""The quad edge-blur: four parts, each blurred along its inner cut edges, by itself."""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import BGR, BGRA, Pixels, has_alpha
from pixelpipe.recipes.quadrants import quadrants
from pixelpipe.recipes.task import Rect

_CUT_SIGMAS = 4
_ROWS_AT_ONCE = 64
_OPAQUE = 255

Floats = NDArray[np.float32]


def quad_edge_blur(pixels: Pixels, band_px: int, sigma: float) -> Pixels:
    """Blur bands along the inner edges of the four parts of a picture.

    A part is reflected at its own border without repeating the edge pixel, whatever lies beyond;
    the step at the cut is intended. Outside the bands every pixel stays as it is, inside it is
    within 1 level of a float64 Gaussian cut at 4 sigma.

    Args:
        pixels: Any number of channels; with alpha each pixel counts by its own.
        band_px: Breadth of a band; over the size of a part it is the whole part.
        sigma: Standard deviation in pixels, over 0.

    Raises:
        ImageTooSmallError: Under 2 pixels on a side.
    """
    height, width = pixels.shape[:2]
    parts = quadrants(width, height)
    result = pixels.copy()
    for rect in parts:
        part, target = _view(pixels, rect), _view(result, rect)
        rows = _band(rect.y, rect.height, band_px)
        columns = _band(rect.x, rect.width, band_px)
        if len(columns) == rect.width:
            rows = range(rect.height)
        _blur_rows(part, target, rows, sigma)
        if len(rows) < rect.height:
            # The band along the other edge: the same with rows and columns exchanged.
            _blur_rows(part.swapaxes(0, 1), target.swapaxes(0, 1), columns, sigma)
    return result


def _view(pixels: Pixels, rect: Rect) -> Pixels:
    return pixels[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width]


def _band(start: int, length: int, band_px: int) -> range:
    """The rows of a part that lie in its band: its last ones where it is the first of two parts."""
    band_px = min(band_px, length)
    return range(length - band_px, length) if start == 0 else range(band_px)


def _blur_rows(part: Pixels, target: Pixels, rows: range, sigma: float) -> None:
    """Write blurred rows of the part into `target`, reading only the rows that they depend on."""
    for chunk in _chunks(rows):
        weights, low = _weights(len(part), chunk, sigma)
        read = _to_floats(part[low : low + weights.shape[1]])
        target[chunk.start : chunk.stop] = _to_levels(_along(_product(weights, read), sigma))


def _along(rows: Floats, sigma: float) -> Floats:
    """Blur whole rows along themselves."""
    columns = np.ascontiguousarray(rows.swapaxes(0, 1))
    blurred = np.empty_like(columns)
    for chunk in _chunks(range(len(columns))):
        weights, low = _weights(len(columns), chunk, sigma)
        read = columns[low : low + weights.shape[1]]
        blurred[chunk.start : chunk.stop] = _product(weights, read)
    return blurred.swapaxes(0, 1)


def _product(weights: Floats, rows: Floats) -> Floats:
    """Rows made of rows. As a matrix product a wide Gaussian costs a third of a filter's time."""
    return np.reshape(weights @ rows.reshape(len(rows), -1), (len(weights), *rows.shape[1:]))


def _chunks(rows: range) -> Iterator[range]:
    for first in range(rows.start, rows.stop, _ROWS_AT_ONCE):
        yield range(first, min(first + _ROWS_AT_ONCE, rows.stop))


def _weights(length: int, rows: range, sigma: float) -> tuple[Floats, int]:
    """What blurred rows are made of.

    Args:
        length: Rows that there are; beyond them they are reflected.
        rows: Those to make.
        sigma: Standard deviation in rows.

    Returns:
        Weights, (rows to make, rows to read), and the first row to read.
    """
    weights = _unreflected_weights(len(rows), sigma)
    reach = (weights.shape[1] - len(rows)) // 2
    if reach <= rows.start and rows.stop + reach <= length:
        return weights, rows.start - reach
    sources = _reflected(np.arange(rows.start - reach, rows.stop + reach), length)
    low, stop = int(sources.min()), int(sources.max()) + 1
    folded = np.zeros((stop - low, len(rows)), np.float32)
    np.add.at(folded, sources - low, weights.T)
    return folded.T, low


@lru_cache(maxsize=4)
def _unreflected_weights(made: int, sigma: float) -> Floats:
    reach = ceil(_CUT_SIGMAS * sigma)
    offsets = np.arange(-reach, made + reach) - np.arange(made)[:, None]
    weights = np.where(abs(offsets) <= reach, np.exp(-0.5 * (offsets / sigma) ** 2), 0)
    return np.asarray(weights / weights[0].sum(), np.float32)


def _reflected(rows: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Rows beyond the ends as those that mirror them, to and fro in a short part."""
    if length == 1:
        return np.zeros_like(rows)
    period = 2 * (length - 1)
    return np.minimum(rows % period, -rows % period)


def _to_floats(pixels: Pixels) -> Floats:
    """Samples to blur: colours multiplied by alpha, if there is alpha."""
    floats: Floats = np.ascontiguousarray(pixels, np.float32)
    if has_alpha(pixels):
        floats[..., :BGR] *= floats[..., BGR:] * np.float32(1 / _OPAQUE)
    return floats


def _to_levels(floats: Floats) -> Pixels:
    """The inverse of `_to_floats`, rounded."""
    if floats.shape[2:] == (BGRA,):
        alpha = floats[..., BGR:]
        floats[..., :BGR] *= _OPAQUE / np.maximum(alpha, np.float32(1 / _OPAQUE))
    return np.rint(floats).astype(np.uint8)
