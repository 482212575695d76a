"""Colours measured against LittleCMS: convert, then resize, as against the whole chain."""

import io
import struct
import zlib
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageOps

from pixelpipe.formats.registry import Format
from pixelpipe.imaging import sidecar
from pixelpipe.imaging.color.convert import profile_fits, profile_to_srgb
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.resampling.resize import resize
from pixelpipe.recipes.task import Decode, Rect
from tests.fidelity.difference import ciede2000, srgb_difference
from tests.fidelity.files import bgr, decoded, plan_for, saved
from tests.fidelity.pictures import picture_of, scene
from tests.fidelity.profiles import (
    ADOBE_PRIMARIES,
    D50_WHITE,
    P3_PRIMARIES,
    PROPHOTO_CURVE,
    PROPHOTO_PRIMARIES,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    VERSION_2,
    by_littlecms,
    cmyk_profile,
    gamma_curve,
    gray_profile,
    matrix_profile,
    rgb_table_profile,
    table_beside_matrix_profile,
    table_curve,
)

HEIGHT, WIDTH = 120, 161
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
ADOBE_GAMMA = 563 / 256

PROFILES = {
    "Display P3": matrix_profile(P3_PRIMARIES),
    "Adobe RGB": matrix_profile(ADOBE_PRIMARIES, curve=gamma_curve(ADOBE_GAMMA), version=VERSION_2),
    "ProPhoto": matrix_profile(PROPHOTO_PRIMARIES, D50_WHITE, PROPHOTO_CURVE),
    "a gamma of 2.2": matrix_profile(SRGB_PRIMARIES, curve=gamma_curve(2.2)),
    "a curve of 26 numbers": matrix_profile(
        P3_PRIMARIES, curve=table_curve(26, lambda samples: samples**2)
    ),
    "a table": rgb_table_profile(),
    "a table beside a matrix": table_beside_matrix_profile(),
}
GRAY_PROFILE = gray_profile(gamma_curve(1.8))


@cache
def colorful() -> Image.Image:
    """A scene on one side, all hues from gray to the most vivid on the other; RGB."""
    pixels = scene(HEIGHT, WIDTH).copy()
    y, x = np.mgrid[0:HEIGHT, 0:70]
    turn = 2 * np.pi * y / HEIGHT
    hues = np.stack([np.cos(turn + shift) for shift in (0, 2.1, 4.2)], axis=-1)
    pixels[:, 80:150] = np.clip(127 + 127 * hues * (x / 69)[..., np.newaxis] * 1.4, 0, 255)
    pixels[:, 150:] = (y[:, :11] * 2)[..., np.newaxis]
    return Image.fromarray(pixels[..., ::-1].copy())


def smaller(pixels: Pixels) -> Pixels:
    return resize(picture_of(pixels), WHOLE, WIDTH * 5 // 9, HEIGHT * 5 // 9)


def assert_same_look(made: Pixels, reference: Pixels) -> None:
    mean, worst = srgb_difference(made, reference)
    assert mean < 1
    assert worst < 3


def levels_apart(first: Pixels, second: Pixels) -> int:
    return int(np.abs(first.astype(int) - second).max())


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ],
)
def test_the_measure_is_that_of_sharma(
    first: tuple[float, ...], second: tuple[float, ...], difference: float
) -> None:
    assert ciede2000(np.array(first), np.array(second)) == pytest.approx(difference, abs=5e-5)


@pytest.mark.parametrize("source", [Format.PNG, Format.TIFF, Format.WEBP])
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_followed_as_by_littlecms(name: str, source: Format) -> None:
    lossless = {"lossless": True} if source == Format.WEBP else {}
    content = saved(colorful(), source, icc_profile=PROFILES[name], **lossless)
    made = decoded(content, plan_for(source, (HEIGHT, WIDTH)))
    expected = bgr(by_littlecms(colorful(), PROFILES[name]))
    assert_same_look(smaller(made), smaller(expected))
    # Of what differs in dark tones only, levels tell more than looks.
    assert levels_apart(bgr(colorful()), made) > 8, "the test says nothing"
    assert levels_apart(made, expected) <= 2


@pytest.mark.parametrize(("orientation", "reduction"), [(1, 1), (6, 1), (1, 2), (3, 4)])
def test_the_profile_of_a_jpeg(orientation: int, reduction: int) -> None:
    profile = PROFILES["Display P3"]
    plain = saved(colorful(), Format.JPEG, orientation, quality=95, subsampling=0)
    tagged = saved(
        colorful(), Format.JPEG, orientation, quality=95, subsampling=0, icc_profile=profile
    )
    plan = plan_for(Format.JPEG, (HEIGHT, WIDTH), 3, orientation, reduction)
    before = Image.fromarray(decoded(plain, plan)[..., ::-1].copy())
    assert_same_look(decoded(tagged, plan), bgr(by_littlecms(before, profile)))


