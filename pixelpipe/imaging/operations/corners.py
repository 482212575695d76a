"""Round corners."""

from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import BGR, BGRA, GRAY, Pixels, as_pixels, channels, has_alpha

_OPAQUE = 255
_TO_BGRA = {GRAY: cv2.COLOR_GRAY2BGRA, BGR: cv2.COLOR_BGR2BGRA}

Floats = NDArray[np.float64]


def round_corners(pixels: Pixels, radius_px: float) -> Pixels:
    """Make what lies outside of round corners transparent, with smooth edges.

    A pixel's alpha is multiplied by the share of its area that lies inside.

    Args:
        pixels: Any number of channels.
        radius_px: Over 0; half of the shorter side at most is used: a square becomes a disc.

    Returns:
        BGRA.
    """
    height, width = pixels.shape[:2]
    corner = _corner(min(radius_px, width / 2, height / 2), width, height)
    inside = np.full((height, width), _OPAQUE, np.uint8)
    size = len(corner)
    # Where two corners share a pixel in the middle of a side they agree on it.
    inside[:size, :size] = corner
    inside[:size, width - size :] = corner[:, ::-1]
    inside[height - size :, :size] = corner[::-1]
    inside[height - size :, width - size :] = corner[::-1, ::-1]
    if has_alpha(pixels):
        rounded = pixels.copy()
        inside = as_pixels(cv2.multiply(cv2.extractChannel(pixels, BGR), inside, scale=1 / _OPAQUE))
    else:
        rounded = as_pixels(cv2.cvtColor(pixels, _TO_BGRA[channels(pixels)]))
    return as_pixels(cv2.insertChannel(inside, rounded, BGRA - 1))


def _corner(radius: float, width: int, height: int) -> Pixels:
    """How much of each pixel at the upper left corner lies inside, 0 to 255.

    The last row and column may reach beyond the circle's middle: there the shape goes on straight,
    or, where the side has no more than its two corners, as it came.
    """
    size = ceil(radius)
    # Of each line of pixels, how far it lies from the circle's middle, at its far and near side.
    far = radius - np.arange(size, dtype=np.float64)
    near = np.asarray(np.maximum(far - 1, 0), np.float64)
    first = np.floor(radius - _half_chord(radius, near)).astype(int)
    whole = np.minimum(np.ceil(radius - _half_chord(radius, far)).astype(int), size)
    corner = np.where(np.arange(size) < whole[:, None], 0, _OPAQUE).astype(np.uint8)
    # Only along the circle is there anything to work out.
    counts = whole - first
    rows = np.repeat(np.arange(size), counts)
    columns = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts - first, counts)
    cells = (near[columns], far[columns], near[rows], far[rows])
    covered = _covered(radius, *cells)
    for along, side in ((columns, width), (rows, height)):
        if side > 2 * radius:
            covered = 1 - (1 - covered) * (far - near)[along]
    corner[rows, columns] = np.rint(_OPAQUE * covered)
    return corner


def _covered(radius: float, left: Floats, right: Floats, low: Floats, high: Floats) -> Floats:
    """The share of rectangles, right of and over a circle's middle, that lies in the circle."""
    under = np.clip(_half_chord(radius, high), left, right)
    within = np.clip(_half_chord(radius, low), left, right)
    # To `under` the circle is higher than the rectangle, from `within` on lower.
    cut = _area_to(radius, within) - _area_to(radius, under) - low * (within - under)
    return ((under - left) * (high - low) + cut) / ((right - left) * (high - low))


def _area_to(radius: float, x: Floats) -> Floats:
    """The area below the circle, from its middle to `x`."""
    return (x * _half_chord(radius, x) + radius**2 * np.arcsin(np.minimum(x / radius, 1))) / 2


def _half_chord(radius: float, distance: Floats) -> Floats:
    return np.sqrt(np.maximum(radius**2 - distance**2, 0))
