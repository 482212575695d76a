"""Where a crop lies best, as the pixels say: by attention or by entropy.

Every pixel of a small picture is given an interest, and the window goes where most of it is. All
places are tried, by way of sums over rectangles.

Attention goes back to the smartcrop of libvips (libvips/conversion/smartcrop.c) and, through it,
to smartcrop.js: skin, saturation and edges. It is done otherwise in that a colour is interesting
only as far as it differs from the mean of the picture, so that foliage is no subject among
foliage; that skin counts the less, the more of the picture has its colour; and that what
is strong in a small place outweighs what is weak everywhere.

Entropy is Shannon's, in bits, of a small neighbourhood from which its mean was taken: a plain
ground and a smooth gradient have none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log2

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from pixelpipe.imaging.alpha import unpremultiply
from pixelpipe.imaging.picture import Picture, Side
from pixelpipe.imaging.pixels import BGR, GRAY, Pixels, as_pixels, channels, has_alpha
from pixelpipe.recipes.sizing import Gravity
from pixelpipe.recipes.task import Rect

_SMALL_PX = 160

_SKIN, _SATURATION, _EDGES = 2.0, 1.0, 1.0
# The range of a and b in photographs of people of all colours, as libvips 8.5 has it.
_SKIN_A, _SKIN_B = (12.5, 9.5), (17.5, 13.5)
_DARK, _LIT = 15.0, 35.0
_DULL, _VIVID = 12.0, 72.0
_STRONG_EDGE = 60.0
_NEAR_PX = 5

_LEVELS_PER_STEP = 8
_STEPS = 7
_AROUND_PX = 9

# That what is opaque counts at all, be it plain, where there is something transparent.
_SOLID = 0.1
# The window's middle counts thrice, its margin once: what matters shall not be cut through.
_NESTED = (1.0, 2 / 3, 1 / 3)
_EVERYWHERE = 1e-3
_FOR_THE_MIDDLE = 0.02

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Small:
    """The part in question, small.

    Attributes:
        straight: Gray or BGR.
        alpha: (height, width), 0 to 1; None where all is opaque.
    """

    straight: Pixels
    alpha: _Floats | None


def best_region(picture: Picture, bounds: Rect, width: int, height: int, focus: Gravity) -> Rect:
    """Find the best place for a window.

    Args:
        picture: The decoded pixels; its halves are shared with other variants.
        bounds: Where the window may lie; in pixels of the upright, unreduced source, as are all.
        width: Of the window, at most that of the bounds.
        height: Of the window, likewise.
        focus: `attention` or `entropy`.

    Returns:
        The window. What is equally good lies nearest to the middle, and what is transparent does
        not count. The same pixels give the same window.
    """
    assert width <= bounds.width, "the window fits"
    assert height <= bounds.height, "the window fits"
    small = _shrunk(picture, bounds)
    interest = _INTERESTS[focus](small.straight) + np.float32(_EVERYWHERE)
    if small.alpha is not None:
        interest = (interest + np.float32(_SOLID)) * small.alpha
    small_height, small_width = interest.shape
    scores = _scores(
        interest,
        max(1, round(small_width * width / bounds.width)),
        max(1, round(small_height * height / bounds.height)),
    )
    across, down = _best(scores)
    x = bounds.x + floor(across * (bounds.width - width) + 0.5)
    y = bounds.y + floor(down * (bounds.height - height) + 0.5)
    return Rect(x, y, width, height)


def _shrunk(picture: Picture, bounds: Rect) -> _Small:
    reduction = picture.plan.reduction
    longer = max(bounds.width, bounds.height)
    halvings = max(0, floor(log2(max(1.0, longer / reduction / _SMALL_PX))))
    side = Side(halvings, 0)
    scale = reduction << halvings
    stop_x, stop_y = bounds.x + bounds.width, bounds.y + bounds.height
    part = picture.level(side, side)[
        bounds.y // scale : ceil(stop_y / scale), bounds.x // scale : ceil(stop_x / scale)
    ]
    left = min(1.0, _SMALL_PX / max(part.shape[:2]))
    size = (max(1, round(part.shape[1] * left)), max(1, round(part.shape[0] * left)))
    small = as_pixels(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
    if not has_alpha(small):
        return _Small(small, None)
    if not picture.weighted:
        return _Small(np.ascontiguousarray(small[:, :, :BGR]), None)
    alpha: _Floats = small[:, :, BGR].astype(np.float32) / np.float32(255)
    return _Small(np.ascontiguousarray(unpremultiply(small)[:, :, :BGR]), alpha)


def _attention(small: Pixels) -> _Floats:
    if channels(small) == GRAY:
        return _pooled(_EDGES * _edges(small.astype(np.float32) / np.float32(2.55)))
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    light, a, b = cv2.split(lab)
    odd = np.hypot(a - a.mean(), b - b.mean())
    vivid = (np.minimum(np.hypot(a, b), odd) - _DULL) / (_VIVID - _DULL)
    skin = _skin(a, b) * np.clip((light - _DARK) / (_LIT - _DARK), 0, 1)
    skin *= (1 - skin.mean()) ** 2
    interest = _SKIN * skin + _SATURATION * np.clip(vivid, 0, 1) + _EDGES * _edges(light)
    return _pooled(interest)


def _skin(a: MatLike, b: MatLike) -> _Floats:
    distance = ((a - _SKIN_A[0]) / _SKIN_A[1]) ** 2 + ((b - _SKIN_B[0]) / _SKIN_B[1]) ** 2
    likeness: _Floats = np.clip(1.5 - distance, 0, 1)
    return likeness


def _edges(light: MatLike) -> _Floats:
    change = np.abs(cv2.Laplacian(light, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE))
    edges: _Floats = np.minimum(change / np.float32(_STRONG_EDGE), 1)
    return edges


def _pooled(interest: MatLike) -> _Floats:
    """Gather it over a few pixels, and let the strong outweigh the weak."""
    near = cv2.blur(interest, (_NEAR_PX, _NEAR_PX), borderType=cv2.BORDER_REPLICATE)
    return np.square(near).astype(np.float32)


def _entropy(small: Pixels) -> _Floats:
    gray = small if channels(small) == GRAY else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    light = gray.astype(np.float32)
    around = (_AROUND_PX, _AROUND_PX)
    detail = light - cv2.blur(light, (_NEAR_PX, _NEAR_PX), borderType=cv2.BORDER_REPLICATE)
    steps = np.clip(np.rint(detail / _LEVELS_PER_STEP), -_STEPS, _STEPS).astype(np.int8)
    bits = np.zeros(light.shape, np.float32)
    for step in range(-_STEPS, _STEPS + 1):
        here = (steps == step).astype(np.float32)
        if not here.any():
            continue
        share = cv2.blur(here, around, borderType=cv2.BORDER_REPLICATE)
        share = np.maximum(share, np.float32(1e-6))
        bits -= share * np.log2(share)
    return bits


_INTERESTS: dict[Gravity, Callable[[Pixels], _Floats]] = {
    Gravity.ATTENTION: _attention,
    Gravity.ENTROPY: _entropy,
}


def _scores(interest: _Floats, width: int, height: int) -> NDArray[np.float64]:
    """What a window of that size holds at each place, (places down, places across)."""
    sums = cv2.integral(interest, sdepth=cv2.CV_64F)
    down, across = interest.shape[0] - height + 1, interest.shape[1] - width + 1
    scores = np.zeros((down, across))
    for part in _NESTED:
        # Its margins on both sides are alike.
        x = (width - max(1, round(width * part))) // 2
        y = (height - max(1, round(height * part))) // 2
        stop_x, stop_y = width - x, height - y
        scores += sums[stop_y : stop_y + down, stop_x : stop_x + across]
        scores -= sums[stop_y : stop_y + down, x : x + across]
        scores -= sums[y : y + down, stop_x : stop_x + across]
        scores += sums[y : y + down, x : x + across]
    return scores


def _best(scores: NDArray[np.float64]) -> tuple[float, float]:
    """The best place, across and down, each 0 to 1; the middle where a side gives no choice."""
    down, across = (
        np.linspace(-1, 1, count) if count > 1 else np.zeros(1) for count in scores.shape
    )
    scores = scores * (1 - _FOR_THE_MIDDLE * (down[:, np.newaxis] ** 2 + across**2))
    row, column = (int(at) for at in np.unravel_index(np.argmax(scores), scores.shape))
    return _between(scores[row], column), _between(scores[:, column], row)


def _between(scores: NDArray[np.float64], best: int) -> float:
    """The top of the parabola through the best place and its neighbours, 0 to 1."""
    last = scores.size - 1
    if not last:
        return 0.5
    if not 0 < best < last:
        return best / last
    before, here, after = scores[best - 1 : best + 2]
    bend = before - 2 * here + after
    return float((best + (0.5 * (before - after) / bend if bend else 0.0)) / last)
