"""What a finished variant looks like: its colours, and placeholders to show until it is there.

All of it comes from some rows of the variant, spread evenly but not regularly, so that a pattern
of lines does not fall in with them. Of a photograph of a megapixel their mean is within a level of
the mean of all, and to shrink all would nearly double the time that everything here takes.
"""

from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.alpha import is_opaque, premultiply, unpremultiply
from pixelpipe.imaging.color.convert import profile_to_srgb
from pixelpipe.imaging.looks.blurhash import blurhash
from pixelpipe.imaging.looks.palette import palette
from pixelpipe.imaging.looks.thumbhash import thumbhash
from pixelpipe.imaging.pixels import BGR, GRAY, Pixels, as_pixels, channels, has_alpha
from pixelpipe.imaging.planes import Planes, merge
from pixelpipe.imaging.resampling.halves import halve

_SMALL_PX = 32
_ROWS = 4 * _SMALL_PX
_COLOR_SAMPLES = 32
_WIDE = 12 * _SMALL_PX
_OPAQUE = 255
_MORE, _FEWER = 4, 3
# Fractions without a pattern, by the hash that shaders use.
_CHANCE = np.sin(np.arange(_ROWS) * 12.9898) * 43758.5453 % 1


@dataclass(frozen=True, slots=True)
class Description:
    """See `recipes.facts.Facts`.

    Attributes:
        dominant: The most widespread colour, `#rrggbb`.
        palette: It, and up to four that differ from it and from one another, by how widespread.
        blurhash: BlurHash of 4 by 3 components, 3 by 4 or 4 by 4, transparency put onto white.
        thumbhash: ThumbHash with the transparency kept, in base64.
    """

    dominant: str
    palette: tuple[str, ...]
    blurhash: str
    thumbhash: str


def describe(pixels: Pixels | Planes, profile: bytes = b"") -> Description:
    """Describe a finished variant, in the colours of sRGB.

    Args:
        pixels: Gray, BGR or BGRA, or planes.
        profile: The ICC profile that they are in; empty for sRGB.

    Returns:
        The description; each pixel counts by its alpha, and what has none at all is white.
    """
    height, width = pixels.shape[:2]
    if profile and not isinstance(pixels, Planes):
        pixels = profile_to_srgb(np.ascontiguousarray(_some_rows(pixels)), profile)
    colors = palette(_scattered(pixels))
    small = _small(pixels, width, height)
    return Description(
        dominant=colors[0],
        palette=colors,
        blurhash=_blurhash(small),
        thumbhash=b64encode(thumbhash(small)).decode(),
    )


def _some_rows(pixels: Pixels) -> Pixels:
    height = pixels.shape[0]
    return pixels[_spread(_ROWS, height)] if height > _ROWS else pixels


def _scattered(pixels: Pixels | Planes) -> Pixels:
    """Single pixels, as they are: a mean of two colours may be none of the picture's."""
    height, width = pixels.shape[:2]
    rows, columns = _spread(_COLOR_SAMPLES, height)[:, np.newaxis], _spread(_COLOR_SAMPLES, width)
    if isinstance(pixels, Planes):
        luma, halves = pixels.luma[rows, columns], (rows // 2, columns // 2)
        scattered = merge(luma, pixels.blue[halves], pixels.red[halves])
    else:
        scattered = np.ascontiguousarray(pixels[rows, columns])
    return _as_bgra(scattered).reshape(-1, 4)


def _small(pixels: Pixels | Planes, width: int, height: int) -> Pixels:
    """Shrink some rows of a picture of that size to BGRA of at most `_SMALL_PX`."""
    scale = min(1.0, _SMALL_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if isinstance(pixels, Planes):
        return _as_bgra(merge(*(_shrunk(_some_rows(plane), size) for plane in pixels.each)))
    part = _some_rows(pixels)
    if has_alpha(part) and not is_opaque(part):
        return unpremultiply(_shrunk(premultiply(part), size))
    return _as_bgra(_shrunk(part, size))


def _shrunk(part: Pixels, size: tuple[int, int]) -> Pixels:
    while part.shape[1] > _WIDE:
        part = halve(part, across=True, down=part.shape[0] >= 2 * _SMALL_PX)
    return as_pixels(cv2.resize(part, size, interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=256)
def _spread(wanted: int, length: int) -> NDArray[np.intp]:
    """Indices into a side: one of each of `wanted` equal parts, not always the same of a part."""
    count = min(wanted, length)
    places: NDArray[np.float64] = (np.arange(count) + _CHANCE[:count]) * length / count
    return places.astype(np.intp)


def _as_bgra(pixels: Pixels) -> Pixels:
    if has_alpha(pixels):
        return pixels
    known = cv2.COLOR_GRAY2BGRA if channels(pixels) == GRAY else cv2.COLOR_BGR2BGRA
    return as_pixels(cv2.cvtColor(pixels, known))


def _blurhash(small: Pixels) -> str:
    height, width = small.shape[:2]
    across = _FEWER if height > width else _MORE
    down = _FEWER if width > height else _MORE
    return blurhash(_on_white(small), across, down)


def _on_white(small: Pixels) -> Pixels:
    if is_opaque(small):
        return small[:, :, :BGR]
    multiplied = premultiply(small)
    return multiplied[:, :, :BGR] + (_OPAQUE - multiplied[:, :, BGR:])
