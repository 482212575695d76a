"""Filters of three taps: the quickest that there are."""

from math import inf, log, sqrt

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

MEAN = 1 / 3
_SIZE = 3
_EDGE = cv2.BORDER_REPLICATE


def filtered(pixels: MatLike, across: float, down: float) -> MatLike:
    """Run two filters over pixels, the outermost of which are repeated beyond their borders.

    Args:
        pixels: Any number of channels, of 8 or 16 bits.
        across: The weight of the two neighbours in a row; the pixel itself has the rest of 1.
            Over 0, and up to `MEAN`, smooths; under 0 sharpens; 0 does nothing.
        down: Likewise of those in a column.
    """
    if across == down == MEAN:
        return cv2.blur(pixels, (_SIZE, _SIZE), borderType=_EDGE)
    if across >= 0 and down >= 0:
        size = (_SIZE if across else 1, _SIZE if down else 1)
        return cv2.GaussianBlur(pixels, size, _sigma(across), sigmaY=_sigma(down), borderType=_EDGE)
    return cv2.sepFilter2D(pixels, -1, _taps(across), _taps(down), borderType=_EDGE)


def _sigma(tap: float) -> float:
    """The Gaussian that has such taps: OpenCV filters levels with it by whole numbers."""
    if tap >= MEAN:
        return inf
    return sqrt(-0.5 / log(tap / (1 - 2 * tap))) if tap else 1.0


def _taps(tap: float) -> NDArray[np.float64]:
    return np.array([tap, 1 - 2 * tap, tap] if tap else [1.0])
