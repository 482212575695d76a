"""What a variant should be: Lanczos and true Gaussians in floating point, right and not quick."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmark.levels import WHITE, Floats, luma, luminance
from pixelpipe.config import Settings
from pixelpipe.recipes.geometry import lay_out
from pixelpipe.recipes.placing import begun_on_a_pixel
from pixelpipe.recipes.spec import parse_specs
from pixelpipe.recipes.task import Rect

_REDUCTIONS = (1, 2, 4, 8)
_CUT_SIGMAS = 5

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a variant may be: programs place a crop differently, by a fraction of a pixel.

    Attributes:
        levels: Each in 0..255, (height, width, 3), or (height, width) of a gray variant: one for
            each place of the crop, and for each meaning of gray.
        area: What OpenCV's INTER_AREA makes of it in the same place as PixelPipe, and then the
            same steps; None where nothing is resized, or a blur hides how.
    """

    levels: tuple[Floats, ...]
    area: Floats | None


def reference(source: Floats, spec: dict[str, Any], size_px: tuple[int, int]) -> Reference:
    """The reference for a variant of this size.

    Args:
        source: The shown source.
        spec: The variant's.
        size_px: Width and height of the variants that were made.
    """
    resized = [source] if size_px == _size(source) else list(_resized(source, spec, size_px))
    gray = (luma, luminance) if spec.get("grayscale") else (_same,)
    levels = [_effects(make_gray(each), spec) for each in resized for make_gray in gray]
    region = _region(source, spec)
    if (region.width, region.height) == size_px or "blur" in spec:
        return Reference(tuple(levels), None)
    area = _by_area(source, region, size_px)
    return Reference(tuple(levels), np.rint(gray[0](area)))


def _same(levels: Floats) -> Floats:
    return levels


def _size(source: Floats) -> tuple[int, int]:
    return source.shape[1], source.shape[0]


def _region(source: Floats, spec: dict[str, Any]) -> Rect:
    (parsed,) = parse_specs([spec], limits=Settings())
    return lay_out(*_size(source), parsed.resize).region


def _resized(source: Floats, spec: dict[str, Any], size_px: tuple[int, int]) -> Iterator[Floats]:
    region = _region(source, spec)
    if region == Rect(0, 0, *_size(source)):
        yield lanczos(source, (0, 0, *_size(source)), size_px)
        return
    for box in dict.fromkeys([*_whole_pixels(region), *_fractions(_size(source), size_px)]):
        yield lanczos(source, box, size_px)


def _whole_pixels(region: Rect) -> Iterator[Box]:
    """Where PixelPipe crops: on whole pixels of the source, reduced or not."""
    for reduction in _REDUCTIONS:
        begun = begun_on_a_pixel(region, reduction)
        yield (begun.x, begun.y, begun.x + begun.width, begun.y + begun.height)


def _fractions(source_px: tuple[int, int], size_px: tuple[int, int]) -> Iterator[Box]:
    """Where others crop: in the very middle, or on whole pixels of the resized picture."""
    width, height = source_px
    scale = max(size_px[0] / width, size_px[1] / height)
    whole = (floor(width * scale + 0.5), floor(height * scale + 0.5))
    spare = [(outer - inner) / 2 for outer, inner in zip(whole, size_px, strict=True)]
    steps = (width / whole[0], height / whole[1])
    for rounded in (float, floor, ceil):
        x, y = (rounded(each) * step for each, step in zip(spare, steps, strict=True))
        yield (x, y, x + size_px[0] * steps[0], y + size_px[1] * steps[1])


def lanczos(source: Floats, box: Box, size_px: tuple[int, int]) -> Floats:
    """Pillow's Lanczos (3 lobes) of a region, cut off at black and white.

    Args:
        source: (height, width, 3), in 0..255.
        box: Left, top, right and bottom of the region in pixels.
        size_px: Width and height of the result.
    """
    right, bottom = min(box[2], source.shape[1]), min(box[3], source.shape[0])
    planes = [
        Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize(
            size_px, Image.Resampling.LANCZOS, box=(box[0], box[1], right, bottom)
        )
        for plane in np.moveaxis(source, 2, 0)
    ]
    levels = np.dstack([np.asarray(plane, np.float64) for plane in planes])
    return np.asarray(np.clip(levels, 0, WHITE))


def _by_area(source: Floats, region: Rect, size_px: tuple[int, int]) -> Floats:
    part = source[region.y : region.y + region.height, region.x : region.x + region.width]
    levels = np.rint(part).astype(np.uint8)
    return np.asarray(cv2.resize(levels, size_px, interpolation=cv2.INTER_AREA), np.float64)


def _effects(levels: Floats, spec: dict[str, Any]) -> Floats:
    if "blur" in spec:
        levels = gaussian(levels, spec["blur"]["sigma"])
    if "quad" in spec:
        levels = quad_edge_blur(levels, **spec["quad"])
    return levels


def gaussian(levels: Floats, sigma: float) -> Floats:
    """A float64 Gaussian, cut off at 5 sigma and reflected without repeating the edge."""
    radius = ceil(_CUT_SIGMAS * sigma)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    height, width = levels.shape[:2]
    # Reflected over and over where a side is shorter than the reach.
    rows, columns = (np.pad(np.arange(n), radius, "reflect") for n in (height, width))
    wide = np.ascontiguousarray(levels[rows][:, columns])
    blur = partial(cv2.sepFilter2D, ddepth=cv2.CV_64F, kernelX=weights, kernelY=weights)
    return np.asarray(blur(wide)[radius : radius + height, radius : radius + width])


def quad_edge_blur(levels: Floats, band_px: int, sigma: float) -> Floats:
    """The band along the inner cut edges of each quarter, blurred from that quarter alone."""
    result = levels.copy()
    middle_y, middle_x = levels.shape[0] // 2, levels.shape[1] // 2
    for rows in (slice(middle_y - 1, None, -1), slice(middle_y, None)):
        for columns in (slice(middle_x - 1, None, -1), slice(middle_x, None)):
            # Seen from the cut outwards, so that each band comes first.
            quarter, made = levels[rows, columns], result[rows, columns]
            reach = band_px + ceil(_CUT_SIGMAS * sigma) + 1
            made[:band_px] = gaussian(quarter[:reach], sigma)[:band_px]
            made[:, :band_px] = gaussian(quarter[:, :reach], sigma)[:, :band_px]
    return result
