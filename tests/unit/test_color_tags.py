"""What files say about their colours, whole, broken and hostile."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Sequence

import pillow_heif
import pytest
from PIL import Image

from pixelpipe.formats.color.read import read_color_tags
from pixelpipe.formats.color.tags import MAX_PROFILE_BYTES, UNTAGGED, Calibration, Cicp, ColorTags
from pixelpipe.formats.registry import Format
from tests.fidelity.profiles import P3_PRIMARIES, gray_profile, matrix_profile, table_curve

PROFILE = matrix_profile(P3_PRIMARIES)
LONG_PROFILE = PROFILE + bytes(150_000)
LONG_PROFILE = struct.pack(">I", len(LONG_PROFILE)) + LONG_PROFILE[4:]
CHROMATICITIES = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


def _file(target: Format, **options: object) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (20, 10), "teal").save(content, str(target), **options)
    return content.getvalue()


def _read(content: bytes, target: Format) -> ColorTags:
    return read_color_tags(memoryview(content), target)


@pytest.mark.parametrize("profile", [PROFILE, LONG_PROFILE], ids=["short", "long"])
@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF])
def test_the_profile_is_found(target: Format, profile: bytes) -> None:
    assert _read(_file(target, icc_profile=profile), target).profile == profile


@pytest.mark.parametrize(
    "target", [Format.JPEG, Format.PNG, Format.WEBP, Format.GIF, Format.TIFF, Format.BMP]
)
def test_a_file_that_says_nothing_is_untagged(target: Format) -> None:
    assert _read(_file(target), target) == UNTAGGED
    assert not UNTAGGED


@pytest.mark.parametrize("target", sorted(set(Format) - {Format.HEIC, Format.JXL}))
def test_no_cut_or_changed_file_is_an_error(target: Format) -> None:
    tagged = {} if target in {Format.GIF, Format.BMP} else {"icc_profile": PROFILE}
    content = _file(target, **tagged)
    for size in range(0, len(content), 7):
        _read(content[:size], target)
    for at in range(0, len(content), 11):
        _read(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :], target)
        _read(content[:at] + bytes(4) + content[at + 4 :], target)


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        bytes(200),
        PROFILE[:100],
        PROFILE[:-1],
        struct.pack(">I", 100) + PROFILE[4:],
        PROFILE[:36] + b"none" + PROFILE[40:],
    ],
)
def test_what_is_no_profile_is_ignored(profile: bytes) -> None:
    assert _read(_jpeg(_parts([profile])), Format.JPEG) == UNTAGGED
    assert _read(_png((b"iCCP", _iccp(profile))), Format.PNG) == UNTAGGED


def test_bytes_behind_a_profile_are_cut_off() -> None:
    assert _read(_jpeg(_parts([PROFILE + b"junk"])), Format.JPEG).profile == PROFILE


# JPEG


def _segment(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, 2 + len(body)) + body


def _jpeg(segments: Sequence[bytes], components: int = 3) -> bytes:
    frame = struct.pack(">BHHB", 8, 10, 20, components) + b"\1\x11\0" * components
    return b"\xff\xd8" + b"".join(segments) + _segment(0xC0, frame) + _segment(0xDA, bytes(6))


def _parts(
    parts: Sequence[bytes], numbers: Sequence[int] = (), count: int | None = None
) -> list[bytes]:
    count = len(parts) if count is None else count
    return [
        _segment(0xE2, b"ICC_PROFILE\0" + bytes([number, count]) + part)
        for number, part in zip(numbers or range(1, 1 + len(parts)), parts, strict=True)
    ]


HALVES = (PROFILE[:300], PROFILE[300:])


def test_parts_are_put_in_their_order() -> None:
    swapped = _jpeg(_parts([HALVES[1], HALVES[0]], numbers=[2, 1]))
    assert _read(swapped, Format.JPEG).profile == PROFILE
    between = _parts(HALVES)
    between.insert(1, _segment(0xE2, b"MPF\0MM\0*") + b"\xff\xff" + _segment(0xFE, b"junk"))
    assert _read(_jpeg(between), Format.JPEG).profile == PROFILE


@pytest.mark.parametrize(
    ("parts", "numbers", "count"),
    [
        (HALVES, [1, 1], 2),
        (HALVES, [0, 1], 2),
        (HALVES, [1, 3], 2),
        (HALVES, [1, 2], 3),
        (HALVES, [1, 2], 0),
        ((PROFILE, PROFILE), [1, 1], 1),
        (HALVES[:1], [1], 1),
    ],
)
def test_parts_that_do_not_fit_are_no_profile(
    parts: Sequence[bytes], numbers: list[int], count: int
) -> None:
    assert _read(_jpeg(_parts(parts, numbers, count)), Format.JPEG) == UNTAGGED


def test_parts_behind_the_first_scan_do_not_count() -> None:
    assert _read(_jpeg([]) + b"".join(_parts([PROFILE])), Format.JPEG) == UNTAGGED


def test_a_profile_of_many_parts_is_bounded() -> None:
    size = 65_000 * 70
    assert size > MAX_PROFILE_BYTES
    profile = struct.pack(">I", size) + PROFILE[4:].ljust(size - 4, b"\0")
    parts = [profile[at : at + 65_000] for at in range(0, size, 65_000)]
    assert _read(_jpeg(_parts(parts)), Format.JPEG) == UNTAGGED


def test_ink_is_told_by_the_number_of_components() -> None:
    assert _read(_jpeg([], components=4), Format.JPEG).ink
    assert not _read(_jpeg([], components=3), Format.JPEG).ink


# PNG


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    plain = _file(Format.PNG)
    more = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return plain[:33] + more + plain[33:]


def _iccp(profile: bytes, name: bytes = b"some") -> bytes:
    return name + b"\0\0" + zlib.compress(profile)


GAMMA, CHROMA = (
    (b"gAMA", struct.pack(">I", 45455)),
    (b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in CHROMATICITIES))),
)
OTHER_GAMMA = (b"gAMA", struct.pack(">I", 55556))
CICP = (b"cICP", bytes([12, 13, 0, 1]))
UNSPECIFIED = (b"cICP", bytes([2, 2, 0, 1]))
ICCP = (b"iCCP", _iccp(PROFILE))
PLAIN_SRGB = (b"sRGB", b"\0")


@pytest.mark.parametrize(
    ("chunks", "tags"),
    [
        ((PLAIN_SRGB, GAMMA, CHROMA, ICCP, CICP), ColorTags(coding=Cicp(12, 13))),
        ((GAMMA, CHROMA, PLAIN_SRGB, ICCP), ColorTags(PROFILE)),
        ((GAMMA, CHROMA, PLAIN_SRGB), UNTAGGED),
        (
            (GAMMA, CHROMA),
            ColorTags(coding=Calibration(100_000 / 45_455, CHROMATICITIES)),
        ),
        ((CHROMA,), ColorTags(coding=Calibration(None, CHROMATICITIES))),
        ((GAMMA,), UNTAGGED),
        ((OTHER_GAMMA,), ColorTags(coding=Calibration(100_000 / 55_556))),
        ((UNSPECIFIED, ICCP), ColorTags(PROFILE)),
        (((b"cICP", bytes([9, 16, 0, 0])),), ColorTags(coding=Cicp(9, 16, full_range=False))),
    ],
)
def test_chunks_count_by_their_precedence(
    chunks: tuple[tuple[bytes, bytes], ...], tags: ColorTags
) -> None:
    assert _read(_png(*chunks), Format.PNG) == tags


@pytest.mark.parametrize(
    "broken",
    [
        (b"cICP", bytes([12, 13, 5, 1])),
        (b"cICP", b"\1"),
        (b"iCCP", b""),
        (b"iCCP", b"x" * 100),
        (b"iCCP", b"some\0\1" + zlib.compress(PROFILE)),
        (b"iCCP", b"some\0\0" + zlib.compress(PROFILE)[:-200]),
        (b"iCCP", b"some\0\0not deflated"),
        (b"gAMA", bytes(4)),
        (b"gAMA", b"\xff\xff\xff\xff"),
        (b"gAMA", bytes(3)),
        (b"cHRM", bytes(31)),
    ],
)
def test_a_broken_chunk_is_ignored(broken: tuple[bytes, bytes]) -> None:
    assert _read(_png(broken), Format.PNG) == UNTAGGED


def test_no_more_than_a_profile_is_inflated() -> None:
    bomb = struct.pack(">I", 1 << 30) + PROFILE[4:] + bytes(1 << 26)
    content = _png((b"iCCP", _iccp(bomb)))
    tracemalloc.start()
    try:
        assert _read(content, Format.PNG) == UNTAGGED
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_PROFILE_BYTES
    finally:
        tracemalloc.stop()


def test_chunks_behind_the_image_data_do_not_count() -> None:
    content = _png(CICP)
    plain = _file(Format.PNG)
    chunk = content[33 : 33 + 16]
    assert _read(plain[:-12] + chunk + plain[-12:], Format.PNG) == UNTAGGED


# AVIF


def test_an_avif_by_its_code_points() -> None:
    content = _file(Format.AVIF)
    at = content.index(b"colrnclx")
    coded = content[: at + 8] + struct.pack(">HH", 12, 16) + content[at + 12 :]
    assert _read(coded, Format.AVIF).coding == Cicp(12, 16)


def test_an_avif_whose_property_has_another_type_says_nothing() -> None:
    assert _read(_file(Format.AVIF).replace(b"colrnclx", b"colrnone"), Format.AVIF) == UNTAGGED


def test_the_profile_of_a_heic_is_found() -> None:
    picture = Image.new("RGB", (32, 32), "teal")
    picture.info["icc_profile"] = PROFILE
    content = io.BytesIO()
    pillow_heif.from_pillow(picture).save(content)
    assert _read(content.getvalue(), Format.HEIC).profile == PROFILE


# TIFF and WebP


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_in_both_byte_orders(order: str) -> None:
    start = 8 + 2 + 12 + 4
    entry = struct.pack(order + "HHII", 34675, 7, len(PROFILE), start)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    head = magic + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
    assert _read(head + PROFILE, Format.TIFF).profile == PROFILE
    assert _read(head + PROFILE[:-1], Format.TIFF) == UNTAGGED
    text = head.replace(struct.pack(order + "HH", 34675, 7), struct.pack(order + "HH", 34675, 2))
    assert _read(text + PROFILE, Format.TIFF) == UNTAGGED


def test_a_webp_whose_profile_comes_too_late_says_nothing() -> None:
    content = _file(Format.WEBP)
    late = b"ICCP" + struct.pack("<I", len(PROFILE)) + PROFILE
    assert _read(content + late, Format.WEBP) == UNTAGGED


def test_a_profile_for_gray_is_found_like_any_other() -> None:
    profile = gray_profile(table_curve(16))
    assert _read(_jpeg(_parts([profile]), components=1), Format.JPEG).profile == profile
