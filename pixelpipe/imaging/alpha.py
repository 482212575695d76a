"""Alpha: colours multiplied by it and divided again, and alpha put onto a background.

Whatever mixes neighbouring pixels works on multiplied colours: a transparent pixel's colour then
has no weight, and leaves no fringe.
"""

from collections.abc import Callable

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from pixelpipe.imaging.pixels import BGR, BGRA, Pixels, as_pixels, has_alpha

_OPAQUE = 255
_HEADROOM_BITS = 7
_FULL = _OPAQUE << _HEADROOM_BITS


def premultiply(pixels: Pixels) -> Pixels:
    """BGRA to BGRA with colours multiplied by alpha, each rounded to the nearest level."""
    # OpenCV has this code for RGBA only; which colour is which does not matter.
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGBA2mRGBA))


def unpremultiply(pixels: Pixels) -> Pixels:
    """The inverse of `premultiply`; where alpha is 0 the colour becomes black."""
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_mRGBA2RGBA))


def with_headroom(premultiplied: Pixels) -> NDArray[np.uint16]:
    """Multiplied levels in 16 bits, for what makes edges overshoot.

    Cut off at 255, alpha would no longer be what the colours beside an edge were multiplied by,
    and they would come out too bright.

    Args:
        premultiplied: BGRA, as of `premultiply`.
    """
    return np.left_shift(premultiplied, _HEADROOM_BITS, dtype=np.uint16)


def unpremultiply_headroom(samples: MatLike) -> Pixels:
    """The inverse of `with_headroom` and `premultiply`, whatever overshot cut off at last.

    Args:
        samples: BGRA of 16 bits, contiguous; may be written to.
    """
    flat = samples.reshape(-1, BGRA)
    alpha = flat[:, BGR]
    # Few pixels do; all others are right in 8 bits.
    over = np.flatnonzero(alpha > _FULL)
    flat[over] = np.rint(flat[over] * (_FULL / alpha[over, np.newaxis]))
    return unpremultiply(as_pixels(cv2.convertScaleAbs(samples, alpha=_OPAQUE / _FULL)))


def mix_by_alpha(mix: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    """Apply `mix`, which mixes neighbouring pixels, so that each counts by its alpha."""
    if not has_alpha(pixels) or is_opaque(pixels):
        return mix(pixels)
    return unpremultiply(mix(premultiply(pixels)))


def apart_from_alpha(change: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    """Apply `change`, which changes every pixel by itself, to the colours and not to alpha."""
    if not has_alpha(pixels):
        return change(pixels)
    changed = change(as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)))
    return take_alpha(as_pixels(cv2.cvtColor(changed, cv2.COLOR_BGR2BGRA)), pixels)


def take_alpha(pixels: Pixels, source: Pixels) -> Pixels:
    """Write the alpha of `source` over that of `pixels`, and return them; both are BGRA."""
    return as_pixels(cv2.insertChannel(cv2.extractChannel(source, BGR), pixels, BGR))


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
