"""What pixels are here: uint8, (height, width) for gray, (height, width, channels) for the rest."""

from typing import cast

import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

GRAY, BGR, BGRA = 1, 3, 4


def channels(pixels: NDArray[np.generic]) -> int:
    """How many channels the pixels have: `GRAY`, `BGR` or `BGRA`; a codec may have others."""
    return GRAY if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004 - rows and columns


def has_alpha(pixels: Pixels) -> bool:
    """Whether the last of the channels is alpha."""
    return channels(pixels) == BGRA


def as_pixels(array: MatLike) -> Pixels:
    """Name the type of what OpenCV returns; its stubs only say that it is an array of numbers."""
    assert array.dtype == np.uint8, "8 bits went in"
    return cast("Pixels", array)
