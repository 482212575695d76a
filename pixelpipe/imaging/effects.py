"""Grayscale and Gaussian blur."""

from math import ceil, sqrt

import cv2
import numpy as np
from cv2.typing import MatLike

from pixelpipe.imaging.alpha import mix_by_alpha
from pixelpipe.imaging.halves import halve
from pixelpipe.imaging.pixels import GRAY, Pixels, as_pixels, channels, has_alpha

_CUT_SIGMAS = 3
_DIRECT_SIGMA = 3.0
_DIRECT_SIDE_PX = 16
_LARGE_PX = 1 << 18


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
    """Blur with a Gaussian, the picture reflected at its borders.

    Against a float64 Gaussian it holds 45 dB at any sigma, and over 50 on all but tiny pictures.

    Args:
        pixels: Any number of channels; with alpha each pixel counts by its own.
        sigma: Standard deviation in pixels, over 0.
    """
    return mix_by_alpha(lambda straight: _gaussian(straight, (sigma, sigma)), pixels)


def _gaussian(
    pixels: Pixels, sigmas: tuple[float, float], border: int = cv2.BORDER_REFLECT_101
) -> Pixels:
    """Blur across and down, a wide Gaussian at half the size: it leaves nothing finer."""
    height, width = pixels.shape[:2]
    if max(sigmas) < _DIRECT_SIGMA:
        return as_pixels(_gaussian_filter(pixels, sigmas, border))
    if min(width, height) < _DIRECT_SIDE_PX:
        # Pixels of 8 bits OpenCV filters with weights of 8 bits, too few for a wide Gaussian.
        blurred = _gaussian_filter(pixels.astype(np.float32), sigmas, border)
        return np.rint(blurred).astype(np.uint8)
    half, (whole_width, whole_height) = _half(pixels)
    half_height, half_width = half.shape[:2]
    across = _sigma_left(sigmas[0], whole_width / half_width)
    down = _sigma_left(sigmas[1], whole_height / half_height)
    # Reflecting with the edge pixel repeated is what comes nearest, at half the size, to
    # reflecting without.
    blurred = _gaussian(half, (across, down), cv2.BORDER_REFLECT)
    size = (whole_width, whole_height)
    whole = cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR)
    return as_pixels(whole[:height, :width])


def _gaussian_filter(samples: MatLike, sigmas: tuple[float, float], border: int) -> MatLike:
    across, down = sigmas
    size = (2 * ceil(_CUT_SIGMAS * across) + 1, 2 * ceil(_CUT_SIGMAS * down) + 1)
    return cv2.GaussianBlur(samples, size, across, sigmaY=down, borderType=border)


def _half(pixels: Pixels) -> tuple[Pixels, tuple[int, int]]:
    """Half of the pixels, and the width and height that it covers: those of the pixels or more."""
    height, width = pixels.shape[:2]
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    if height * width > _LARGE_PX:
        # Ten times as quick as area means where a side is odd. Its last pixel then weighs double.
        return halve(pixels, across=True, down=True), (2 * half_width, 2 * half_height)
    half = cv2.resize(pixels, (half_width, half_height), interpolation=cv2.INTER_AREA)
    return as_pixels(half), (width, height)


def _sigma_left(sigma: float, ratio: float) -> float:
    """The sigma left to do in the smaller picture, after what shrinking and enlarging blur.

    The variances add up: of a box `ratio` wide, (ratio² - 1) / 12, and of linear interpolation
    from samples that far apart, (ratio² - 1) / 4.
    """
    return sqrt(sigma**2 - (ratio**2 - 1) / 3) / ratio
