"""The unsharp mask."""

import cv2

from pixelpipe.imaging.alpha import take_alpha
from pixelpipe.imaging.operations.effects import blur
from pixelpipe.imaging.pixels import Pixels, as_pixels, has_alpha
from pixelpipe.recipes.task import Sharpen


def sharpen(pixels: Pixels, asked: Sharpen) -> Pixels:
    """Add the difference to the blurred picture, which takes its own detail for the most part.

    What would pass black or white is cut there. Colours are compared with those around by their
    alpha: nothing transparent makes an edge brighter or darker. Alpha is left alone.

    Args:
        pixels: Any number of channels.
        asked: Sigma of the blur, and how many times the difference is added.

    Returns:
        As many channels.
    """
    blurred = blur(pixels, asked.sigma)
    sharp = as_pixels(cv2.addWeighted(pixels, 1 + asked.amount, blurred, -asked.amount, 0))
    return take_alpha(sharp, pixels) if has_alpha(pixels) else sharp