def test_the_profile_of_an_avif() -> None:
    profile = PROFILES["Adobe RGB"]
    content = saved(colorful(), Format.AVIF, quality=90, icc_profile=profile)
    before = Image.open(io.BytesIO(content)).convert("RGB")
    plan = plan_for(Format.AVIF, (HEIGHT, WIDTH))
    mean, _ = srgb_difference(decoded(content, plan), bgr(by_littlecms(before, profile)))
    assert mean < 1


@pytest.mark.parametrize("source", [Format.PNG, Format.TIFF, Format.JPEG])
@pytest.mark.parametrize("orientation", [1, 5])
def test_gray_with_a_profile_for_gray(source: Format, orientation: int) -> None:
    content = saved(colorful().convert("L"), source, orientation, icc_profile=GRAY_PROFILE)
    made = decoded(content, plan_for(source, (HEIGHT, WIDTH), 1, orientation))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert_same_look(made, bgr(by_littlecms(upright, GRAY_PROFILE)))


def test_gray_with_a_profile_for_colors_stays_gray() -> None:
    gray = colorful().convert("L")
    profile = PROFILES["Adobe RGB"]
    made = decoded(
        saved(gray, Format.PNG, icc_profile=profile), plan_for(Format.PNG, (HEIGHT, WIDTH), 1)
    )
    expected = by_littlecms(gray.convert("RGB"), profile)
    assert_same_look(np.dstack([made] * 3), bgr(expected))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("name", ["Display P3", "a table"])
def test_alpha_stays_and_is_straight(name: str, mode: str) -> None:
    picture = colorful().convert("RGBA")
    alpha = np.tile(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, 1))
    picture.putalpha(Image.fromarray(alpha))
    profile = PROFILES[name] if mode == "RGBA" else GRAY_PROFILE
    content = saved(picture.convert(mode), Format.PNG, icc_profile=profile)
    made = decoded(content, plan_for(Format.PNG, (HEIGHT, WIDTH), 4))
    assert (made[..., 3] == alpha).all()
    plain = picture.convert(mode[:-1])
    assert_same_look(made, bgr(by_littlecms(plain, profile).convert("RGB")))


def test_a_profile_for_gray_does_not_count_for_colors() -> None:
    content = saved(colorful(), Format.PNG, icc_profile=GRAY_PROFILE)
    assert (decoded(content, plan_for(Format.PNG, (HEIGHT, WIDTH))) == bgr(colorful())).all()


def _deep_png(levels: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """Sixteen bits, gray or RGB, with chunks before the image data."""
    height, width = levels.shape[:2]
    rows = levels.astype(">u2").reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if levels.ndim == 3 else 0, 0, 0, 0)
    every = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in every
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_dark_levels_of_16_bits_are_not_lost(channels: int) -> None:
    """Linear light: in 8 bits the lowest step would be 13 levels of sRGB."""
    light = np.linspace(0, 655, 64 * 16).reshape(16, 64)
    shape = (16, 64, channels)[: channels if channels > 1 else 2]
    levels = np.broadcast_to(light.reshape(16, 64, *(1,) * (len(shape) - 2)), shape)
    content = _deep_png(levels, (b"gAMA", struct.pack(">I", 100_000)))
    made = decoded(content, plan_for(Format.PNG, (16, 64), channels))
    linear = np.rint(levels) / 65535
    expected = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(made - expected * 255).max() < 0.6


def _in_cmyk(*, marked: bool = True, ycck: bool = False, icc: bytes = b"") -> bytes:
    """A JPEG of four inks, stored inverted.

    Adobe's marker may be missing; only it says that a file is in YCCK.
    """
    ink = np.asarray(colorful().convert("CMYK")).copy()
    ink[..., 3] = np.linspace(0, 180, WIDTH).astype(np.uint8)
    stored = ink
    if ycck:
        converted = Image.fromarray(255 - ink[..., :3]).convert("YCbCr")
        # What Pillow stores is inverted once more.
        stored = np.dstack([255 - np.asarray(converted), ink[..., 3]])
    content = saved(
        Image.fromarray(stored, "CMYK"), Format.JPEG, quality=97, subsampling=0, icc_profile=icc
    )
    marker = content.index(b"Adobe")
    if ycck:
        content = content[: marker + 11] + b"\2" + content[marker + 12 :]
    if not marked:
        content = content[:marker] + b"Other" + content[marker + 5 :]
    return content


@pytest.mark.parametrize(("marked", "ycck"), [(True, False), (True, True), (False, False)])
@pytest.mark.parametrize("tagged", [True, False])
def test_ink_is_followed_as_by_littlecms_and_pillow(
    *, tagged: bool, ycck: bool, marked: bool
) -> None:
    icc = cmyk_profile()
    content = _in_cmyk(marked=marked, ycck=ycck, icc=icc if tagged else b"")
    before = Image.open(io.BytesIO(content))
    assert before.mode == "CMYK"
    reference = by_littlecms(before, icc) if tagged else before.convert("RGB")
    made = decoded(content, plan_for(Format.JPEG, (HEIGHT, WIDTH)))
    assert_same_look(smaller(made), smaller(bgr(reference)))


