"""Resizing by a kernel that grows with the ratio: a Lanczos filter of radius 3, or a cubic.

Both sides are products with matrices that are nearly all zero; only blocks around their diagonal
are made. Some rows at a time pass through all of it as floats: levels are rounded once, at the
end, and little memory is needed. (Turkowski, Filters for common resampling tasks, 1990.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import BGR, GRAY, Pixels, as_pixels, has_alpha
from pixelpipe.imaging.resampling.kernels import CUBIC, LANCZOS3, Interpolation
from pixelpipe.imaging.resampling.light import to_levels, to_light
from pixelpipe.recipes.task import Kernel, Rect

_ROWS_AT_ONCE = 16
_COLUMNS_AT_ONCE = 32
_READ_AT_ONCE = 128
_OPAQUE = 255
# Less rounds to no alpha at all, where a colour has no meaning.
_LEAST_ALPHA = 0.5

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Block:
    """Some pixels of the result, along one side, and what they are made of.

    Attributes:
        made: Which pixels.
        low: The first pixel of the picture that counts.
        weights: (made, read); each row sums up to 1.
    """

    made: slice
    low: int
    weights: Floats

    @property
    def read(self) -> slice:
        """The pixels of the picture that count."""
        return slice(self.low, self.low + self.weights.shape[1])

    @property
    def parts(self) -> Iterator["_Block"]:
        """The block as a sum of some that each read a few pixels: all would fill the memory."""
        for first in range(0, self.weights.shape[1], _READ_AT_ONCE):
            weights = self.weights[:, first : first + _READ_AT_ONCE]
            yield _Block(self.made, self.low + first, weights)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A region along one side, in pixels that are given, of which there are `size`."""

    first: float
    length: float
    size: int

    def blocks(self, target: int, at_once: int, kernel: Interpolation) -> list[_Block]:
        """The blocks that `target` pixels are made in."""
        starts = range(0, target, at_once)
        return [
            self._block(slice(start, min(start + at_once, target)), self.length / target, kernel)
            for start in starts
        ]

    def _block(self, made: slice, step: float, kernel: Interpolation) -> _Block:
        scale = max(step, 1.0)
        centers = self.first + (np.arange(made.start, made.stop) + 0.5) * step
        reach = kernel.reach * scale
        low = max(0, floor(centers[0] - reach))
        stop = min(self.size, ceil(centers[-1] + reach))
        distances = abs(np.arange(low, stop) + 0.5 - centers[:, None])
        weights = kernel.weight(distances / scale)
        weights /= weights.sum(axis=1, keepdims=True)
        return _Block(made, low, weights.astype(np.float32))


@dataclass(frozen=True, slots=True)
class _Mixing:
    """What is mixed: light, and not levels; and whether alpha multiplies it before and after."""

    linear: bool = False
    multiplies: bool = False
    divides: bool = False


def resize(
    picture: Picture, region: Rect, size: tuple[int, int], kernel: Kernel, *, linear: bool
) -> Pixels:
    """Resize a region; of the picture beyond it counts what the kernel reaches.

    Args:
        picture: The decoded pixels.
        region: In pixels of the upright, unreduced source.
        size: Width and height of the result.
        kernel: `lanczos3`; anything else is a cubic (Catmull-Rom) that grows likewise.
        linear: Whether light is mixed, and not levels.

    Returns:
        Pixels of just that size, rounded to the nearest level.
    """
    reduction, weighted = picture.plan.reduction, picture.weighted
    height, width = picture.pixels.shape[:2]
    across = Stretch(region.x / reduction, region.width / reduction, width)
    down = Stretch(region.y / reduction, region.height / reduction, height)
    mixing = _Mixing(linear=linear, multiplies=weighted, divides=weighted)
    shape = LANCZOS3 if kernel == Kernel.LANCZOS3 else CUBIC
    return _resized(picture.pixels, (across, down), size, shape, mixing)


def resize_level(
    pixels: Pixels, stretches: tuple[Stretch, Stretch], size: tuple[int, int], *, weighted: bool
) -> Pixels:
    """Resize a part of a level (see `Picture.level`) by the cubic.

    Args:
        pixels: The level.
        stretches: The part of it: of its columns, and of its rows.
        size: Width and height of the result.
        weighted: Whether its colours are multiplied by alpha; those of the result are not.
    """
    return _resized(pixels, stretches, size, CUBIC, _Mixing(divides=weighted))


def _resized(
    pixels: Pixels,
    stretches: tuple[Stretch, Stretch],
    size: tuple[int, int],
    shape: Interpolation,
    mixing: _Mixing,
) -> Pixels:
    across, down = stretches
    columns = across.blocks(size[0], _COLUMNS_AT_ONCE, shape)
    read = slice(columns[0].low, max(block.read.stop for block in columns))
    result = np.empty((size[1], size[0], *pixels.shape[2:]), np.uint8)
    for rows in down.blocks(size[1], _ROWS_AT_ONCE, shape):
        made = np.zeros((1,), np.float32)
        for part in rows.parts:
            made = made + _product(part.weights, _to_samples(pixels[part.read, read], mixing))
        planes = _across(_planes(made), columns, read.start)
        result[rows.made] = _to_pixels(planes, mixing)
    return result


def _product(weights: Floats, rows: Floats) -> Floats:
    """Rows made of rows."""
    return np.reshape(weights @ rows.reshape(len(rows), -1), (len(weights), *rows.shape[1:]))


def _planes(rows: Floats) -> Floats:
    """Pixels as planes of (channels, rows, columns)."""
    return np.asarray(cv2.split(rows), np.float32)


def _across(planes: Floats, columns: list[_Block], read_from: int) -> Floats:
    """Columns made of columns, of which those before `read_from` were not read."""
    rows = planes.reshape(-1, planes.shape[2])
    made = np.empty((len(rows), columns[-1].made.stop), np.float32)
    for block in columns:
        read = slice(block.low - read_from, block.read.stop - read_from)
        made[:, block.made] = rows[:, read] @ block.weights.T
    return made.reshape(*planes.shape[:2], -1)


def _to_samples(pixels: Pixels, mixing: _Mixing) -> Floats:
    """Levels or light as floats."""
    samples = to_light(pixels) if mixing.linear else np.asarray(pixels, np.float32)
    if has_alpha(pixels):
        samples[..., BGR] = pixels[..., BGR]
    if mixing.multiplies:
        samples[..., :BGR] *= samples[..., BGR:] * np.float32(1 / _OPAQUE)
    return samples


def _to_pixels(planes: Floats, mixing: _Mixing) -> Pixels:
    """The inverse, rounded to the nearest level."""
    colors, alpha = planes[:BGR], planes[BGR:]
    if mixing.divides:
        colors *= _OPAQUE / np.maximum(alpha, np.float32(_LEAST_ALPHA))
    levels = [to_levels(color) if mixing.linear else _rounded(color) for color in colors]
    levels += [_rounded(plane) for plane in alpha]
    return levels[0] if len(levels) == GRAY else as_pixels(cv2.merge(levels))


def _rounded(samples: Floats) -> Pixels:
    np.rint(samples, out=samples)
    np.clip(samples, 0, _OPAQUE, out=samples)
    return samples.astype(np.uint8)
