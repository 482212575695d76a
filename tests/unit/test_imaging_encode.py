"""Each format that can be written, read again by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from pixelpipe.errors import InternalError
from pixelpipe.formats.registry import FORMATS, WRITABLE, Format
from pixelpipe.imaging.encode import File, encode
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import EncodeOptions, Subsampling
from tests.fidelity.files import bgr
from tests.fidelity.pictures import noise, read_only, scene
from tests.fidelity.references import psnr
from tests.tasks import make_task

GRAY = read_only(scene(90, 121)[..., 1].copy())
ALPHA = read_only(np.dstack([scene(90, 121), np.full((90, 121), 180, np.uint8)]))


def made(pixels: Pixels, target: Format, quality: int = 90, **options: object) -> File:
    asked = EncodeOptions(**options)  # type: ignore[arg-type]
    return encode(pixels, make_task(format=target, quality=quality, options=asked))


def reopened(pixels: Pixels, target: Format, quality: int = 90, **options: object) -> Image.Image:
    opened = Image.open(io.BytesIO(bytes(made(pixels, target, quality, **options).content)))
    assert opened.format == target.name
    opened.load()
    return opened


@pytest.mark.parametrize("target", WRITABLE)
@pytest.mark.parametrize("pixels", [scene(90, 121), GRAY], ids=["BGR", "gray"])
def test_decodes_to_what_went_in(target: Format, pixels: Pixels) -> None:
    opened = reopened(pixels, target)
    assert opened.size == (121, 90)
    result = bgr(opened)
    if pixels is GRAY and result.ndim == 3:
        result = result[..., 1]
    assert psnr(result, pixels) > (1000 if target == Format.PNG else 30)


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.AVIF])
def test_gray_stays_one_channel(target: Format) -> None:
    assert reopened(GRAY, target).mode == "L"


@pytest.mark.parametrize("target", [f for f in WRITABLE if FORMATS[f].holds_alpha])
def test_alpha_is_written(target: Format) -> None:
    opened = reopened(ALPHA, target)
    assert opened.mode == "RGBA"
    assert np.abs(np.asarray(opened)[..., 3].astype(int) - 180).max() <= 2
    assert psnr(bgr(opened), ALPHA) > 30


@pytest.mark.parametrize("target", [f for f in WRITABLE if FORMATS[f].default_quality])
def test_quality_costs_bytes(target: Format) -> None:
    sizes = [len(made(scene(90, 121), target, quality).content) for quality in (1, 50, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 3


@pytest.mark.parametrize("target", WRITABLE)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (13, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiny_pictures(target: Format, shape: tuple[int, int], channels: int) -> None:
    assert reopened(noise(*shape, channels), target).size == shape[::-1]


@pytest.mark.parametrize("target", WRITABLE)
def test_part_of_a_larger_picture(target: Format) -> None:
    part = scene(200, 300)[31:131, 17:218]
    assert psnr(bgr(reopened(part, target)), part) > 28


@pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP])
def test_what_a_format_cannot_hold_is_an_internal_error(target: Format) -> None:
    with pytest.raises(InternalError, match=f"encoded as {target}"):
        made(np.zeros((1, 70_000, 3), np.uint8), target)
    with pytest.raises(InternalError, match=f"encoded as {target}"):
        made(np.zeros((1, 70_000, 3), np.uint8), target, lossless=True, progressive=True)


@pytest.mark.parametrize("target", WRITABLE)
def test_it_tells_format_and_quality(target: Format) -> None:
    usual = FORMATS[target].default_quality
    assert made(scene(90, 121), target, 0).quality == usual
    asked = made(scene(90, 121), target, 33)
    assert (asked.format, asked.quality) == (target, 33 if usual else None)


@pytest.mark.parametrize("alpha", [255, 180])
def test_alpha_that_a_jpeg_cannot_hold_is_laid_onto_the_background(alpha: int) -> None:
    pixels = np.dstack([scene(90, 121), np.full((90, 121), alpha, np.uint8)])
    content = encode(pixels, make_task(quality=95, background=(255, 0, 0, 255))).content
    result = bgr(Image.open(io.BytesIO(bytes(content)))).astype(float)
    flat = pixels[..., :3] * (alpha / 255) + np.array([0, 0, 255]) * (1 - alpha / 255)
    assert psnr(result, flat) > 32


class TestJpeg:
    @pytest.mark.parametrize("subsampling", Subsampling)
    @pytest.mark.parametrize("progressive", [False, True])
    def test_subsampling_is_as_asked(self, subsampling: Subsampling, *, progressive: bool) -> None:
        opened = reopened(
            scene(90, 121), Format.JPEG, subsampling=subsampling, progressive=progressive
        )
        samplings = {"444": 0, "422": 1, "420": 2}
        assert JpegImagePlugin.get_sampling(opened) == samplings[subsampling]
        assert bool(opened.info.get("progressive")) is progressive

    @pytest.mark.parametrize("pixels", [scene(90, 121), GRAY], ids=["BGR", "gray"])
    @pytest.mark.parametrize("option", ["optimize", "progressive"])
    def test_options_make_it_smaller_and_no_worse(self, pixels: Pixels, option: str) -> None:
        files = made(pixels, Format.JPEG), made(pixels, Format.JPEG, **{option: True})
        plain, smaller = (bytes(file.content) for file in files)
        assert len(smaller) < len(plain)
        was, became = (psnr(bgr(Image.open(io.BytesIO(each))), pixels) for each in (plain, smaller))
        assert became > was - 0.01


class TestPalette:
    def test_few_colours_stay_as_they_are(self) -> None:
        pixels = np.zeros((40, 60, 3), np.uint8)
        for index in range(16):
            pixels[:, index * 3 :] = (index * 15, 255 - index * 15, (index * 37) % 256)
        opened = reopened(pixels, Format.PNG, colors=16)
        assert opened.mode == "P"
        assert np.array_equal(bgr(opened), pixels)

    def test_transparency_is_kept(self) -> None:
        pixels = np.zeros((40, 60, 4), np.uint8)
        pixels[:, :20] = (10, 20, 30, 255)
        pixels[:, 20:40] = (10, 20, 30, 128)
        pixels[:, 40:, :3] = noise(40, 20, 3)  # wholly transparent: has no colour to be seen
        opened = reopened(pixels, Format.PNG, colors=3)
        assert opened.mode == "P"
        result = np.asarray(opened.convert("RGBA"))[..., [2, 1, 0, 3]]
        assert np.array_equal(result[:, :40], pixels[:, :40])
        assert not result[:, 40:, 3].any()

    def test_soft_transparency_gets_steps(self) -> None:
        alpha = np.tile(np.linspace(0, 255, 121).astype(np.uint8), (90, 1))
        pixels = np.dstack([scene(90, 121), alpha])
        opened = reopened(pixels, Format.PNG, colors=256)
        result = np.asarray(opened.convert("RGBA"))[..., [2, 1, 0, 3]].astype(float)
        white = [255 - (255 - each[..., :3]) * (each[..., 3:] / 255.0) for each in (result, pixels)]
        assert psnr(*white) > 30
        assert len(np.unique(result[..., 3])) > 4

    @pytest.mark.parametrize("colors", [2, 3, 16, 17, 256])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_there_are_no_more_colours_than_asked(self, colors: int, channels: int) -> None:
        opened = reopened(noise(64, 64, channels), Format.PNG, colors=colors)
        assert opened.mode == "P"
        assert len(opened.getcolors() or ()) <= colors

    def test_a_photograph_is_dithered(self) -> None:
        ramp = np.repeat(
            np.tile(np.linspace(0, 255, 256).astype(np.uint8), (64, 1))[..., None], 3, 2
        )
        result = bgr(reopened(ramp, Format.PNG, colors=8)).astype(float)
        # On the mean of a few pixels the steps are gone.
        means = [each.reshape(8, 8, 32, 8, 3).mean(axis=(1, 3)) for each in (result, ramp)]
        assert np.abs(means[0] - means[1])[:, 4:-4].max() < 3

    @pytest.mark.parametrize("colors", [2, 16, 64])
    def test_grays_use_nearly_all_that_a_palette_may_have(self, colors: int) -> None:
        ramp = np.tile(np.linspace(10, 250, 256).astype(np.uint8), (64, 1))
        result = np.asarray(reopened(ramp, Format.PNG, colors=colors).convert("L"))
        assert 0.9 * colors <= len(np.unique(result)) <= colors
        # Each pixel is one of the two levels around it.
        assert np.abs(result.astype(int) - ramp).max() <= 240 / (colors - 1) + 4
        means = [each.reshape(8, 8, 32, 8).mean(axis=(1, 3)) for each in (result, ramp)]
        assert np.abs(means[0] - means[1])[:, 4:-4].max() < 12

    def test_it_is_smaller(self) -> None:
        pixels = scene(90, 121)
        palette = made(pixels, Format.PNG, colors=64)
        assert len(palette.content) < len(made(pixels, Format.PNG).content) / 2
        assert palette.quality is None
        assert psnr(bgr(reopened(pixels, Format.PNG, colors=256)), pixels) > 28


class TestWebp:
    @pytest.mark.parametrize("pixels", [scene(90, 121), GRAY, ALPHA], ids=["BGR", "gray", "BGRA"])
    def test_lossless_changes_no_pixel(self, pixels: Pixels) -> None:
        file = made(pixels, Format.WEBP, lossless=True)
        result = bgr(Image.open(io.BytesIO(bytes(file.content))))
        assert np.array_equal(result[..., 1] if pixels is GRAY else result, pixels)
        assert file.quality is None


class TestAvif:
    def test_slower_is_smaller(self) -> None:
        pixels = scene(180, 240)
        sizes = [len(made(pixels, Format.AVIF, speed=speed).content) for speed in (10, 6)]
        assert sizes[1] < sizes[0]

    def test_quality_100_changes_no_pixel(self) -> None:
        pixels = scene(90, 121)
        assert np.array_equal(bgr(reopened(pixels, Format.AVIF, 100)), pixels)
