"""Resizing in linear light: what is mixed is light, and not the levels that stand for it."""

import cv2
import numpy as np
import pytest

from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.resampling.light import to_levels, to_light
from pixelpipe.imaging.resampling.resize import resize
from pixelpipe.recipes.task import Kernel, Rect
from tests.fidelity.pictures import photograph, picture_of, read_only
from tests.fidelity.references import Floats, exact_lanczos, psnr


def checkerboard(channels: int) -> Pixels:
    y, x = np.mgrid[0:120, 0:160]
    board = ((x + y) % 2 * 255).astype(np.uint8)
    return read_only(np.dstack([board] * channels) if channels > 1 else board)


def light(levels: Pixels | Floats) -> Floats:
    """The same by the formula of IEC 61966-2-1."""
    part = np.asarray(levels, np.float64) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("channels", [1, 3])
def test_black_and_white_in_turn_become_the_gray_of_half_the_light(
    kernel: Kernel, channels: int
) -> None:
    picture = picture_of(checkerboard(channels))
    for size in ((80, 60), (37, 31)):
        how = (Rect(0, 0, 160, 120), *size)
        in_light = resize(picture, *how, kernel=kernel, linear=True)[3:-3, 3:-3]
        in_levels = resize(picture, *how, kernel=kernel)[3:-3, 3:-3]
        assert np.abs(in_light.astype(int) - 188).max() <= 1
        assert np.abs(in_levels.astype(int) - 128).max() <= 2


@pytest.mark.parametrize("size", [(200, 150), (91, 67), (500, 420)])
def test_lanczos3_of_light_is_that_of_pillow(size: tuple[int, int]) -> None:
    pixels = photograph(301, 403)
    asked = (Rect(1, 2, 400, 297), *size)
    resized = resize(picture_of(pixels), *asked, kernel=Kernel.LANCZOS3, linear=True)
    wanted = exact_lanczos((light(pixels) * 255).astype(np.float32), *asked)
    assert np.abs(light(resized) * 255 - wanted).mean() < 0.6
    assert psnr(resized, to_levels((wanted / 255).astype(np.float32))) > 55


def test_fast_of_light_is_near_to_it() -> None:
    pixels = photograph(301, 403)
    asked = (Rect(0, 0, 403, 301), 150, 112)
    fast = resize(picture_of(pixels), *asked, linear=True)
    lanczos3 = resize(picture_of(pixels), *asked, kernel=Kernel.LANCZOS3, linear=True)
    area = cv2.resize(to_light(pixels), asked[1:], interpolation=cv2.INTER_AREA)
    by_area = psnr(to_levels(np.asarray(area, np.float32)), lanczos3)
    assert psnr(fast, lanczos3) > max(37, by_area)


def test_alpha_is_no_light() -> None:
    """Every second pixel is opaque: half of it is half of it."""
    board = checkerboard(1)
    pixels = np.full((*board.shape, 4), 200, np.uint8)
    pixels[..., 3] = board
    for kernel in Kernel:
        asked = (Rect(0, 0, 160, 120), 40, 30)
        resized = resize(picture_of(read_only(pixels)), *asked, kernel=kernel, linear=True)
        inner = resized[3:-3, 3:-3].astype(int)
        assert np.abs(inner[..., 3] - 127.5).max() < 2
        assert np.abs(inner[..., :3] - 200).max() <= 1


def test_every_level_comes_back_from_its_light() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert (to_levels(to_light(levels).copy()) == levels).all()
    assert np.abs(to_light(levels) - light(levels)).max() < 1e-6


def test_light_beyond_black_and_white_is_cut_off() -> None:
    assert to_levels(np.array([-0.2, 1.3], np.float32)).tolist() == [0, 255]
