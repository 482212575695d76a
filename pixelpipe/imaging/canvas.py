"""The padded canvas around a picture that keeps its shape in a box of another."""

import cv2

from pixelpipe.imaging.pixels import GRAY, Pixels, as_pixels, channels
from pixelpipe.recipes.task import Canvas


def pad(pixels: Pixels, canvas: Canvas, background: tuple[int, int, int, int]) -> Pixels:
    """Lay pixels on a canvas.

    Args:
        pixels: Any number of channels.
        canvas: Its size, and where the pixels lie on it.
        background: Red, green, blue, alpha of the rest; alpha only counts where pixels have it.

    Returns:
        As many channels as the pixels have, but BGR for gray on a coloured background.
    """
    red, green, blue, alpha = background
    if channels(pixels) == GRAY and not red == green == blue:
        pixels = as_pixels(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    height, width = pixels.shape[:2]
    bottom = canvas.height - canvas.top - height
    right = canvas.width - canvas.left - width
    border = (canvas.top, bottom, canvas.left, right)
    color = (blue, green, red, alpha)
    return as_pixels(cv2.copyMakeBorder(pixels, *border, cv2.BORDER_CONSTANT, value=color))
