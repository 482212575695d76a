import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from benchmark import contenders, peer_setup, thumbor_contender
from benchmark.contenders import Contender, can_serve, running
from benchmark.display_p3 import display_p3
from benchmark.errors import BenchError
from benchmark.job_contenders import running_pool
from benchmark.own_contender import running_own
from benchmark.sets import VariantSet, variant_sets
from peers import pillow_variants, vips_variants
from peers.bands import bands
from peers.sizes import covered_box, decoder_shrink
from photograph import draw_photograph

LIBRARIES = pytest.mark.parametrize(
    "make_variants",
    [pillow_variants.make_variants, vips_variants.make_variants],
    ids=["pillow", "vips"],
)
MakeVariants = Callable[[bytes, list[dict[str, Any]]], list[bytes]]

COVERED = {"name": "small", "resize": {"width": 90, "height": 60, "fit": "cover"}}
INSIDE = {"name": "inside", "resize": {"width": 50, "height": 50, "fit": "inside"}}
QUAD = {"name": "quad", "quad": {"band_px": 8, "sigma": 3}}
BLUR = {"name": "blur", "blur": {"sigma": 4}}
GRAY = {"name": "gray", "grayscale": True}
AS_JPEG = {"format": "jpeg", "quality": 80}
ASKED = VariantSet("few", tuple(spec | AS_JPEG for spec in (COVERED, INSIDE, QUAD, BLUR, GRAY)))
SIZES = {
    "small": (90, 60),
    "inside": (50, 38),
    "quad": (160, 120),
    "blur": (160, 120),
    "gray": (160, 120),
}


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


def _pixels(file: bytes) -> np.ndarray:
    return np.asarray(_opened(file)).astype(int)


def _noise(height: int, width: int) -> Image.Image:
    levels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(levels)


async def _check(contender: Contender) -> None:
    """One job under load, and the files of another."""
    image = draw_photograph(160, 120)

    reply = await contender.send(image, ASKED)
    files = await contender.outputs(image, ASKED)
    lossless = await contender.outputs(image, ASKED.lossless)

    assert reply.error is None
    assert reply.sent_bytes == len(image)
    assert reply.received_bytes == sum(map(len, files.values()))
    assert {name: _opened(file).size for name, file in files.items()} == SIZES
    assert {_opened(file).format for file in files.values()} == {"JPEG"}
    assert {name: _opened(file).size for name, file in lossless.items()} == SIZES
    assert {_opened(file).format for file in lossless.values()} == {"PNG"}


@pytest.mark.parametrize("name", ["pyvips", "pillow"])
async def test_a_pool_makes_what_is_asked(name: str) -> None:
    async with running_pool(name, workers=1) as contender:
        await _check(contender)
        broken = await contender.send(b"no image", ASKED)

        assert broken.error == "500"
        with pytest.raises(BenchError, match="few: 500"):
            await contender.outputs(b"no image", ASKED)


async def test_pixelpipe_makes_what_is_asked() -> None:
    async with running_own(workers=1) as contender:
        await _check(contender)
        broken = await contender.send(b"no image", ASKED)

        assert broken.error == "415"
        assert broken.detail is not None
        with pytest.raises(BenchError, match="few: 415"):
            await contender.outputs(b"no image", ASKED)


@pytest.mark.parametrize("name", ["sharp-each", "sharp-once"])
async def test_sharp_makes_what_is_asked(name: str) -> None:
    if name in peer_setup.missing():
        pytest.skip("sharp is not installed; scripts/bench --peers does that")
    async with running(name, workers=2) as contender:
        await _check(contender)
        broken = await contender.send(b"no image", ASKED)

        assert broken.error == "422"
        assert "unsupported image format" in str(broken.detail)


async def test_thumbor_makes_all_but_the_quad() -> None:
    if "thumbor" in peer_setup.missing():
        pytest.skip("thumbor is not installed; scripts/bench --peers does that")
    image = draw_photograph(160, 120)
    asked = VariantSet("few", tuple(spec for spec in ASKED.specs if "quad" not in spec))
    async with running("thumbor", workers=2) as contender:
        reply = await contender.send(image, asked)
        files = await contender.outputs(image, asked)
        lossless = await contender.outputs(image, asked.lossless)

    assert reply.error is None
    assert reply.received_bytes == sum(map(len, files.values()))
    assert {name: _opened(file).size for name, file in files.items()} == {
        name: size for name, size in SIZES.items() if name != "quad"
    }
    assert {_opened(file).format for file in lossless.values()} == {"PNG"}


def test_only_thumbor_cannot_make_a_quad() -> None:
    full, thumb = variant_sets(["bench-full", "bench-thumb"])

    assert [name for name in contenders.CONTENDERS if not can_serve(name, full)] == ["thumbor"]
    assert all(can_serve(name, thumb) for name in contenders.CONTENDERS)


def test_thumbor_is_asked_in_its_own_words() -> None:
    blur = INSIDE | BLUR | GRAY | AS_JPEG

    assert thumbor_contender._path(blur, "7.image", has_alpha=True) == (
        "/unsafe/fit-in/50x50/"
        "filters:format(jpeg):quality(80):grayscale():blur(8,4):background_color(ffffff)/7.image"
    )
    assert (
        thumbor_contender._path(COVERED | {"format": "png"}, "7.image", has_alpha=True)
        == "/unsafe/90x60/filters:format(png)/7.image"
    )


