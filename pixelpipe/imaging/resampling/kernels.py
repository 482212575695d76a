"""Kernels that interpolate: the weight of a pixel by its distance."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interpolation:
    """A kernel and how far it reaches, in the pixels that it is applied to."""

    weight: Callable[[Floats], Floats]
    reach: int


def _lanczos(distance: Floats) -> Floats:
    """Duchon, Lanczos filtering in one and two dimensions, 1979."""
    return np.where(distance < 3, np.sinc(distance) * np.sinc(distance / 3), 0)  # noqa: PLR2004 - its reach


def _cubic(distance: Floats, *, slope: float) -> Floats:
    """Keys, Cubic convolution interpolation for digital image processing, 1981."""
    near = ((slope + 2) * distance - (slope + 3)) * distance**2 + 1
    far = slope * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))  # noqa: PLR2004 - its reach


def _line(distance: Floats) -> Floats:
    return np.maximum(1 - distance, 0)


LANCZOS3 = Interpolation(_lanczos, 3)
# Of the cubics the one that is right for a straight slope and for a square one.
CUBIC = Interpolation(partial(_cubic, slope=-0.5), 2)
OPENCV_CUBIC = Interpolation(partial(_cubic, slope=-0.75), 2)
LINE = Interpolation(_line, 1)
