"""The unsharp mask, against a float64 one."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pixelpipe.imaging.operations.sharpen import sharpen
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Sharpen
from tests.fidelity.pictures import noise, read_only, scene
from tests.fidelity.references import Floats, gaussian, psnr


def exactly(pixels: Pixels, asked: Sharpen) -> Floats:
    samples = pixels.astype(np.float64)
    blurred = gaussian(samples, asked.sigma, cut_sigmas=5)
    return np.clip(samples + asked.amount * (samples - blurred), 0, 255)


@pytest.mark.parametrize(("sigma", "amount"), [(0.5, 1), (1, 1), (1, 3), (2.5, 0.5), (6, 1)])
def test_near_to_the_exact_one(sigma: float, amount: float) -> None:
    asked = Sharpen(sigma, amount)
    pixels = scene(121, 160)
    wanted = exactly(pixels, asked)
    assert psnr(sharpen(pixels, asked), wanted) > 45
    # What it does is far more than that.
    assert psnr(pixels, wanted) < psnr(sharpen(pixels, asked), wanted) - 6


def test_gray_is_sharpened_like_a_colour() -> None:
    pixels = scene(90, 120)
    gray = read_only(np.ascontiguousarray(pixels[..., 1]))
    asked = Sharpen(1.5, 2)
    assert (sharpen(gray, asked) == sharpen(pixels, asked)[..., 1]).all()


def test_near_to_pillow() -> None:
    pixels = scene(90, 120)
    unsharp = ImageFilter.UnsharpMask(radius=2, percent=100, threshold=0)
    wanted = np.asarray(Image.fromarray(pixels).filter(unsharp))
    inner = (slice(10, -10), slice(10, -10))  # the two repeat the border in different ways
    assert psnr(sharpen(pixels, Sharpen(2, 1))[inner], wanted[inner]) > 40


def test_what_passes_black_or_white_is_cut_there() -> None:
    pixels = np.full((20, 40), 10, np.uint8)
    pixels[:, 20:] = 245
    sharp = sharpen(read_only(pixels), Sharpen(1.5, 10))
    assert (sharp[:, :20] <= 10).all()
    assert (sharp[:, 20:] >= 245).all()
    assert sharp.min() == 0
    assert sharp.max() == 255


def test_one_colour_stays_itself() -> None:
    pixels = np.full((50, 70, 3), (3, 200, 255), np.uint8)
    for sigma in (0.7, 4, 20):
        assert (sharpen(read_only(pixels), Sharpen(sigma, 10)) == pixels).all()


@pytest.mark.parametrize("colour_of_nothing", [0, 255])
@pytest.mark.parametrize("sigma", [1, 5])
def test_nothing_transparent_makes_an_edge(colour_of_nothing: int, sigma: float) -> None:
    y, x = np.mgrid[0:120, 0:150]
    pixels = np.empty((120, 150, 4), np.uint8)
    pixels[...] = (60, 120, 180, 255)
    pixels[np.hypot(x - 70, y - 58) > 45] = (*[colour_of_nothing] * 3, 0)
    sharp = sharpen(read_only(pixels), Sharpen(sigma, 2)).astype(int)
    seen = pixels[..., 3] > 0
    # Twice what is rounded of the blurred colours, which lie there multiplied by half of alpha.
    assert np.abs(sharp - pixels)[seen].max() <= 8


def test_each_pixel_counts_by_its_alpha() -> None:
    pixels = noise(40, 60, 4).copy()
    pixels[..., 3] = np.maximum(pixels[..., 3], 64)
    asked = Sharpen(1.2, 1)
    samples = pixels.astype(np.float64)
    alpha = samples[..., 3:]
    mean = gaussian(samples[..., :3] * alpha, 1.2) / gaussian(alpha, 1.2)
    wanted = np.clip(2 * samples[..., :3] - mean, 0, 255)
    assert np.abs(sharpen(read_only(pixels), asked)[..., :3] - wanted).max() <= 4
