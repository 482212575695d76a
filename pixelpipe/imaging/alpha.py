"""Alpha: colours multiplied by it and divided again, and alpha put onto a background.

Whatever mixes neighbouring pixels works on multiplied colours: a transparent pixel's colour then
has no weight, and leaves no fringe.
"""

from collections.abc import Callable

import cv2
import numpy as np

from pixelpipe.imaging.pixels import BGR, Pixels, as_pixels, has_alpha

_OPAQUE = 255


def premultiply(pixels: Pixels) -> Pixels:
    """BGRA to BGRA with colours multiplied by alpha, each rounded to the nearest level."""
    # OpenCV has this code for RGBA only; which colour is which does not matter.
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGBA2mRGBA))


def unpremultiply(pixels: Pixels) -> Pixels:
    """The inverse of `premultiply`; where alpha is 0 the colour becomes black."""
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_mRGBA2RGBA))


def mix_by_alpha(mix: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    """Apply `mix`, which mixes neighbouring pixels, so that each counts by its alpha."""
    if not has_alpha(pixels) or is_opaque(pixels):
        return mix(pixels)
    return unpremultiply(mix(premultiply(pixels)))


def is_opaque(pixels: Pixels) -> bool:
    """Whether every pixel of a BGRA picture is fully opaque."""
    lowest, *_ = cv2.minMaxLoc(cv2.extractChannel(pixels, BGR))
    return lowest == _OPAQUE


def flatten(pixels: Pixels, background: tuple[int, int, int]) -> Pixels:
    """Put BGRA pixels onto a colour.

    Args:
        pixels: BGRA.
        background: Red, green, blue.

    Returns:
        BGR, each level rounded to the nearest.
    """
    alpha = cv2.extractChannel(pixels, BGR).astype(np.uint16)
    clear = _OPAQUE - alpha
    flat = []
    for channel, level in enumerate(reversed(background)):
        # At most 255 * 255: it fits 16 bits.
        mixed = cv2.extractChannel(pixels, channel) * alpha + clear * np.uint16(level)
        flat.append(cv2.convertScaleAbs(mixed, alpha=1 / _OPAQUE))
    return as_pixels(cv2.merge(flat))
