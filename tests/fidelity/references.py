"""What results are measured against, written for being right and not for being quick."""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Rect

Floats = NDArray[np.float64]


def psnr(made: NDArray[np.generic], reference: NDArray[np.generic]) -> float:
    """Peak signal to noise ratio of 8-bit pixels, in dB."""
    error = np.mean((made.astype(np.float64) - reference.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else np.inf


def lanczos(pixels: Pixels, region: Rect, width: int, height: int) -> Pixels:
    """Pillow's Lanczos of a region."""
    box = (region.x, region.y, region.x + region.width, region.y + region.height)
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.asarray(resized)


def gaussian(samples: NDArray[np.generic], sigma: float, cut_sigmas: float = 4) -> Floats:
    """A float64 Gaussian, reflected without repeating the edge, over and over if need be."""
    radius = ceil(cut_sigmas * sigma)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    blurred = samples.astype(np.float64)
    for axis in (0, 1):
        length = blurred.shape[axis]
        rows = np.moveaxis(blurred, axis, 0)
        weights = np.zeros((length, length))
        for row in range(length):
            for weight, source in zip(kernel, range(row - radius, row + radius + 1), strict=True):
                weights[row, _reflected(source, length)] += weight
        blurred = np.moveaxis(np.tensordot(weights, rows, axes=1), 0, axis)
    return blurred


def quad_edge_blur(pixels: Pixels, band_px: int, sigma: float) -> tuple[Floats, NDArray[np.bool_]]:
    """The quad edge-blur of opaque pixels, and where it blurs."""
    height, width = pixels.shape[:2]
    result = pixels.astype(np.float64)
    blurred_here = np.zeros((height, width), np.bool_)
    middle_x, middle_y = width // 2, height // 2
    for rows in (slice(0, middle_y), slice(middle_y, height)):
        for columns in (slice(0, middle_x), slice(middle_x, width)):
            y, x = np.mgrid[0:height, 0:width][:, rows, columns]
            below = np.where(y < middle_y, middle_y - 1 - y, y - middle_y)
            beside = np.where(x < middle_x, middle_x - 1 - x, x - middle_x)
            band = (below < band_px) | (beside < band_px)
            part = gaussian(pixels[rows, columns], sigma)
            result[rows, columns][band] = part[band]
            blurred_here[rows, columns] = band
    return result, blurred_here


def _reflected(index: int, length: int) -> int:
    while not 0 <= index < length:
        if length == 1:
            return 0
        index = -index if index < 0 else 2 * (length - 1) - index
    return index
