"""Resizing a region of the picture: quick, without aliasing, and not shifted by a fraction.

OpenCV interpolates quickly, but its kernels do not grow when a picture shrinks, so that they
alias. What is too fine for the target is taken out before, by exact halves and one of three
smoothings; they are made from the whole picture once, and shared by all its variants. What they
take too much is given back at the end (see `sharpening`). A region thus is a part of the picture:
the pixels next to it count in its outermost ones, as they do when the whole is resized.

Measured against a Lanczos filter (radius 3, grown with the ratio) on photographs, drawings and
text, the result is nearer to it than that of INTER_AREA at every ratio, mostly by 2 to 6 dB. In
pictures without fine detail it may be farther, by up to 3 dB at 50: each step rounds to whole
levels. At most ratios it takes a fifth to four fifths of the time; at an exact half INTER_AREA is
quicker.
"""

from dataclasses import dataclass, replace
from math import ceil, floor, log2
from typing import Self

import cv2
import numpy as np
from cv2.typing import MatLike

from pixelpipe.imaging.alpha import unpremultiply_headroom, with_headroom
from pixelpipe.imaging.picture import Picture, Side
from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.imaging.resampling import lanczos
from pixelpipe.imaging.resampling.sharpening import sharpening
from pixelpipe.imaging.resampling.three_taps import MEAN, filtered
from pixelpipe.recipes.task import Kernel, Rect

# Ratios: pixels of the picture by pixels of the target.
_HALVED = 3.0
# How a picture is smoothed (see `Side`) by ratio: none more than Lanczos would, and few, so that
# variants share them.
_TAPS = ((1.26, 0.0), (1.38, 0.08), (1.58, 0.12), (1.97, 0.18), (_HALVED, MEAN))
_TAPS_OF_HALVES = ((1.97, 0.2), (_HALVED, MEAN))
# What sharpens changes so slowly that so many ratios to the octave are enough.
_RATIOS_BY_OCTAVE = 64

# So few pixels are soon made the slow way, and by halves alone they would be little but borders.
_TINY_PX, _TINY_TARGET_PX = 32, 8
# Halves of a tiny target's picture leave this ratio or more: what they take too much is not seen.
_LEFT_OF_TINY = 8

# Pixels of a level that count beside a region: for interpolation, and for a cubic that has grown.
_AROUND = 2
_AROUND_TINY = 2 * 2 * _LEFT_OF_TINY
# A region that is less than this part of the picture is made from itself alone.
_CUT_OUT_OF = 3


@dataclass(frozen=True, slots=True)
class Way:
    """What is done to one side of the picture before it is interpolated.

    Attributes:
        halvings: Exact halves.
        tap: See `Side`.
        around: Pixels of the level that count beside a region.
    """

    halvings: int
    tap: float = 0.0
    around: int = _AROUND


def way(ratio: float) -> Way:
    """Choose the way.

    Args:
        ratio: Decoded pixels by target; under 1 enlarges.
    """
    halvings = 0
    while ratio >= _HALVED:
        ratio /= 2
        halvings += 1
    taps = _TAPS_OF_HALVES if halvings else _TAPS
    return Way(halvings, next(tap for limit, tap in taps if ratio < limit))