@pytest.mark.parametrize(("mode", "expected"), [("RGBA", True), ("LA", True), ("RGB", False)])
def test_alpha_is_seen_in_the_header_of_a_png(mode: str, *, expected: bool) -> None:
    assert thumbor_contender._has_alpha(_png(Image.new(mode, (2, 2)))) is expected


@LIBRARIES
def test_a_quad_changes_its_bands_alone(make_variants: MakeVariants) -> None:
    image = _noise(60, 81)
    (file,) = make_variants(_png(image), [QUAD | {"format": "png"}])
    changed = (np.asarray(image) != _pixels(file)).any(axis=2)
    inside = np.zeros((60, 81), bool)
    inside[22:38] = inside[:, 32:48] = True

    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.99


@LIBRARIES
def test_no_part_of_a_quad_knows_of_the_others(make_variants: MakeVariants) -> None:
    levels = np.zeros((60, 80, 3), np.uint8)
    levels[:30, :40] = 200

    (file,) = make_variants(_png(Image.fromarray(levels)), [QUAD | {"format": "png"}])

    # libvips blurs in whole numbers, by which 200 becomes 198.
    assert np.abs(_pixels(file) - levels).max() <= 2


@LIBRARIES
def test_a_photograph_is_turned_upright_and_brought_to_srgb(make_variants: MakeVariants) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.new("RGB", (120, 80), (200, 40, 40))
    stored.paste((40, 200, 40), (0, 0, 60, 80))  # On top, once it is upright.
    file = io.BytesIO()
    stored.save(file, "JPEG", quality=95, exif=exif, icc_profile=display_p3())
    expected = ImageCms.profileToProfile(
        stored,
        ImageCms.ImageCmsProfile(io.BytesIO(display_p3())),
        ImageCms.createProfile("sRGB"),
    )
    assert expected is not None

    (made,) = make_variants(file.getvalue(), [COVERED | {"format": "png"}])

    pixels = _pixels(made)
    assert pixels.shape == (53, 80, 3)
    assert np.abs(pixels[5, 40] - expected.getpixel((10, 40))).max() <= 4
    assert np.abs(pixels[-5, 40] - expected.getpixel((110, 40))).max() <= 4
    assert np.abs(pixels[5, 40] - stored.getpixel((10, 40))).max() > 20


@LIBRARIES
def test_what_is_transparent_lies_on_white_in_a_jpeg_and_stays_so_in_a_png(
    make_variants: MakeVariants,
) -> None:
    picture = Image.new("RGBA", (120, 80), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 60, 80))
    blurred = BLUR | {"blur": {"sigma": 2}}
    jpeg, png = make_variants(_png(picture), [blurred | AS_JPEG, blurred | {"format": "png"}])

    assert _pixels(jpeg)[40, 110].min() >= 250
    assert _pixels(jpeg)[40, 61, 0] <= _pixels(jpeg)[40, 61, 2] - 20  # No red has bled.
    assert _opened(png).mode == "RGBA"
    assert _pixels(png)[40, 110, 3] == 0


@LIBRARIES
@pytest.mark.parametrize("gray", [False, True])
def test_sixteen_bits_become_eight(make_variants: MakeVariants, *, gray: bool) -> None:
    levels = np.full((80, 120) if gray else (80, 120, 3), 0x8040, np.uint16)
    (made,) = make_variants(_deep_png(levels), [COVERED | {"format": "png"}])

    assert _pixels(made).dtype == int
    assert np.abs(_pixels(made) - 0x80).max() <= 1
    assert _opened(made).mode == ("L" if gray else "RGB")


def _deep_png(levels: np.ndarray) -> bytes:
    cv2 = pytest.importorskip("cv2")
    return bytes(cv2.imencode(".png", levels)[1])


@pytest.mark.parametrize(("width", "height", "band_px"), [(80, 60, 8), (81, 61, 8), (10, 7, 24)])
def test_bands_cover_what_is_near_a_cut_once(width: int, height: int, band_px: int) -> None:
    covered = Counter(
        (x, y)
        for band in bands(width, height, band_px, reach_px=5)
        for x in range(band.box.left, band.box.right)
        for y in range(band.box.top, band.box.bottom)
    )

    assert covered == Counter(
        (x, y)
        for x in range(width)
        for y in range(height)
        if -band_px <= x - width // 2 < band_px or -band_px <= y - height // 2 < band_px
    )


def test_a_decoder_shrinks_as_long_as_every_variant_has_its_pixels() -> None:
    assert decoder_shrink((800, 600), [INSIDE]) == 8
    assert decoder_shrink((719, 539), [INSIDE | {"resize": {**_box(90), "fit": "inside"}}]) == 4
    assert decoder_shrink((800, 600), [INSIDE, COVERED]) == 8
    assert decoder_shrink((800, 600), [INSIDE, QUAD]) == 1


def _box(side: int) -> dict[str, int]:
    return {"width": side, "height": side}


def test_the_covered_box_is_the_middle_and_within_its_source() -> None:
    assert covered_box((200, 100), (10, 10)) == (50, 0, 150, 100)
    left, top, right, bottom = covered_box((3000, 4000), (1080, 1920))
    assert left > 0 <= top
    assert right < 3000
    assert bottom <= 4000
