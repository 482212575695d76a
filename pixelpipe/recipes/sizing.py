"""How large a variant becomes, in words: the vocabulary that specs and workers share.

Standard library only: workers import this.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Fit(StrEnum):
    """How a picture meets a box of another shape; the words mean what they mean in sharp."""

    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"
    INSIDE = "inside"
    OUTSIDE = "outside"


class Gravity(StrEnum):
    """What is kept by a crop, and where on a canvas a picture lies.

    A side or a corner; or, for a crop alone, what the pixels themselves say: `attention` seeks
    skin, saturation and edges, `entropy` seeks detail.
    """

    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"
    ATTENTION = "attention"
    ENTROPY = "entropy"


SMART = frozenset({Gravity.ATTENTION, Gravity.ENTROPY})


class FractionPoint(Protocol):
    """A point of a picture; 0, 0 is its upper left corner and 1, 1 its lower right."""

    @property
    def x(self) -> float:
        """To the right."""

    @property
    def y(self) -> float:
        """Down."""


class Wanted(Hashable, Protocol):
    """A wanted size; one side alone keeps the picture's ratio."""

    @property
    def width(self) -> int | None:
        """Width in pixels."""

    @property
    def height(self) -> int | None:
        """Height in pixels."""

    @property
    def fit(self) -> Fit:
        """How the picture meets a box of another shape."""

    @property
    def gravity(self) -> Gravity | FractionPoint:
        """What stays in sight, or where on its canvas the picture lies."""

    @property
    def enlarge(self) -> bool:
        """Whether a small source may be enlarged."""


@dataclass(frozen=True, slots=True)
class Point:
    """See `FractionPoint`."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Sizing:
    """See `Wanted`."""

    width: int | None
    height: int | None
    fit: Fit
    gravity: Gravity | Point
    enlarge: bool
