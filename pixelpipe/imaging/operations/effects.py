"""Grayscale and Gaussian blur."""

import cv2

from pixelpipe.imaging.alpha import mix_by_alpha
from pixelpipe.imaging.pixels import GRAY, Pixels, as_pixels, channels, has_alpha
from pixelpipe.imaging.resampling.gaussian import gaussian


def grayscale(pixels: Pixels) -> Pixels:
    """Drop colour, with the weights of ITU-R BT.601.

    Returns:
        One channel; four, the first three of them equal, where there is alpha.
    """
    if channels(pixels) == GRAY:
        return pixels
    if not has_alpha(pixels):
        return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGRA2GRAY)
    return as_pixels(cv2.merge([gray, gray, gray, cv2.extractChannel(pixels, 3)]))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur with a Gaussian, the picture reflected at its borders; see `gaussian`.

    Args:
        pixels: Any number of channels; with alpha each pixel counts by its own.
        sigma: Standard deviation in pixels, over 0.
    """
    return mix_by_alpha(lambda straight: gaussian(straight, sigma), pixels)
