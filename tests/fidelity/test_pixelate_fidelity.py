"""Squares, against the float64 mean of each."""

import numpy as np
import pytest

from pixelpipe.imaging.operations.pixelate import pixelate
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.pictures import noise, read_only, scene
from tests.fidelity.references import Floats


def means(pixels: Pixels, square_px: int) -> Floats:
    wanted = pixels.astype(np.float64)
    for y in range(0, pixels.shape[0], square_px):
        for x in range(0, pixels.shape[1], square_px):
            square = wanted[y : y + square_px, x : x + square_px]
            weights = square[..., 3] if wanted.shape[2:] == (4,) else np.ones(square.shape[:2])
            total = weights.sum()
            colors = np.tensordot(weights, square, 2) / total if total else 0 * square[0, 0]
            if wanted.shape[2:] == (4,):
                colors[3] = square[..., 3].mean()
            square[...] = colors
    return wanted


@pytest.mark.parametrize("square_px", [2, 3, 8, 50, 63, 64, 65, 1000])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_each_square_is_its_mean(square_px: int, kind: int) -> None:
    pixels = noise(131, 150, kind)
    error = np.abs(pixelate(pixels, square_px) - means(pixels, square_px))
    assert error.max() <= 0.5 + 1e-3


def test_faint_pixels_keep_their_colour() -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[3, 5] = (40, 90, 250, 200)
    made = pixelate(read_only(pixels), 8)
    assert (made[:8, :8] == (40, 90, 250, 3)).all()
    assert (made[8:] == 0).all()


def test_a_transparent_pixel_has_no_weight() -> None:
    pixels = np.full((6, 6, 4), (10, 20, 30, 255), np.uint8)
    pixels[::2] = (255, 255, 255, 0)
    assert (pixelate(read_only(pixels), 6) == (10, 20, 30, 128)).all()


def test_done_twice_is_done_once() -> None:
    once = pixelate(scene(100, 121), 9)
    assert (pixelate(read_only(once), 9) == once).all()


def test_one_large_square_of_white_is_white() -> None:
    pixels = np.full((1500, 1500, 4), 255, np.uint8)
    pixels[0, 0, 3] = 254
    assert (pixelate(read_only(pixels), 1500) == 255).all()
