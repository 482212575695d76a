"""The blur measured against a float64 Gaussian."""

import numpy as np
import pytest

from pixelpipe.imaging.operations.effects import blur
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.pictures import noise, photograph, read_only, scene
from tests.fidelity.references import gaussian, psnr

SIGMAS = (0.3, 0.5, 0.8, 1.4, 2, 2.99, 3, 3.2, 4, 5, 6.3, 8, 13, 25, 60, 100, 250)
# Above and below the sizes at which another way is taken, odd and even.
SHAPES = ((150, 201), (131, 128), (129, 260), (127, 64), (37, 64), (16, 17), (9, 140), (15, 300))


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("shape", SHAPES)
def test_near_to_a_true_gaussian(sigma: float, shape: tuple[int, int]) -> None:
    for pixels in (scene(*shape), noise(*shape, 3)):
        assert psnr(blur(pixels, sigma), gaussian(pixels, sigma, cut_sigmas=5)) > 45


@pytest.mark.parametrize("sigma", [3, 3.5, 9, 40])
@pytest.mark.parametrize("shape", [(521, 605), (520, 604), (601, 515)])
def test_borders_are_as_good_as_the_middle(sigma: float, shape: tuple[int, int]) -> None:
    pixels = photograph(*shape)
    blurred, wanted = blur(pixels, sigma), gaussian(pixels, sigma, cut_sigmas=5)
    assert psnr(blurred, wanted) > 52
    for border in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert psnr(blurred[border], wanted[border]) > 45


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (2, 1), (3, 5), (16, 3), (1, 400)])
@pytest.mark.parametrize("sigma", [0.3, 3, 7, 250])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiny_pictures(shape: tuple[int, int], sigma: float, channels: int) -> None:
    pixels = noise(*shape, channels).copy()
    if channels == 4:
        pixels[..., 3] = 255
    error = np.abs(blur(read_only(pixels), sigma) - gaussian(pixels, sigma, cut_sigmas=5))
    assert error.max() <= 1


@pytest.mark.parametrize("shape", [(600, 700), (601, 701), (100, 90), (12, 400)])
@pytest.mark.parametrize("sigma", [2, 3, 30, 250])
def test_one_colour_stays_itself(shape: tuple[int, int], sigma: float) -> None:
    pixels = np.full((*shape, 3), (3, 200, 255), np.uint8)
    assert (blur(pixels, sigma) == pixels).all()


@pytest.mark.parametrize("sigma", [1, 4, 30])
def test_gray(sigma: float) -> None:
    pixels = noise(180, 190, 1)
    assert psnr(blur(pixels, sigma), gaussian(pixels, sigma, cut_sigmas=5)) > 45


@pytest.mark.parametrize("sigma", [1, 3, 9, 40])
@pytest.mark.parametrize("shape", [(150, 201), (60, 77)])
def test_alpha_weighs_each_pixel(shape: tuple[int, int], sigma: float) -> None:
    pixels = noise(*shape, 4)
    blurred = blur(pixels, sigma)
    wanted = gaussian(weighted(pixels), sigma, cut_sigmas=5)
    assert psnr(weighted(blurred), wanted) > 45


def weighted(pixels: Pixels) -> np.ndarray:
    colours = pixels[..., :3] * (pixels[..., 3:] / 255)
    return np.dstack([colours, pixels[..., 3].astype(float)])


def test_the_pixels_are_not_written_to() -> None:
    pixels = scene(151, 202)
    before = pixels.copy()
    for sigma in (1, 4, 40):
        blur(pixels, sigma)
    assert (pixels == before).all()
