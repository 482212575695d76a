"""What results are measured against, written for being right and not for being quick."""

from functools import lru_cache
from math import ceil

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from pixelpipe.imaging.pixels import Pixels, as_pixels
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


def exact_lanczos(pixels: NDArray[np.generic], region: Rect, width: int, height: int) -> Floats:
    """Pillow's Lanczos of a region, in floating point and cut off at black and white."""
    box = (region.x, region.y, region.x + region.width, region.y + region.height)
    planes = [np.ascontiguousarray(plane, np.float32) for plane in np.moveaxis(pixels, 2, 0)]
    resized = [
        Image.fromarray(plane).resize((width, height), Image.Resampling.LANCZOS, box=box)
        for plane in planes
    ]
    levels = np.dstack([np.asarray(plane) for plane in resized])
    return np.asarray(np.clip(levels, 0, 255), np.float64)


def vips_lanczos(pixels: Pixels, width: int, height: int) -> Floats:
    """The Lanczos of libvips of a whole picture that shrinks, in floating point."""
    image = pyvips.Image.new_from_array(pixels).cast("float")
    across, down = pixels.shape[1] / width, pixels.shape[0] / height
    resized = image.reduce(across, down, kernel="lanczos3", gap=0).numpy()
    return np.asarray(np.clip(resized, 0, 255), np.float64)


def area(pixels: Pixels, region: Rect, width: int, height: int) -> Pixels:
    """OpenCV's means over areas of a region: the usual way to shrink, and the one to beat."""
    part = pixels[region.y : region.y + region.height, region.x : region.x + region.width]
    return as_pixels(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))


def gaussian(samples: NDArray[np.generic], sigma: float, cut_sigmas: float = 4) -> Floats:
    """A float64 Gaussian, reflected without repeating the edge, over and over if need be."""
    blurred = samples.astype(np.float64)
    for axis in (0, 1):
        weights = _gaussian_weights(blurred.shape[axis], sigma, cut_sigmas)
        rows = np.moveaxis(blurred, axis, 0)
        blurred = np.moveaxis(np.tensordot(weights, rows, axes=1), 0, axis)
    return blurred


@lru_cache(maxsize=16)
def _gaussian_weights(length: int, sigma: float, cut_sigmas: float) -> Floats:
    """What each blurred pixel of a side is made of."""
    radius = ceil(cut_sigmas * sigma)
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    weights = np.zeros((length, length))
    period = max(1, 2 * (length - 1))
    for row in range(length):
        beyond = (row + offsets) % period
        weights[row] = np.bincount(np.minimum(beyond, period - beyond), kernel, length)[:length]
    return weights


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
