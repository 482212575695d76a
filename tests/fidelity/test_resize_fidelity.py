"""Resizing measured against the Lanczos of Pillow and libvips, beside OpenCV's INTER_AREA."""

import io
from collections.abc import Callable
from math import inf

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.alpha import premultiply
from pixelpipe.imaging.operations.effects import grayscale
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.imaging.resampling import lanczos as lanczos_module
from pixelpipe.imaging.resampling import resize as module
from pixelpipe.imaging.resampling.resize import resize
from pixelpipe.imaging.resampling.three_taps import MEAN, filtered
from pixelpipe.recipes.task import Kernel, Rect
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.pictures import noise, photograph, picture_of, read_only, scene
from tests.fidelity.references import area, exact_lanczos, lanczos, psnr, vips_lanczos

# Target by source.
SHRINKING = (0.05, 0.08, 0.1, 0.125, 0.17, 0.2, 0.25, 0.3, 0.34, 0.36, 0.4, 0.44, 0.5)
BARELY_SHRINKING = (0.51, 0.52, 0.57, 0.64, 0.66, 0.67, 0.7, 0.75, 0.77, 0.8, 0.9, 0.95)
ENLARGING = (1.05, 1.5, 2, 3, 4)
SHAPE = (451, 603)
REGIONS = (Rect(0, 0, 603, 451), Rect(17, 5, 560, 431), Rect(101, 38, 433, 389))


