"""A picture turned by quarters and mirrored."""

import numpy as np

from pixelpipe.imaging.orientation import SIDEWAYS, UPRIGHT, turn_upright
from pixelpipe.imaging.pixels import Pixels


def turned(pixels: Pixels, turn: int) -> Pixels:
    """Turn and mirror.

    Args:
        pixels: Any number of channels.
        turn: The EXIF orientation that is undone, 1 to 8.

    Returns:
        New pixels; the same where there is nothing to do.
    """
    if turn == UPRIGHT:
        return pixels
    height, width = pixels.shape[:2]
    size = (width, height) if turn in SIDEWAYS else (height, width)
    out = np.empty((*size, *pixels.shape[2:]), np.uint8)
    turn_upright(pixels, turn, out)
    return out
