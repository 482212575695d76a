"""How near a picture is to its reference: PSNR and SSIM."""

import cv2
import numpy as np

from benchmark.levels import WHITE, Floats, luma

_SAME_DB = 100.0
_WINDOW_PX, _WINDOW_SIGMA = 11, 1.5
_LUMINANCE_GUARD, _CONTRAST_GUARD = (0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2


def psnr(made: Floats, reference: Floats) -> float:
    """Peak signal to noise ratio over all samples, in dB; 100 for what is the same."""
    error = float(np.mean((made - reference) ** 2))
    return min(float(10 * np.log10(WHITE**2 / error)), _SAME_DB) if error else _SAME_DB


def ssim(made: Floats, reference: Floats) -> float:
    """Mean structural similarity of the lumas, at most 1.

    As Wang, Bovik, Sheikh and Simoncelli (2004) reckon it, with their Gaussian window and their
    constants, at all pixels around which the window fits.
    """
    one, two = (each if each.ndim == 2 else luma(each) for each in (made, reference))  # noqa: PLR2004
    mean_one, mean_two = _windowed(one), _windowed(two)
    variance_one = _windowed(one * one) - mean_one**2
    variance_two = _windowed(two * two) - mean_two**2
    covariance = _windowed(one * two) - mean_one * mean_two
    luminance = (2 * mean_one * mean_two + _LUMINANCE_GUARD) / (
        mean_one**2 + mean_two**2 + _LUMINANCE_GUARD
    )
    structure = (2 * covariance + _CONTRAST_GUARD) / (variance_one + variance_two + _CONTRAST_GUARD)
    return float(np.mean(luminance * structure))


def _windowed(levels: Floats) -> Floats:
    """Weighted means around each pixel that has a whole window."""
    means = cv2.GaussianBlur(levels, (_WINDOW_PX, _WINDOW_PX), _WINDOW_SIGMA)
    inner = _WINDOW_PX // 2
    return np.asarray(means[inner:-inner, inner:-inner])