def scaled(region: Rect, scale: float) -> tuple[Rect, int, int]:
    """A region and its size in the target; less of it where it is enlarged."""
    if scale > 1:
        region = Rect(region.x, region.y, region.width // 4, region.height // 4)
    return region, round(region.width * scale), round(region.height * scale)


@pytest.mark.parametrize("scale", [*SHRINKING, *BARELY_SHRINKING, *ENLARGING])
@pytest.mark.parametrize("draw", [scene, photograph])
def test_fast_is_nearer_to_lanczos_than_area_means(
    draw: Callable[[int, int], Pixels], scale: float
) -> None:
    pixels = draw(*SHAPE)
    picture = picture_of(pixels)
    for region in REGIONS:
        asked = scaled(region, scale)
        reference = exact_lanczos(pixels, *asked)
        reached = psnr(resize(picture, *asked), reference)
        # Over 49 dB there is nothing left to see: an error of less than a level.
        assert reached >= min(psnr(area(pixels, *asked), reference), 49)
        assert reached > 36


@pytest.mark.parametrize("scale", [*SHRINKING, *BARELY_SHRINKING, *ENLARGING])
def test_lanczos3_is_that_of_pillow(scale: float) -> None:
    pixels = photograph(*SHAPE)
    picture = picture_of(pixels)
    for region in REGIONS:
        asked = scaled(region, scale)
        resized = resize(picture, *asked, kernel=Kernel.LANCZOS3)
        # Rounding alone leaves 58.9 dB.
        assert psnr(resized, exact_lanczos(pixels, *asked)) > 58


@pytest.mark.parametrize("scale", [0.1, 0.3, 0.5, 0.64, 0.9])
def test_lanczos3_is_that_of_libvips(scale: float) -> None:
    pixels = photograph(*SHAPE)
    asked = scaled(REGIONS[0], scale)
    resized = resize(picture_of(pixels), *asked, kernel=Kernel.LANCZOS3)
    wanted = vips_lanczos(pixels, *asked[1:])
    inner = (slice(4, -4), slice(4, -4))
    assert psnr(resized[inner], wanted[inner]) > 55


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize(
    ("across", "down"), [(1.2, 3.7), (5, 1.5), (2, 2.7), (0.5, 2.2), (1, 1.8), (9, 0.4), (1.4, 1.6)]
)
def test_sides_of_different_ratios(across: float, down: float, kernel: Kernel) -> None:
    """`fill` stretches: each side goes its own way."""
    pixels = photograph(*SHAPE)
    asked = (Rect(3, 1, 600, 450), round(600 / across), round(450 / down))
    resized = resize(picture_of(pixels), *asked, kernel=kernel)
    reference = exact_lanczos(pixels, *asked)
    if kernel == Kernel.LANCZOS3:
        assert psnr(resized, reference) > 58
    else:
        assert psnr(resized, reference) > max(36, psnr(area(pixels, *asked), reference))


@pytest.mark.parametrize("factor", [1.3, 2, 3.7])
def test_enlarging(factor: float) -> None:
    pixels = scene(120, 160)
    region = Rect(11, 7, 131, 101)
    size = (round(131 * factor), round(101 * factor))
    resized = resize(picture_of(pixels), region, *size)
    assert psnr(resized, lanczos(pixels, region, *size)) > 38


def reduced(pixels: Pixels, reduction: int) -> Picture:
    """Pixels as a JPEG that is decoded at a part of its size."""
    content = io.BytesIO()
    Image.fromarray(pixels[..., ::-1]).save(content, "JPEG", quality=97, subsampling=0)
    height, width = pixels.shape[:2]
    plan = plan_for(Format.JPEG, (height, width), 3, 1, reduction)
    return Picture(read_only(decoded(content.getvalue(), plan)), plan)


@pytest.mark.parametrize(("reduction", "left"), [(2, 1.6), (2, 3.1), (4, 1.7), (4, 2.4), (8, 1.6)])
@pytest.mark.parametrize("shape", [(451, 603), (448, 608), (455, 601)])
def test_a_reduced_decode_is_as_near_as_area_means_of_the_whole(
    shape: tuple[int, int], reduction: int, left: float
) -> None:
    pixels = photograph(*shape)
    picture = reduced(pixels, reduction)
    height, width = shape
    start = 3 * reduction
    for region in (Rect(0, 0, width, height), Rect(start, start, width - start, height - start)):
        size = (round(region.width / reduction / left), round(region.height / reduction / left))
        reference = exact_lanczos(pixels, region, *size)
        resized = resize(picture, region, *size)
        assert psnr(resized, reference) >= psnr(area(pixels, region, *size), reference) - 0.5


def test_a_region_within_a_reduced_pixel_is_not_shifted() -> None:
    """The region begins within a pixel of what was decoded; half a pixel would cost 10 dB."""
    pixels = scene(452, 604)
    half = as_pixels(cv2.resize(pixels, (302, 226), interpolation=cv2.INTER_LINEAR_EXACT))
    picture = picture_of(half, reduction=2, source=(452, 604))
    for region in (Rect(1, 0, 600, 452), Rect(0, 3, 604, 431), Rect(21, 33, 501, 377)):
        size = (round(region.width / 3.3), round(region.height / 3.3))
        reference = lanczos(pixels, region, *size)
        reached = psnr(resize(picture, region, *size), reference)
        assert reached >= psnr(area(pixels, region, *size), reference)


def test_a_small_region_is_made_from_itself_alone_and_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels = photograph(*SHAPE)
    for region in (Rect(97, 41, 230, 151), Rect(0, 0, 151, 99), Rect(403, 305, 200, 146)):
        for ratio in (1.1, 1.3, 1.4, 1.7, 2.2, 3.7, 6.1, 9):
            asked = (region, round(region.width / ratio), round(region.height / ratio))
            alone = resize(picture_of(pixels), *asked)
            monkeypatch.setattr(module, "_CUT_OUT_OF", inf)
            assert (resize(picture_of(pixels), *asked) == alone).all()
            monkeypatch.undo()


def test_halves_of_halves_keep_their_brightness() -> None:
    pixels = scene(512, 512)
    small = resize(picture_of(pixels), Rect(0, 0, 512, 512), 32, 32)
    assert abs(float(small.mean()) - float(pixels.mean())) < 0.4


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("level", [0, 1, 77, 254, 255])
def test_one_level_stays_itself(level: int, kernel: Kernel, *, linear: bool) -> None:
    pixels = np.full((203, 304, 3), level, np.uint8)
    picture = picture_of(pixels)
    for width in (17, 50, 80, 140, 180, 220, 290, 400):
        asked = (Rect(1, 2, 301, 200), width, width // 2)
        resized = resize(picture, *asked, kernel=kernel, linear=linear)
        assert (resized == level).all()


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (57, 1), (3, 2)])
def test_tiny_targets_are_near_the_mean_colour(size: tuple[int, int], kernel: Kernel) -> None:
    pixels = scene(300, 400)
    resized = resize(picture_of(pixels), Rect(0, 0, 400, 300), *size, kernel=kernel)
    assert resized.shape == (size[1], size[0], 3)
    assert np.abs(resized.mean(axis=(0, 1)) - pixels.mean(axis=(0, 1))).max() < 8


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("region", "size"),
    [
        (Rect(0, 0, 1003, 751), (7, 5)),
        (Rect(0, 0, 1003, 751), (900, 6)),
        (Rect(101, 57, 803, 601), (9, 7)),
        (Rect(401, 307, 203, 151), (2, 3)),
        (Rect(500, 300, 20, 9), (400, 180)),
    ],
)
def test_tiny_sides_are_made_of_few_pixels(
    region: Rect, size: tuple[int, int], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the quick halves and not of every pixel as floats, and as well as of those."""
    pixels = photograph(751, 1003)
    if channels == 1:
        pixels = grayscale(pixels)
    elif channels > 3:
        disc = cv2.circle(np.zeros(pixels.shape[:2], np.uint8), (520, 370), 300, 255, -1)
        pixels = as_pixels(cv2.merge([*cv2.split(pixels), disc]))
    read = 0
    to_samples = lanczos_module._to_samples

    def counting(part: Pixels, mixing: lanczos_module._Mixing) -> NDArray[np.float32]:
        nonlocal read
        read += part.shape[0] * part.shape[1]
        return to_samples(part, mixing)

    wanted = lanczos_module.resize(picture_of(pixels), region, size, Kernel.FAST, linear=False)
    monkeypatch.setattr(lanczos_module, "_to_samples", counting)
    resized = resize(picture_of(pixels), region, *size)
    assert read < 0.2 * region.width * region.height
    if channels > 3:
        wanted, resized = premultiply(wanted), premultiply(resized)
    assert psnr(resized, wanted) > 38


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (2, 2), (3, 977), (1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (40, 2)])
def test_extreme_shapes(
    shape: tuple[int, int], size: tuple[int, int], kernel: Kernel, *, linear: bool
) -> None:
    pixels = scene(500, 1000)[: shape[0], : shape[1]]
    region = Rect(0, 0, shape[1], shape[0])
    resized = resize(picture_of(pixels), region, *size, kernel=kernel, linear=linear)
    assert resized.shape == (size[1], size[0], 3)
    assert resized.min() >= int(pixels.min()) - 30
    assert resized.max() <= int(pixels.max()) + 30


@pytest.mark.parametrize("kernel", Kernel)
def test_gray_is_resized_as_one_channel(kernel: Kernel) -> None:
    pixels = grayscale(scene(301, 403))
    region = Rect(2, 3, 400, 297)
    resized = resize(picture_of(pixels), region, 160, 119, kernel=kernel)
    assert psnr(resized, lanczos(pixels, region, 160, 119)) > 42
    assert resized.flags.c_contiguous


@pytest.mark.parametrize(("across", "down"), [(MEAN, MEAN), (MEAN, 0.2), (0, 0.12), (-0.1, 0.2)])
def test_a_filter_of_three_taps_is_what_it_says(across: float, down: float) -> None:
    pixels = noise(40, 50, 3)
    wanted = pixels.astype(float)
    for tap, axis in ((across, 1), (down, 0)):
        wide = np.pad(wanted, [(1, 1) if at == axis else (0, 0) for at in range(3)], "edge")
        before, after = np.delete(wide, [-1, -2], axis), np.delete(wide, [0, 1], axis)
        wanted = tap * before + (1 - 2 * tap) * wanted + tap * after
    made = filtered(pixels, across, down)
    # Whole numbers of 256 stand for the taps.
    assert np.abs(made - np.clip(wanted, 0, 255)).max() < 1.5
