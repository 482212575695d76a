"""Profiles that are broken or hostile, and what is remembered of them."""

import struct

import numpy as np
import pytest
from PIL import ImageCms

from pixelpipe.formats.color.tags import ColorTags, profile_space
from pixelpipe.imaging.color.convert import kept_profile, profile_to_srgb, to_srgb
from pixelpipe.imaging.color.icc import read_matrix_profile
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.profiles import (
    ADOBE_PRIMARIES,
    P3_PRIMARIES,
    SRGB_CURVE,
    cmyk_profile,
    gamma_curve,
    gray_profile,
    matrix_profile,
    parametric_curve,
    profile,
    rgb_table_profile,
    table_curve,
)

P3 = matrix_profile(P3_PRIMARIES)
CURVES = (b"rTRC", b"gTRC", b"bTRC")


def _colors() -> Pixels:
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    return np.ascontiguousarray(grid.reshape(12, 18, 3))


def _changed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


BROKEN = {
    "nothing": b"",
    "a header alone": P3[:128],
    "no tags": P3[:128] + bytes(4),
    "a tag is missing": _changed(P3, b"gXYZ", b"none"),
    "a curve is missing": _changed(P3, b"bTRC", b"none"),
    "tags outside": P3[:132]
    + b"".join(
        name + struct.pack(">II", 1 << 31, 1 << 31) for name in (b"rXYZ", b"gXYZ", b"bXYZ", *CURVES)
    ),
    "countless tags": P3[:128] + b"\xff\xff\xff\xff" + P3[132:],
    "a curve of no kind": _changed(P3, b"para\0\0\0\0\0\3", b"para\0\0\0\0\0\11"),
    "a curve of another type": _changed(P3, b"para", b"text"),
    "a colorant of another type": _changed(P3, b"XYZ \0\0\0\0", b"Lab \0\0\0\0"),
    "a curve that ends early": matrix_profile(
        P3_PRIMARIES, curve=struct.pack(">4s4xI", b"curv", 1 << 30)
    ),
    "another space": _changed(P3, b"RGB ", b"HSV "),
    "a link between devices": _changed(P3, b"mntr", b"link"),
    "an empty table": profile({b"A2B0": b"mft1" + bytes(60)}, connection=b"Lab "),
    "a table without a table": profile({b"A2B0": b"mAB " + bytes(60)}, connection=b"Lab "),
    "gray without a curve": profile({}, b"GRAY"),
    "ink": cmyk_profile(),
    "a black colorant": profile(
        dict.fromkeys((b"rXYZ", b"gXYZ", b"bXYZ"), b"XYZ " + bytes(16))
        | dict.fromkeys(CURVES, SRGB_CURVE)
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_profile_is_ignored(name: str) -> None:
    pixels, tags = _colors(), ColorTags(BROKEN[name])
    to_srgb(pixels, tags)
    assert (pixels == _colors()).all()
    assert not kept_profile(tags, 3)
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert profile_to_srgb(gray, BROKEN[name]) is gray


@pytest.mark.parametrize(
    "curve",
    [
        parametric_curve(0, -2.0),
        parametric_curve(1, 2.0, 0.0, 0.0),
        parametric_curve(3, 30000, -30000, 30000, -30000, 0.5),
        parametric_curve(4, -1, 0, 0, 0, -1, 0, 0),
        gamma_curve(255.9),
        gamma_curve(0),
        table_curve(1 << 16),
    ],
)
def test_a_wild_curve_does_no_harm(curve: bytes) -> None:
    pixels = _colors()
    to_srgb(pixels, ColorTags(matrix_profile(P3_PRIMARIES, curve=curve)))
    assert pixels.shape == _colors().shape


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("whole", [P3, rgb_table_profile(), gray_profile(table_curve(64))])
def test_damaged_profiles_raise_nothing(whole: bytes, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(12):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(4, min(len(whole), 700), 4)] = rng.integers(0, 256, 4)
        to_srgb(_colors(), ColorTags(damaged.tobytes()))


def test_a_profile_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def counted(content: bytes) -> object:
        read.append(content)
        return read_matrix_profile(content)

    monkeypatch.setattr("pixelpipe.imaging.color.convert.read_matrix_profile", counted)
    first = matrix_profile(ADOBE_PRIMARIES, curve=gamma_curve(2.05))
    second = matrix_profile(ADOBE_PRIMARIES, curve=gamma_curve(2.06))
    for content in (first, second, first, bytes(bytearray(first))):
        to_srgb(_colors(), ColorTags(content))
    assert read == [first, second]


@pytest.mark.parametrize("version", [2.1, 4.3])
def test_the_profiles_of_littlecms_itself_are_srgb(version: float) -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    content = made.tobytes()
    content = content[:8] + bytes([int(version), round(version % 1 * 160)]) + content[10:]
    assert profile_space(content) == b"RGB "
    pixels = _colors()
    assert profile_to_srgb(pixels, content) is pixels
    assert kept_profile(ColorTags(content), 3) == content


def test_rows_wider_than_a_strip_are_converted() -> None:
    wide = np.tile(_colors().reshape(1, -1, 3), (2, 330, 1))
    assert wide.shape[1] > 1 << 16
    narrow = _colors().reshape(1, -1, 3)
    to_srgb(wide, ColorTags(P3))
    to_srgb(narrow, ColorTags(P3))
    assert (wide == np.tile(narrow, (2, 330, 1))).all()


@pytest.mark.parametrize("content", [P3, rgb_table_profile()], ids=["matrix", "table"])
def test_the_last_strip_is_converted_like_the_first(content: bytes) -> None:
    tall = np.tile(_colors(), (50, 25, 1))
    few = _colors()
    to_srgb(tall, ColorTags(content))
    to_srgb(few, ColorTags(content))
    assert (tall == np.tile(few, (50, 25, 1))).all()