def test_ink_turned_and_reduced() -> None:
    content = _in_cmyk(icc=cmyk_profile())
    whole = decoded(content, plan_for(Format.JPEG, (HEIGHT, WIDTH)))
    turned = decoded(content, plan_for(Format.JPEG, (HEIGHT, WIDTH), 3, 8))
    assert (turned == np.rot90(whole)).all()
    half = decoded(content, plan_for(Format.JPEG, (HEIGHT, WIDTH), 3, 1, 2))
    reference = np.asarray(Image.fromarray(whole).resize((81, 60), Image.Resampling.BOX))
    assert srgb_difference(half[:, :80], reference[:, :80])[0] < 1.5


def test_ink_in_a_tiff_is_followed() -> None:
    ink, icc = colorful().convert("CMYK"), cmyk_profile()
    content = saved(ink, Format.TIFF, icc_profile=icc)
    made = decoded(content, plan_for(Format.TIFF, (HEIGHT, WIDTH)))
    assert_same_look(made, bgr(by_littlecms(ink, icc)))


def test_a_gain_map_leaves_the_picture_of_standard_range() -> None:
    """As phones write it: a JPEG with its profile, a directory, and behind it the gain map."""
    profile = PROFILES["Display P3"]
    gain_map = colorful().convert("L").convert("RGB").resize((40, 30))
    content = io.BytesIO()
    colorful().save(
        content, "MPO", save_all=True, append_images=[gain_map], quality=95, icc_profile=profile
    )
    before = Image.open(content).convert("RGB")
    made = decoded(content.getvalue(), plan_for(Format.JPEG, (HEIGHT, WIDTH)))
    assert_same_look(made, bgr(by_littlecms(before, profile)))


def _kept(content: bytes, plan: Decode) -> tuple[Pixels, bytes]:
    """What a decode that keeps the profile gives: pixels and profile."""
    room = np.zeros(plan.sidecar_bytes, np.uint8)
    return decoded(content, plan, room), sidecar.read(room).profile


def _keeping(channels: int) -> Decode:
    return Decode(
        Format.PNG, WIDTH, HEIGHT, channels, 1, 1, WIDTH, HEIGHT,
        keep_profile=True, sidecar_bytes=1 << 16,
    )  # fmt: skip


def test_a_kept_profile_leaves_the_pixels_alone_until_they_are_converted() -> None:
    profile = PROFILES["ProPhoto"]
    pixels, kept = _kept(saved(colorful(), Format.PNG, icc_profile=profile), _keeping(3))
    assert (pixels == bgr(colorful())).all()
    assert kept == profile
    assert profile_fits(kept, pixels)
    assert not profile_fits(kept, pixels[..., 0])
    assert_same_look(profile_to_srgb(pixels, kept), bgr(by_littlecms(colorful(), profile)))
    assert (pixels == bgr(colorful())).all()


def test_a_kept_profile_of_srgb_costs_no_copy() -> None:
    pixels = bgr(colorful())
    assert profile_to_srgb(pixels, matrix_profile(SRGB_PRIMARIES)) is pixels
    content = saved(colorful(), Format.PNG, icc_profile=matrix_profile(SRGB_PRIMARIES))
    assert _kept(content, _keeping(3))[1] == matrix_profile(SRGB_PRIMARIES)


@pytest.mark.parametrize("profile", [GRAY_PROFILE, PROFILES["Display P3"][:300], b"none"])
def test_a_profile_that_is_not_for_the_pixels_is_not_kept(profile: bytes) -> None:
    content = saved(colorful(), Format.PNG, icc_profile=profile)
    assert _kept(content, _keeping(3))[1] == b""
    assert _kept(saved(colorful().convert("L"), Format.PNG, icc_profile=GRAY_PROFILE), _keeping(1))[
        1
    ]


def test_ink_is_converted_though_the_profile_is_to_be_kept() -> None:
    content = _in_cmyk(icc=cmyk_profile())
    plan = Decode(
        Format.JPEG, WIDTH, HEIGHT, 3, 1, 1, WIDTH, HEIGHT, keep_profile=True, sidecar_bytes=1 << 16
    )
    pixels, kept = _kept(content, plan)
    assert not kept
    assert (pixels == decoded(content, plan_for(Format.JPEG, (HEIGHT, WIDTH)))).all()


SRGB_ALIKE = {
    "version 4": matrix_profile(SRGB_PRIMARIES),
    "version 2": matrix_profile(SRGB_PRIMARIES, curve=table_curve(1024), version=VERSION_2),
    "4096 numbers": matrix_profile(SRGB_PRIMARIES, curve=table_curve(4096)),
    "gray": gray_profile(SRGB_CURVE),
}


@pytest.mark.parametrize("name", SRGB_ALIKE)
def test_what_is_srgb_is_left_alone_bit_by_bit(name: str) -> None:
    profile = SRGB_ALIKE[name]
    picture = colorful().convert("L") if name == "gray" else colorful()
    content = saved(picture, Format.PNG, icc_profile=profile)
    channels = 1 if name == "gray" else 3
    assert (decoded(content, plan_for(Format.PNG, (HEIGHT, WIDTH), channels)) == bgr(picture)).all()
    assert_same_look(bgr(picture), bgr(by_littlecms(picture, profile)))
