"""Where a picture's border of one colour ends."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.alpha import premultiply
from pixelpipe.imaging.pixels import Pixels, as_pixels, has_alpha

_LINES_AT_ONCE = 64
_WHITE = 255

Unlike = Callable[[slice], NDArray[np.bool_]]


def content_box(pixels: Pixels, threshold: int) -> tuple[int, int, int, int]:
    """Find the smallest box that holds all that is unlike the upper left pixel.

    Colours are compared as they are seen, multiplied by alpha, channel by channel: a transparent
    corner is like all that is transparent, whatever colour lies below.

    Args:
        pixels: Any number of channels; of a border of one colour nothing else is read.
        threshold: How far a level may be from the corner's, 0 to 255, to be alike.

    Returns:
        x, y, width and height; those of the whole where everything is alike.
    """
    height, width = pixels.shape[:2]
    alike = _Alike(pixels, threshold)
    top = _lines_alike(height, lambda part: alike.mask(pixels[part]).min(axis=1) == 0)
    if top == height:
        return 0, 0, width, height
    bottom = height - _lines_alike(
        height, lambda part: alike.mask(pixels[part]).min(axis=1) == 0, from_end=True
    )
    rows = pixels[top:bottom]
    left = _lines_alike(width, lambda part: alike.mask(rows[:, part]).min(axis=0) == 0)
    right = width - _lines_alike(
        width, lambda part: alike.mask(rows[:, part]).min(axis=0) == 0, from_end=True
    )
    return left, top, right - left, bottom - top


class _Alike:
    """Which pixels are like a picture's upper left one."""

    def __init__(self, pixels: Pixels, threshold: int) -> None:
        corner = _seen(pixels[:1, :1]).reshape(-1).astype(int)
        # OpenCV wants four, however many channels there are.
        padded = np.zeros(4, int)
        padded[: len(corner)] = corner
        self._lowest = tuple(np.maximum(padded - threshold, 0).tolist())
        self._highest = tuple(np.minimum(padded + threshold, _WHITE).tolist())

    def mask(self, part: Pixels) -> Pixels:
        """255 where a pixel is like it, else 0."""
        return as_pixels(cv2.inRange(_seen(part), self._lowest, self._highest))


def _seen(pixels: Pixels) -> Pixels:
    return premultiply(pixels) if has_alpha(pixels) else pixels


def _lines_alike(length: int, unlike: Unlike, *, from_end: bool = False) -> int:
    """How many lines there are before the first one that is unlike, from one end."""
    for start in range(0, length, _LINES_AT_ONCE):
        stop = min(start + _LINES_AT_ONCE, length)
        found = unlike(slice(length - stop, length - start) if from_end else slice(start, stop))
        if found.any():
            return start + int((found[::-1] if from_end else found).argmax())
    return length
