"""Resizing measured against Pillow's Lanczos, beside what OpenCV's INTER_AREA reaches."""

import cv2
import numpy as np
import pytest

from pixelpipe.imaging.effects import grayscale
from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.imaging.resize import resize
from pixelpipe.recipes.task import Rect
from tests.fidelity.pictures import picture_of, scene
from tests.fidelity.references import lanczos, psnr

RATIOS = (1.16, 1.25, 1.31, 1.4, 1.6, 1.8, 1.95, 2, 2.06, 2.3, 2.45, 2.6, 3, 3.4, 4, 4.5, 4.9, 5.1)
REGIONS = (Rect(0, 0, 603, 451), Rect(17, 5, 560, 431), Rect(101, 38, 433, 389))


def area(pixels: Pixels, region: Rect, width: int, height: int) -> Pixels:
    part = pixels[region.y : region.y + region.height, region.x : region.x + region.width]
    return as_pixels(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("ratio", [*RATIOS, 6, 7, 8])
def test_nearer_to_lanczos_than_area_means(ratio: float) -> None:
    pixels = scene(451, 603)
    picture = picture_of(pixels)
    for region in REGIONS:
        size = (round(region.width / ratio), round(region.height / ratio))
        reference = lanczos(pixels, region, *size)
        reached = psnr(resize(picture, region, *size), reference)
        assert reached >= psnr(area(pixels, region, *size), reference) - 0.1


@pytest.mark.parametrize(("across", "down"), [(1.2, 3.7), (5, 1.5), (2, 2.7), (0.5, 2.2)])
def test_sides_of_different_ratios(across: float, down: float) -> None:
    pixels = scene(451, 603)
    region = Rect(3, 1, 600, 450)
    size = (round(600 / across), round(450 / down))
    resized = resize(picture_of(pixels), region, *size)
    assert psnr(resized, lanczos(pixels, region, *size)) > 38


@pytest.mark.parametrize("factor", [1.3, 2, 3.7])
def test_enlarging(factor: float) -> None:
    pixels = scene(120, 160)
    region = Rect(11, 7, 131, 101)
    size = (round(131 * factor), round(101 * factor))
    resized = resize(picture_of(pixels), region, *size)
    assert psnr(resized, lanczos(pixels, region, *size)) > 38


def test_a_reduced_decode_is_not_shifted() -> None:
    """The region begins within a pixel of what was decoded; half a pixel would cost 10 dB."""
    pixels = scene(452, 604)
    half = as_pixels(cv2.resize(pixels, (302, 226), interpolation=cv2.INTER_LINEAR_EXACT))
    picture = picture_of(half, reduction=2, source=(452, 604))
    for region in (Rect(1, 0, 600, 452), Rect(0, 3, 604, 431), Rect(21, 33, 501, 377)):
        size = (round(region.width / 3.3), round(region.height / 3.3))
        reference = lanczos(pixels, region, *size)
        reached = psnr(resize(picture, region, *size), reference)
        assert reached >= psnr(area(pixels, region, *size), reference) - 0.1


def test_a_reduced_decode_of_odd_size_is_not_stretched() -> None:
    pixels = scene(451, 603)
    # The last pixels of what a codec decodes at half the size stand for one of the source.
    bordered = cv2.copyMakeBorder(pixels, 0, 1, 0, 1, cv2.BORDER_REPLICATE)
    half = as_pixels(cv2.resize(bordered, (302, 226), interpolation=cv2.INTER_LINEAR_EXACT))
    resized = resize(picture_of(half, 2, (451, 603)), Rect(0, 0, 603, 451), 180, 135)
    reference = lanczos(pixels, Rect(0, 0, 603, 451), 180, 135)
    assert psnr(resized, reference) > 41
    shifted = lanczos(pixels, Rect(1, 1, 602, 450), 180, 135)
    assert psnr(resized, reference) > psnr(resized, shifted) + 6


def test_halves_of_halves_keep_their_brightness() -> None:
    pixels = scene(512, 512)
    small = resize(picture_of(pixels), Rect(0, 0, 512, 512), 32, 32)
    assert abs(float(small.mean()) - float(pixels.mean())) < 0.2


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (57, 1), (3, 2)])
def test_tiny_targets_are_near_the_mean_colour(size: tuple[int, int]) -> None:
    pixels = scene(300, 400)
    resized = resize(picture_of(pixels), Rect(0, 0, 400, 300), *size)
    assert resized.shape == (size[1], size[0], 3)
    assert np.abs(resized.mean(axis=(0, 1)) - pixels.mean(axis=(0, 1))).max() < 8


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (3, 977), (1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (40, 2)])
def test_extreme_shapes(shape: tuple[int, int], size: tuple[int, int]) -> None:
    pixels = scene(500, 1000)[: shape[0], : shape[1]]
    resized = resize(picture_of(pixels), Rect(0, 0, shape[1], shape[0]), *size)
    assert resized.shape == (size[1], size[0], 3)
    assert resized.min() >= int(pixels.min()) - 30
    assert resized.max() <= int(pixels.max()) + 30


def test_gray_is_resized_as_one_channel() -> None:
    pixels = grayscale(scene(301, 403))
    region = Rect(2, 3, 400, 297)
    resized = resize(picture_of(pixels), region, 160, 119)
    assert psnr(resized, lanczos(pixels, region, 160, 119)) > 42
