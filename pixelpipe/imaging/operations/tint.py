"""Colours in the place of a picture's own."""

import cv2
import numpy as np

from pixelpipe.imaging.alpha import apart_from_alpha
from pixelpipe.imaging.pixels import BGR, GRAY, Pixels, as_pixels, channels
from pixelpipe.recipes.task import Duotone

_WHITE = 255
_SHARES = np.arange(256) / _WHITE

# Filter Effects Module Level 1 (W3C), sepia: rows and columns are red, green, blue.
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def sepia(pixels: Pixels, amount: float) -> Pixels:
    """Bring colours near to those of an old print, as CSS does.

    Within 1 level of the exact result. Alpha is left alone.

    Args:
        pixels: Any number of channels.
        amount: 0 to 1, from as they are to all the way.

    Returns:
        BGR, or BGRA where there is alpha; the same pixels where the amount is 0.
    """
    if amount == 0:
        return pixels
    matrix = (amount * _SEPIA + (1 - amount) * np.eye(BGR))[::-1, ::-1]
    if channels(pixels) == GRAY:
        return _by_table(pixels, _WHITE * _SHARES[:, None] * matrix.sum(axis=1))
    return apart_from_alpha(lambda straight: as_pixels(cv2.transform(straight, matrix)), pixels)


def duotone(pixels: Pixels, asked: Duotone) -> Pixels:
    """Put the mixtures of two colours in the place of the grays between black and white.

    Levels are mixed in proportion to the luma of ITU-R BT.601. Alpha is left alone.

    Args:
        pixels: Any number of channels.
        asked: The two colours.

    Returns:
        BGR, or BGRA where there is alpha.
    """
    shadow, highlight = np.array([asked.shadow, asked.highlight], float)[:, ::-1]
    colors = shadow + _SHARES[:, None] * (highlight - shadow)
    if channels(pixels) == GRAY:
        return _by_table(pixels, colors)
    return apart_from_alpha(lambda straight: _by_table(_gray(straight), colors), pixels)


def _gray(pixels: Pixels) -> Pixels:
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))


def _by_table(gray: Pixels, colors: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Pixels:
    """Each gray replaced by its blue, green and red of `colors`, (256, 3)."""
    tables = np.clip(np.rint(colors), 0, _WHITE).astype(np.uint8).T
    return as_pixels(cv2.merge([cv2.LUT(gray, np.ascontiguousarray(table)) for table in tables]))
