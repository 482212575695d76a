"""A Gaussian of any width in about the same time, the picture reflected at its borders.

A wide Gaussian leaves nothing fine, so it is made at half the size, and there at half again. Half
a picture is not reflected at a whole pixel, nor between two; where it is, is kept by each side as
a number, or errors at the borders would be the largest of all.
"""

from dataclasses import dataclass
from math import ceil, floor, pi, sqrt

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.imaging.resampling.halves import halve

_CUT_SIGMAS = 3
_HALVED_SIGMA = 3.0
_HALVED_PX = 128
_DIRECT_PX = 16
_ROWS, _COLUMNS = 0, 1
# Waves of which less than a hundred-thousandth is left are left out.
_LAST_WAVE = 4.8

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of the picture, or of a half of it.

    Attributes:
        length: In pixels.
        sigma: In pixels.
        low: Where it is reflected; the middle of the first pixel is 0.
        high: Where it is reflected at the other end.
        halvings: How often it was halved.
    """

    length: int
    sigma: float
    low: float
    high: float
    halvings: int = 0

    @property
    def wide(self) -> bool:
        """Whether sigma is too much for weights of 8 bits, with which OpenCV filters levels."""
        return self.sigma >= _HALVED_SIGMA

    @property
    def to_halve(self) -> bool:
        """Whether it is first made half as long; a short one is not worth it."""
        return self.wide and self.length > _HALVED_PX

    @property
    def margin_px(self) -> int:
        """Reflected pixels that a filter needs at each end, beyond what OpenCV reflects rightly."""
        return ceil(_CUT_SIGMAS * self.sigma) if self.halvings and not self.wide else 0

    @property
    def half(self) -> "_Side":
        """The half of it, an odd one made even.

        The variances add up: of means of two, 1/4, and of linear interpolation between samples
        two pixels apart, 3/4; the rest is left to be done.
        """
        return _Side(
            length=(self.length + 1) // 2,
            sigma=sqrt(self.sigma**2 - 1) / 2,
            low=(self.low - 0.5) / 2,
            high=(self.high - 0.5) / 2,
            halvings=self.halvings + 1,
        )

    def reflected(self, position: int) -> float:
        """The position that is seen at one beyond an end."""
        return 2 * (self.low if position < 0 else self.high) - position


def gaussian(pixels: Pixels, sigma: float) -> Pixels:
    """Blur pixels, reflected at their borders without repeating the outermost.

    Against a float64 Gaussian it holds 45 dB at any sigma and size, and 52 on photographs.

    Args:
        pixels: Any number of channels; each is blurred by itself.
        sigma: Standard deviation in pixels, over 0.
    """
    height, width = pixels.shape[:2]
    if sigma >= _HALVED_SIGMA and min(width, height) < _DIRECT_PX:
        return np.rint(_filter(pixels.astype(np.float32), sigma, sigma)).astype(np.uint8)
    return _blurred(pixels, _Side(width, sigma, 0, width - 1), _Side(height, sigma, 0, height - 1))


def _blurred(pixels: Pixels, x: _Side, y: _Side) -> Pixels:
    across, down = x.to_halve, y.to_halve
    if not (across or down):
        return _damped(_filtered(pixels, x, y), x, y)
    half = _blurred(_half(pixels, x, y), x.half if across else x, y.half if down else y)
    height, width = half.shape[:2]
    size = (2 * width if across else width, 2 * height if down else height)
    whole = cv2.resize(half, size, interpolation=cv2.INTER_LINEAR)
    return as_pixels(whole[: y.length, : x.length])


def _half(pixels: Pixels, x: _Side, y: _Side) -> Pixels:
    """The half of pixels that have one more, the reflected one, along odd sides."""
    across, down = x.to_halve, y.to_halve
    half = halve(pixels, across=across, down=down)
    if across and x.length % 2:
        last = _with_next(pixels[:, -1:], pixels, x, _COLUMNS)
        half[:, -1:] = halve(last, across=True, down=down)
    if down and y.length % 2:
        last = _with_next(pixels[-1:], pixels, y, _ROWS)
        if across and x.length % 2:
            last = _with_next(last, last, x, _COLUMNS)
        half[-1:] = halve(last, across=across, down=True)
    return half


def _with_next(part: Pixels, pixels: Pixels, side: _Side, axis: int) -> Pixels:
    return np.concatenate(
        [part, _beyond(pixels, side, axis, range(side.length, side.length + 1))], axis
    )


def _filtered(pixels: Pixels, x: _Side, y: _Side) -> Pixels:
    """Pixels blurred along the sides whose sigma is small."""
    if x.wide and y.wide:
        return pixels
    left, top = x.margin_px, y.margin_px
    if left or top:
        pixels = _with_margins(pixels, x, y)
    blurred = _filter(pixels, 0 if x.wide else x.sigma, 0 if y.wide else y.sigma)
    return as_pixels(blurred)[top : top + y.length, left : left + x.length]


def _filter(samples: MatLike, across: float, down: float) -> MatLike:
    size = (2 * ceil(_CUT_SIGMAS * across) + 1, 2 * ceil(_CUT_SIGMAS * down) + 1)
    return cv2.GaussianBlur(samples, size, across, sigmaY=down)


def _with_margins(pixels: Pixels, x: _Side, y: _Side) -> Pixels:
    left, top = x.margin_px, y.margin_px
    border = (top, top, left, left)
    result = as_pixels(cv2.copyMakeBorder(pixels, *border, cv2.BORDER_REFLECT))
    if left:
        rows = result[top : top + y.length]
        rows[:, :left] = _beyond(pixels, x, _COLUMNS, range(-left, 0))
        rows[:, -left:] = _beyond(pixels, x, _COLUMNS, range(x.length, x.length + left))
    if top:
        rows = result[top : top + y.length]
        result[:top] = _beyond(rows, y, _ROWS, range(-top, 0))
        result[-top:] = _beyond(rows, y, _ROWS, range(y.length, y.length + top))
    return result


def _beyond(pixels: Pixels, side: _Side, axis: int, positions: range) -> Pixels:
    """Pixels reflected beyond an end of a side, each a mean of the two that it lies between."""
    # They follow each other backwards, all as far from a whole pixel.
    first = side.reflected(positions[-1])
    low, share = floor(first), first - floor(first)
    count = len(positions)
    whole = (slice(None),) * axis
    one = pixels[(*whole, slice(low, low + count))]
    if not share:
        return np.flip(one, axis)
    other = pixels[(*whole, slice(low + 1, low + 1 + count))]
    return np.flip(as_pixels(cv2.addWeighted(one, 1 - share, other, share, 0)), axis)


def _damped(pixels: Pixels, x: _Side, y: _Side) -> Pixels:
    """Pixels blurred along short sides whose sigma is wide."""
    if not (x.wide or y.wide):
        return pixels
    rows = pixels.astype(np.float32)
    for side, axis in ((x, _COLUMNS), (y, _ROWS)):
        if side.wide:
            first = np.moveaxis(rows, axis, 0)
            product = _matrix(side) @ first.reshape(side.length, -1)
            rows = np.moveaxis(product.reshape(first.shape), 0, axis)
    return np.ascontiguousarray(np.rint(rows).astype(np.uint8))


def _matrix(side: _Side) -> NDArray[np.float32]:
    """What each blurred pixel of a side is made of; its rows sum up to 1.

    Between two reflections pixels are a sum of cosine waves, each of which a Gaussian damps by
    itself, the short ones to nothing.
    """
    length = side.high - side.low
    waves = np.arange(ceil(_LAST_WAVE * length / (pi * side.sigma)) + 1) * pi / length
    shapes = np.cos(np.outer(np.arange(side.length) - side.low, waves))
    damping = np.exp(-0.5 * (side.sigma * waves) ** 2)
    damping[1:] *= 2
    matrix = (shapes * damping) @ shapes.T
    # The outermost pixels stand for what lies between them and the reflection, too.
    matrix[:, 0] *= 0.5 - side.low
    matrix[:, -1] *= 0.5 + side.high - (side.length - 1)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True), np.float32)
