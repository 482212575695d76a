"""A picture in strips: what is done to one while the processor's cache holds it is done sooner."""

from collections.abc import Iterator
from typing import Any, TypeVar, cast

from numpy.typing import NDArray

_Array = TypeVar("_Array", bound=NDArray[Any])

_BLOCK_PX = 1 << 16


def blocks(pixels: _Array) -> Iterator[_Array]:
    """Strips of whole rows from top to bottom, of at most 65,536 pixels or one row, as views."""
    rows = max(1, _BLOCK_PX // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        yield cast("_Array", pixels[top : top + rows])
