"""Round corners, against the area of each pixel that lies in the circle."""

import numpy as np
import pytest

from pixelpipe.imaging.operations.corners import round_corners
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.pictures import noise, read_only
from tests.fidelity.references import Floats

STEPS = 400


def shares(height: int, width: int, radius: float) -> Floats:
    """How much of each pixel lies inside, by summing up narrow columns."""
    x = (np.arange(width * STEPS) + 0.5) / STEPS
    beside = np.maximum(radius - np.minimum(x, width - x), 0)
    lost = radius - np.sqrt(radius**2 - beside**2)
    rows = np.arange(height)[:, None]
    top, bottom = np.maximum(rows, lost), np.minimum(rows + 1, height - lost)
    columns = np.maximum(bottom - top, 0).reshape(height, width, STEPS)
    return np.asarray(columns.mean(axis=2), np.float64)


def alpha_of(height: int, width: int, radius: float) -> Pixels:
    opaque = np.zeros((height, width, 3), np.uint8)
    return round_corners(read_only(opaque), radius)[..., 3]


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 9, 20, 31])
@pytest.mark.parametrize("size", [(64, 90), (65, 63)])
def test_alpha_is_the_share_inside(size: tuple[int, int], radius: float) -> None:
    error = np.abs(alpha_of(*size, radius) - 255 * shares(*size, radius))
    assert error.max() <= 0.55


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 2), (3, 3), (1, 8), (2, 9), (9, 2), (5, 8), (8, 5), (41, 41), (40, 77)]
)
def test_a_large_radius_makes_a_disc_or_a_pill(size: tuple[int, int]) -> None:
    alpha = alpha_of(*size, 5000)
    assert np.abs(alpha - 255 * shares(*size, min(size) / 2)).max() <= 0.6
    assert (alpha == alpha[::-1]).all()
    assert (alpha == alpha[:, ::-1]).all()


def test_only_the_corners_change() -> None:
    pixels = noise(60, 80, 3)
    rounded = round_corners(pixels, 12)
    assert (rounded[..., :3] == pixels).all()
    assert (rounded[12:48, :, 3] == 255).all()
    assert (rounded[:, 12:68, 3] == 255).all()
    assert (rounded[[0, 0, -1, -1], [0, -1, 0, -1], 3] == 0).all()


def test_alpha_that_is_there_is_multiplied() -> None:
    pixels = noise(40, 60, 4)
    rounded = round_corners(pixels, 15)
    wanted = pixels[..., 3] * (alpha_of(40, 60, 15) / 255)
    assert np.abs(rounded[..., 3] - wanted).max() <= 0.5 + 1e-6
    assert (rounded[..., :3] == pixels[..., :3]).all()


def test_gray_becomes_gray_in_colour() -> None:
    gray = noise(20, 30, 1)
    assert (round_corners(gray, 4)[..., :3] == gray[..., None]).all()
