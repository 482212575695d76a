"""The quad edge-blur measured against a float64 Gaussian of each part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.errors import ImageTooSmallError
from pixelpipe.imaging.operations.quad import quad_edge_blur
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.quadrants import quadrants
from tests.fidelity.pictures import noise, scene
from tests.fidelity.references import quad_edge_blur as reference


def check(pixels: Pixels, band_px: int, sigma: float) -> None:
    result = quad_edge_blur(pixels, band_px, sigma)
    wanted, blurred_here = reference(pixels, band_px, sigma)
    assert result.shape == pixels.shape
    assert (result[~blurred_here] == pixels[~blurred_here]).all()
    error = np.abs(result - wanted)[blurred_here]
    assert error.max() <= 2
    assert np.mean(error <= 1) >= 0.999


@pytest.mark.parametrize(("band_px", "sigma"), [(24, 12), (24, 0.3), (1, 3), (150, 5), (10, 100)])
@pytest.mark.parametrize("pixels", [scene(150, 201), noise(121, 90, 3), noise(90, 77, 1)])
def test_as_specified(pixels: Pixels, band_px: int, sigma: float) -> None:
    check(pixels, band_px, sigma)


@given(
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    band_px=st.integers(1, 30),
    sigma=st.floats(0.3, 25),
)
def test_any_small_picture(height: int, width: int, band_px: int, sigma: float) -> None:
    check(noise(40, 40, 3)[:height, :width], band_px, sigma)


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 2), (5, 4), (2, 300), (7, 7)])
@pytest.mark.parametrize("sigma", [0.3, 12, 100])
def test_parts_smaller_than_the_reach(shape: tuple[int, int], sigma: float) -> None:
    """A part of 1, 2 or 3 pixels is reflected to and fro many times."""
    check(noise(*shape, 3), 24, sigma)


def test_the_parts_are_not_mixed() -> None:
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:30, :40], pixels[:30, 40:], pixels[30:, :40], pixels[30:, 40:] = 10, 90, 170, 250
    assert (quad_edge_blur(pixels, 24, 12) == pixels).all()


def test_right_and_lower_parts_get_the_odd_pixel() -> None:
    parts = quadrants(7, 5)
    assert [(part.x, part.y, part.width, part.height) for part in parts] == [
        (0, 0, 3, 2),
        (3, 0, 4, 2),
        (0, 2, 3, 3),
        (3, 2, 4, 3),
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_too_small(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooSmallError, match="at least 2"):
        quad_edge_blur(noise(size[1], size[0], 3), 24, 12)
    with pytest.raises(ImageTooSmallError, match="at least 2"):
        quadrants(*size)
