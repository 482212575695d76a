"""Pixels laid over others, in proportion to their alpha."""

import cv2
import numpy as np

from pixelpipe.imaging.pixels import BGR, Pixels, as_pixels, has_alpha

_ROWS_AT_ONCE = 64
_OPAQUE = np.float32(255)


def lay(top: Pixels, onto: Pixels, opacity: float = 1.0) -> None:
    """Lay pixels over others: the operator `over` of Porter and Duff (1984), on straight alpha.

    Every level that is seen is within 1 of the exact one; where `top` is transparent, the same.

    Args:
        top: BGRA.
        onto: BGR or BGRA of the same size; is written to.
        opacity: Over 0, up to 1; the alpha of `top` is multiplied by it.
    """
    for first in range(0, len(top), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        _lay_rows(top[rows], onto[rows], np.float32(opacity))


def _lay_rows(top: Pixels, onto: Pixels, opacity: np.float32) -> None:
    covered = cv2.extractChannel(top, BGR) * opacity
    if not has_alpha(onto):
        straight = cv2.cvtColor(top, cv2.COLOR_BGRA2BGR)
        onto[...] = cv2.blendLinear(straight, onto, covered, _OPAQUE - covered)
        return
    left = cv2.extractChannel(onto, BGR) * (1 - covered / _OPAQUE)
    # It divides by the sum of the weights, which is the new alpha.
    mixed = as_pixels(cv2.blendLinear(top, onto, covered, left))
    mixed[..., BGR] = np.rint(covered + left)
    onto[...] = mixed
