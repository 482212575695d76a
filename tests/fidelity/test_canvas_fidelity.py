"""The blurred backdrop: what it shows, and how much of it."""

import numpy as np
import pytest

from pixelpipe.imaging.operations.canvas import blurred_backdrop
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Canvas, Rect
from tests.fidelity.pictures import noise, read_only, scene
from tests.fidelity.references import gaussian, lanczos, psnr

WIDE = Canvas(300, 120, 75, 0)


def test_the_picture_itself_is_untouched() -> None:
    for kind in (1, 3):
        pixels = noise(120, 150, kind)
        made = blurred_backdrop(pixels, WIDE)
        assert made.shape[:2] == (120, 300)
        assert (made[:, 75:225] == pixels).all()


def test_the_backdrop_is_the_picture_scaled_to_cover_and_blurred() -> None:
    pixels = scene(120, 150)
    made = blurred_backdrop(pixels, WIDE)
    # 300 to 120 is the shape of 150 to 60.
    covering = lanczos(pixels, Rect(0, 30, 150, 60), 300, 120)
    wanted = gaussian(covering, 300 / 24)
    beside = np.r_[0:75, 225:300]
    assert psnr(made[:, beside], wanted[:, beside]) > 40
    assert psnr(made[:, beside], covering[:, beside]) < 30


def test_a_backdrop_above_and_below() -> None:
    pixels = scene(120, 150)
    made = blurred_backdrop(pixels, Canvas(150, 400, 0, 140))
    covering = lanczos(pixels, Rect(52, 0, 45, 120), 150, 400)
    wanted = gaussian(covering, 400 / 24)
    beside = np.r_[0:140, 260:400]
    assert psnr(made[beside], wanted[beside]) > 40


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (3, 200, 99)])
def test_one_colour_has_a_backdrop_of_it(color: tuple[int, int, int]) -> None:
    pixels = np.full((50, 40, 3), color, np.uint8)
    assert (blurred_backdrop(read_only(pixels), Canvas(401, 50, 180, 0)) == color).all()


def test_the_backdrop_is_seen_through_what_is_transparent() -> None:
    pixels = np.full((60, 60, 4), (20, 60, 200, 255), np.uint8)
    pixels[27:31, 20:24] = (255, 255, 255, 0)
    made = blurred_backdrop(read_only(pixels), Canvas(60, 90, 0, 15))
    seen = made[..., 3] > 8
    assert np.abs(made[seen][:, :3].astype(int) - (20, 60, 200)).max() <= 16
    hole = made[42:46, 20:24, 3]
    assert hole.min() > 0
    assert (made[15:75][pixels[..., 3] == 255] == (20, 60, 200, 255)).all()


def test_what_is_nowhere_seen_gives_no_backdrop() -> None:
    pixels = noise(30, 40, 4).copy()
    pixels[..., 3] = 0
    assert not blurred_backdrop(read_only(pixels), Canvas(90, 30, 25, 0))[..., 3].any()


def test_a_single_pixel() -> None:
    pixels: Pixels = np.array([[[1, 2, 3]]], np.uint8)
    assert (blurred_backdrop(pixels, Canvas(30, 20, 4, 4)) == (1, 2, 3)).all()
