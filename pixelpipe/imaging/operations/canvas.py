"""The padded canvas around a picture that keeps its shape in a box of another."""

import cv2

from pixelpipe.imaging.alpha import mix_by_alpha
from pixelpipe.imaging.operations.compositing import lay
from pixelpipe.imaging.pixels import GRAY, Pixels, as_pixels, channels, has_alpha
from pixelpipe.recipes.task import Canvas

# The backdrop is blurred at this size, by a twenty-fourth of its longer side.
_BACKDROP_SIDE_PX = 96
_BACKDROP_SIGMA = 4.0


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


def blurred_backdrop(pixels: Pixels, canvas: Canvas) -> Pixels:
    """Lay pixels on a canvas that shows the same picture, covering it all and strongly blurred.

    Args:
        pixels: Any number of channels; the backdrop is seen through what is transparent.
        canvas: Its size, and where the pixels lie on it.

    Returns:
        As many channels as the pixels have.
    """
    backdrop = mix_by_alpha(lambda mixed: _backdrop(mixed, canvas.width, canvas.height), pixels)
    height, width = pixels.shape[:2]
    place = backdrop[canvas.top : canvas.top + height, canvas.left : canvas.left + width]
    if has_alpha(pixels):
        lay(pixels, place)
    else:
        place[...] = pixels
    return backdrop


def _backdrop(pixels: Pixels, width: int, height: int) -> Pixels:
    """The middle of a picture, of the canvas's shape, blurred as a small picture."""
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    middle = _middle(pixels, round(width / scale), round(height / scale))
    shrinking = max(1, max(width, height) / _BACKDROP_SIDE_PX)
    size = (max(1, round(width / shrinking)), max(1, round(height / shrinking)))
    small = cv2.resize(middle, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), _BACKDROP_SIGMA, borderType=cv2.BORDER_REFLECT)
    return as_pixels(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC))


def _middle(pixels: Pixels, width: int, height: int) -> Pixels:
    left, top = (pixels.shape[1] - width) // 2, (pixels.shape[0] - height) // 2
    return pixels[top : top + max(1, height), left : left + max(1, width)]
