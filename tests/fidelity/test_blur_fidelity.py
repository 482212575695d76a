"""The blur measured against a float64 Gaussian."""

import numpy as np
import pytest

from pixelpipe.imaging.effects import blur
from tests.fidelity.pictures import noise, scene
from tests.fidelity.references import gaussian, psnr


@pytest.mark.parametrize("sigma", [0.3, 0.8, 2, 2.99, 3, 5, 8, 13, 25, 60, 110, 250])
@pytest.mark.parametrize("shape", [(150, 201), (37, 64), (9, 120)])
def test_near_to_a_true_gaussian(sigma: float, shape: tuple[int, int]) -> None:
    pixels = scene(*shape)
    assert psnr(blur(pixels, sigma), gaussian(pixels, sigma, cut_sigmas=5)) > 45


@pytest.mark.parametrize("sigma", [3, 9, 40])
def test_a_large_picture_of_odd_size(sigma: float) -> None:
    pixels = scene(521, 605)
    assert psnr(blur(pixels, sigma), gaussian(pixels, sigma, cut_sigmas=5)) > 45


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (16, 3)])
@pytest.mark.parametrize("sigma", [0.3, 7, 250])
def test_tiny_pictures(shape: tuple[int, int], sigma: float) -> None:
    pixels = noise(*shape, 3)
    error = np.abs(blur(pixels, sigma) - gaussian(pixels, sigma, cut_sigmas=5))
    assert error.max() <= 1


def test_one_colour_stays_itself() -> None:
    pixels = np.full((600, 700, 3), (3, 200, 255), np.uint8)
    assert (blur(pixels, 30) == pixels).all()


def test_gray() -> None:
    pixels = noise(80, 90, 1)
    assert psnr(blur(pixels, 4), gaussian(pixels, 4, cut_sigmas=5)) > 45
