"""Where a variant's pixels come from and how large it becomes: every fit, in exact numbers.

What may live here: arithmetic on whole numbers and fractions. No floats, so that a size never
depends on how a division happened to round.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from pixelpipe.recipes.sizing import Fit, FractionPoint, Gravity, Wanted
from pixelpipe.recipes.task import Canvas, Rect

_HALF = Fraction(1, 2)
_UNCHANGED = Fraction(1)

_ANCHORS: dict[Gravity, tuple[Fraction, Fraction]] = {
    Gravity.CENTER: (_HALF, _HALF),
    Gravity.NORTH: (_HALF, Fraction(0)),
    Gravity.NORTHEAST: (Fraction(1), Fraction(0)),
    Gravity.EAST: (Fraction(1), _HALF),
    Gravity.SOUTHEAST: (Fraction(1), Fraction(1)),
    Gravity.SOUTH: (_HALF, Fraction(1)),
    Gravity.SOUTHWEST: (Fraction(0), Fraction(1)),
    Gravity.WEST: (Fraction(0), _HALF),
    Gravity.NORTHWEST: (Fraction(0), Fraction(0)),
    # The pixels decide, later; until then the middle is as good as any.
    Gravity.ATTENTION: (_HALF, _HALF),
    Gravity.ENTROPY: (_HALF, _HALF),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """One variant's geometry, in pixels.

    Attributes:
        region: The part of the upright source that is used.
        width: Width to which the region is resized.
        height: Height to which the region is resized.
        canvas: The padded canvas around it, or None where nothing is padded.
        reduced: Whether it is smaller than asked, the source being too small.
    """

    region: Rect
    width: int
    height: int
    canvas: Canvas | None
    reduced: bool


@dataclass(frozen=True, slots=True)
class _Box:
    """The upright source, and the box that it has to meet."""

    source_width: int
    source_height: int
    width: int
    height: int
    gravity: Gravity | FractionPoint
    enlarge: bool

    @property
    def scales(self) -> tuple[Fraction, Fraction]:
        """Box by source, across and down."""
        return Fraction(self.width, self.source_width), Fraction(self.height, self.source_height)

    def shrunk(self, overshoot: Fraction) -> tuple[int, int, bool]:
        """The box, made smaller by `overshoot` where that is over 1 and enlarging is not allowed.

        Returns:
            Width and height, at least 1, and whether they are smaller than asked.
        """
        if self.enlarge or overshoot <= 1:
            return self.width, self.height, False
        return max(1, floor(self.width / overshoot)), max(1, floor(self.height / overshoot)), True


@lru_cache(maxsize=4096)  # photographs of one camera meet the same presets over and over
def lay_out(source_width: int, source_height: int, resize: Wanted | None) -> Layout:
    """Lay one variant out.

    Args:
        source_width: Width of the upright source in pixels.
        source_height: Height of it.
        resize: The wanted size; None keeps that of the source.
    """
    if resize is None:
        return _scaled(source_width, source_height, _UNCHANGED, enlarge=False)
    if resize.width and resize.height:
        sides = (source_width, source_height, resize.width, resize.height)
        return _FITS[resize.fit](_Box(*sides, resize.gravity, resize.enlarge))
    if resize.width:
        scale = Fraction(resize.width, source_width)
    else:
        assert resize.height, "a spec has one side at least"
        scale = Fraction(resize.height, source_height)
    return _scaled(source_width, source_height, scale, enlarge=resize.enlarge)


def _cover(box: _Box) -> Layout:
    width, height, reduced = box.shrunk(max(box.scales))
    scale = max(Fraction(width, box.source_width), Fraction(height, box.source_height))
    region_width = max(1, _half_up(width / scale))
    region_height = max(1, _half_up(height / scale))
    x, y = _anchor(box.gravity)
    region = Rect(
        _placed(box.source_width, region_width, x, _half_up),
        _placed(box.source_height, region_height, y, _half_up),
        region_width,
        region_height,
    )
    return Layout(region, width, height, None, reduced)


def _contain(box: _Box) -> Layout:
    width, height, reduced = box.shrunk(min(box.scales))
    scale = min(Fraction(width, box.source_width), Fraction(height, box.source_height))
    picture = _scaled(box.source_width, box.source_height, scale, enlarge=True)
    if (picture.width, picture.height) == (width, height):
        return Layout(picture.region, width, height, None, reduced)
    x, y = _anchor(box.gravity)
    left = _placed(width, picture.width, x, _half_down)
    top = _placed(height, picture.height, y, _half_down)
    canvas = Canvas(width, height, left, top)
    return Layout(picture.region, picture.width, picture.height, canvas, reduced)


def _fill(box: _Box) -> Layout:
    width, height, reduced = box.shrunk(max(box.scales))
    return Layout(_whole(box.source_width, box.source_height), width, height, None, reduced)


def _inside(box: _Box) -> Layout:
    scale = min(box.scales)
    return _scaled(box.source_width, box.source_height, scale, enlarge=box.enlarge)


def _outside(box: _Box) -> Layout:
    scale = max(box.scales)
    return _scaled(box.source_width, box.source_height, scale, enlarge=box.enlarge)


_FITS: dict[Fit, Callable[[_Box], Layout]] = {
    Fit.COVER: _cover,
    Fit.CONTAIN: _contain,
    Fit.FILL: _fill,
    Fit.INSIDE: _inside,
    Fit.OUTSIDE: _outside,
}


def _scaled(width: int, height: int, scale: Fraction, *, enlarge: bool) -> Layout:
    """The whole picture, both sides by the same scale."""
    reduced = scale > 1 and not enlarge
    if reduced:
        scale = _UNCHANGED
    return Layout(
        _whole(width, height),
        max(1, _half_up(width * scale)),
        max(1, _half_up(height * scale)),
        None,
        reduced,
    )


def _whole(width: int, height: int) -> Rect:
    return Rect(0, 0, width, height)


def _anchor(gravity: Gravity | FractionPoint) -> tuple[Fraction, Fraction]:
    if isinstance(gravity, Gravity):
        return _ANCHORS[gravity]
    # By way of its digits: 0.3 means three tenths, not the binary fraction just below.
    return Fraction(str(gravity.x)), Fraction(str(gravity.y))


def _placed(outer: int, inner: int, anchor: Fraction, rounded: Callable[[Fraction], int]) -> int:
    """Where `inner` begins for its middle to lie at `anchor` of `outer`, as near as it can."""
    start = rounded(outer * anchor - Fraction(inner, 2))
    return min(max(start, 0), outer - inner)


def _half_up(value: Fraction) -> int:
    """To the nearest whole number, as sharp rounds sizes and places crops."""
    return floor(value + _HALF)


def _half_down(value: Fraction) -> int:
    """To the nearest whole number, as sharp places a picture on its canvas."""
    return ceil(value - _HALF)
