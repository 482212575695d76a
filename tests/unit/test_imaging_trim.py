"""What a trim leaves, against libvips and against a search of every pixel."""

import numpy as np
import pytest
import pyvips

from pixelpipe.imaging.operations.trim import content_box
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.pictures import read_only, scene

Box = tuple[int, int, int, int]


def framed(content: Pixels, box: Box, size: tuple[int, int], color: object) -> Pixels:
    x, y, width, height = box
    whole = np.empty((*size[::-1], *content.shape[2:]), np.uint8)
    whole[...] = color
    whole[y : y + height, x : x + width] = content[:height, :width]
    return read_only(whole)


def by_libvips(pixels: Pixels, threshold: int) -> Box:
    # As line art it does without its median filter.
    background = np.atleast_1d(pixels[0, 0]).tolist()
    image = pyvips.Image.new_from_array(pixels)
    found = image.find_trim(threshold=threshold, background=background, line_art=True)
    # Where it finds nothing it says so; PixelPipe leaves the whole.
    return (
        (found[0], found[1], found[2], found[3]) if found[2] else (0, 0, image.width, image.height)
    )


BOXES = [
    (30, 20, 100, 70),
    (0, 20, 200, 1),
    (199, 0, 1, 150),
    (1, 1, 198, 148),
    (64, 64, 64, 64),
    (199, 149, 1, 1),
    (130, 3, 9, 147),
]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (3, 250, 77)])
def test_a_frame_is_cut_off(box: Box, color: tuple[int, int, int]) -> None:
    content = np.clip(scene(150, 200), 30, 220)
    pixels = framed(content, box, (200, 150), color)
    assert content_box(pixels, 10) == box == by_libvips(pixels, 10)
    gray = read_only(np.ascontiguousarray(pixels[..., 1]))
    assert content_box(gray, 10) == by_libvips(gray, 10)


@pytest.mark.parametrize("threshold", [0, 1, 10, 60, 200, 254])
def test_the_threshold_is_that_of_libvips(threshold: int) -> None:
    pixels = read_only(scene(150, 200)[40:, 60:])
    assert content_box(pixels, threshold) == by_libvips(pixels, threshold)


def test_a_level_at_the_threshold_is_alike() -> None:
    pixels = np.full((9, 9, 3), 100, np.uint8)
    pixels[4, 5] = (100, 110, 100)
    assert content_box(pixels, 9) == (5, 4, 1, 1)
    assert content_box(pixels, 10) == (0, 0, 9, 9)
    pixels[4, 5] = (90, 100, 100)
    assert content_box(pixels, 9) == (5, 4, 1, 1)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7, 3), (65, 64, 4)])
def test_a_picture_of_one_colour_stays_whole(shape: tuple[int, ...]) -> None:
    assert content_box(np.full(shape, 77, np.uint8), 0) == (0, 0, shape[1], shape[0])


def test_all_that_is_transparent_is_alike() -> None:
    pixels = np.zeros((90, 120, 4), np.uint8)
    pixels[..., :3] = np.random.default_rng(3).integers(0, 256, (90, 120, 3))
    pixels[10:70, 30:100, 3] = 200
    assert content_box(read_only(pixels), 10) == (30, 10, 70, 60)


def test_a_faint_shadow_is_content_above_the_threshold() -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[20:30, 20:30, 3] = 255
    pixels[15:20, 20:30, 3] = 8
    assert content_box(pixels, 7) == (20, 15, 10, 15)
    assert content_box(pixels, 8) == (20, 20, 10, 10)


def test_a_hole_in_an_opaque_frame_is_content() -> None:
    pixels = np.full((40, 50, 4), 255, np.uint8)
    pixels[12:20, 5:9, 3] = 0
    assert content_box(read_only(pixels), 10) == (5, 12, 4, 8)