def way_of_tiny(ratio: float) -> Way:
    """The same for a target of a few pixels, which are not interpolated."""
    return Way(max(0, floor(log2(ratio / _LEFT_OF_TINY))), around=_AROUND_TINY)


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of one side of a level, and the samples to be taken from it.

    Attributes:
        side: Which level.
        first: Where it begins, in pixels of the level.
        stop: The pixel before which it ends, rounded up.
        step: Pixels of the level from sample to sample.
        samples: How many.
    """

    side: Side
    first: float
    stop: int
    step: float
    samples: int

    @property
    def aligned(self) -> bool:
        """Whether it begins where a pixel of the level does."""
        return self.first.is_integer()

    def sharpening(self, *, linear: bool) -> float:
        """The weight of each neighbour that makes up for what the level has lost."""
        if not self.side.tap:
            return 0
        ratio = 2 ** (round(log2(self.step) * _RATIOS_BY_OCTAVE) / _RATIOS_BY_OCTAVE)
        return sharpening(self.side.halvings, self.side.tap, ratio, linear=linear)

    @property
    def part(self) -> slice:
        """The pixels of the level that it lies on."""
        return slice(int(self.first), self.stop)

    @property
    def pixels(self) -> int:
        """How many they are; the last may lie beyond the end of the level."""
        return self.stop - int(self.first)

    def stretch(self, size: int) -> lanczos.Stretch:
        """The same of a level that has so many pixels."""
        return lanczos.Stretch(self.first, self.step * self.samples, size)


@dataclass(frozen=True, slots=True)
class _Side:
    """What is asked for along one side.

    Attributes:
        start: Where the region begins, in pixels of the unreduced source.
        length: Its pixels; not whole where the last sample is to lie beyond it.
        reduction: By which the picture is smaller than the source.
        target: Pixels to make.
        tiny: Whether there are so few of them that they are made the slow way.
    """

    start: int
    length: float
    reduction: int
    target: int
    tiny: bool = False

    @property
    def enlarges(self) -> bool:
        """Whether there are more pixels to make than there are."""
        return self.target * self.reduction >= self.length

    @property
    def way(self) -> Way:
        """How to come there."""
        ratio = self.length / self.reduction / self.target
        return way_of_tiny(ratio) if self.tiny else way(ratio)

    def surroundings(self, size: int) -> range:
        """The decoded pixels, of `size`, that the result depends on.

        They begin where the region does or a whole number of pixels of the level before it.
        """
        level_px = 1 << self.way.halvings
        begin = self.start // self.reduction
        stop = ceil((self.start + self.length) / self.reduction)
        first = max(begin - self.way.around * level_px, begin % level_px)
        return range(first, min(stop + (self.way.around + 1) * level_px, size))

    def moved(self, first: int) -> Self:
        """The same in a picture without what lies before a decoded pixel."""
        return replace(self, start=self.start - first * self.reduction)

    @property
    def span(self) -> _Span:
        """The same in terms of a level."""
        chosen = self.way
        # In pixels of the source: one of the decoded picture, and one of the level.
        scale = self.reduction << chosen.halvings
        origin = self.start % scale // self.reduction
        first = self.start - origin * self.reduction
        return _Span(
            side=Side(chosen.halvings, origin, chosen.tap),
            first=first / scale,
            stop=ceil((first + self.length) / scale),
            step=self.length / scale / self.target,
            samples=self.target,
        )


def resize(  # noqa: PLR0913 - the last two are choices that most do not make
    picture: Picture,
    region: Rect,
    width: int,
    height: int,
    *,
    kernel: Kernel = Kernel.FAST,
    linear: bool = False,
) -> Pixels:
    """Resize a region of the picture.

    Args:
        picture: The decoded pixels.
        region: In pixels of the upright, unreduced source.
        width: Of the result.
        height: Of the result.
        kernel: Whether it has to be a true Lanczos filter.
        linear: Whether light is mixed, and not levels, which are taken for those of sRGB.

    Returns:
        Pixels of just that size; a view of the picture's own where nothing is to be done.
    """
    if linear or kernel != Kernel.FAST:
        return lanczos.resize(picture, region, (width, height), kernel, linear=linear)
    tiny = min(width, height) < _TINY_TARGET_PX or min(region.width, region.height) < _TINY_PX
    x = _Side(region.x, region.width, picture.plan.reduction, width, tiny=tiny)
    y = _Side(region.y, region.height, picture.plan.reduction, height, tiny=tiny)
    # What is enlarged has nothing that is too fine; yet OpenCV's cubic overshoots at the borders.
    enlarged = x.enlarges and y.enlarges and min(region.width, region.height) >= _TINY_TARGET_PX
    slow = tiny and not enlarged
    if slow and not (x.way.halvings or y.way.halvings):
        return lanczos.resize(picture, region, (width, height), kernel, linear=False)
    picture, x, y = _cut_out(picture, x, y)
    return (_slowly_resampled if slow else _resampled)(picture, x.span, y.span)


def resize_chroma(chroma: Picture, region: Rect, width: int, height: int) -> Pixels:
    """Resize a region of a plane of which each sample is for 2x2 pixels, before and after.

    Args:
        chroma: The plane; its reduction is twice that of the luma.
        region: In pixels of the upright, unreduced source.
        width: Of the result's luma, in pixels.
        height: Likewise.

    Returns:
        (height / 2, width / 2), rounded up: the last sample of an odd side is for one pixel, and
        lies just at the end of it.
    """
    reduction, columns, rows = chroma.plan.reduction, ceil(width / 2), ceil(height / 2)
    x = _Side(region.x, region.width * 2 * columns / width, reduction, columns)
    y = _Side(region.y, region.height * 2 * rows / height, reduction, rows)
    chroma, x, y = _cut_out(chroma, x, y)
    return _resampled(chroma, x.span, y.span)


def _cut_out(picture: Picture, x: _Side, y: _Side) -> tuple[Picture, _Side, _Side]:
    """A small part of a picture by itself: the rest of it needs no halves and no filter.

    The result is the same.
    """
    height, width = picture.pixels.shape[:2]
    columns, rows = x.surroundings(width), y.surroundings(height)
    if len(columns) * len(rows) * _CUT_OUT_OF >= width * height:
        return picture, x, y
    cut = picture.pixels[rows.start : rows.stop, columns.start : columns.stop]
    return Picture(cut, picture.plan), x.moved(columns.start), y.moved(rows.start)


def _slowly_resampled(picture: Picture, x: _Span, y: _Span) -> Pixels:
    level = picture.level(x.side, y.side)
    height, width = level.shape[:2]
    stretches = x.stretch(width), y.stretch(height)
    size = (x.samples, y.samples)
    return lanczos.resize_level(level, stretches, size, weighted=picture.weighted)


def _resampled(picture: Picture, x: _Span, y: _Span) -> Pixels:
    pixels = picture.level(x.side, y.side)
    level: MatLike = with_headroom(pixels) if picture.weighted else pixels
    # Of a smoothed picture linear interpolation, the quickest, leaves the least that is too fine.
    linear = bool(x.side.tap and y.side.tap)
    kernel = cv2.INTER_LINEAR if linear else cv2.INTER_CUBIC
    made = _scaled(level, x, y, kernel) if _fits(x, y) else _between(level, x, y, kernel)
    if x.side.tap or y.side.tap:
        made = filtered(made, x.sharpening(linear=linear), y.sharpening(linear=linear))
    return (
        unpremultiply_headroom(np.ascontiguousarray(made)) if picture.weighted else as_pixels(made)
    )


def _fits(x: _Span, y: _Span) -> bool:
    """Whether samples are where OpenCV takes them when it scales a part of the level."""
    if not (x.aligned and y.aligned):
        return False
    # It only copies a part that keeps its size, though each sample may be a little off its pixel.
    copied = all(round(span.pixels / span.step) == span.pixels for span in (x, y))
    return not copied or x.step == y.step == 1


def _scaled(level: MatLike, x: _Span, y: _Span, kernel: int) -> MatLike:
    part = level[y.part, x.part]
    down, across = y.pixels - part.shape[0], x.pixels - part.shape[1]
    if down or across:
        part = cv2.copyMakeBorder(part, 0, down, 0, across, cv2.BORDER_REPLICATE)
    if x.step == y.step == 1:
        return part[: y.samples, : x.samples]
    # The scale is given, not the size: from a size OpenCV would take the scale that maps the whole
    # part, of whose last pixel maybe only a fraction belongs to the region. It can give a sample
    # too many for the same reason.
    scaled = cv2.resize(part, None, fx=1 / x.step, fy=1 / y.step, interpolation=kernel)
    return scaled[: y.samples, : x.samples]


def _between(level: MatLike, x: _Span, y: _Span, kernel: int) -> MatLike:
    """The same for samples that may begin anywhere, at five times the cost."""
    to_level = np.array(
        [
            [x.step, 0, x.first + x.step / 2 - 0.5],
            [0, y.step, y.first + y.step / 2 - 0.5],
        ]
    )
    how = kernel | cv2.WARP_INVERSE_MAP
    size = (x.samples, y.samples)
    edge = cv2.BORDER_REPLICATE
    return cv2.warpAffine(level, to_level, size, flags=how, borderMode=edge)
