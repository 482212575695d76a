"""Where the quad edge-blur lies: bands along the inner edges of the four parts of a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Box(NamedTuple):
    """A part of a picture, in pixels; `right` and `bottom` lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top

    def within(self, other: "Box") -> "Box":
        """The same place, counted from the corner of `other`."""
        left, top = other.left, other.top
        return Box(self.left - left, self.top - top, self.right - left, self.bottom - top)


@dataclass(frozen=True, slots=True)
class Band:
    """What is blurred.

    Attributes:
        box: The band.
        read: What its blurred pixels depend on, which ends where the band's part ends.
    """

    box: Box
    read: Box


def bands(width: int, height: int, band_px: int, reach_px: int) -> Iterator[Band]:
    """Two bands of each part: along the horizontal cut, and what is left along the vertical one.

    Args:
        width: Of the picture.
        height: Of the picture.
        band_px: Breadth of a band.
        reach_px: How far a blurred pixel looks.
    """
    centre, middle = width // 2, height // 2
    for x in ((0, centre), (centre, width)):
        for y in ((0, middle), (middle, height)):
            part = Box(x[0], y[0], x[1], y[1])
            left, right = _inner(x, centre, band_px)
            top, bottom = _inner(y, middle, band_px)
            rest = (y[0], top) if y[1] == middle else (bottom, y[1])
            yield _band(Box(part.left, top, part.right, bottom), part, reach_px)
            if rest[0] < rest[1]:
                yield _band(Box(left, rest[0], right, rest[1]), part, reach_px)


def _inner(side: tuple[int, int], cut: int, band_px: int) -> tuple[int, int]:
    first, end = side
    return (max(first, end - band_px), end) if end == cut else (first, min(end, first + band_px))


def _band(box: Box, part: Box, reach_px: int) -> Band:
    read = Box(
        max(part.left, box.left - reach_px),
        max(part.top, box.top - reach_px),
        min(part.right, box.right + reach_px),
        min(part.bottom, box.bottom + reach_px),
    )
    return Band(box, read)
