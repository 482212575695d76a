import pytest

from pixelpipe.errors import DamagedImageError
from tests.unit.probe_files import exif, probed, riff_chunk, vp8, vp8l, vp8x, webp

ALPHA, EXIF = 0x10, 0x08


def test_lossy() -> None:
    info = probed(webp(vp8(60, 40)))
    assert (info.stored_width, info.stored_height, info.channels) == (60, 40, 3)


def test_display_scale_is_no_part_of_the_size() -> None:
    assert probed(webp(vp8(60 | 1 << 14, 40 | 3 << 14))).stored_width == 60


@pytest.mark.parametrize(("alpha", "channels"), [(0, 3), (1, 4)])
def test_lossless(alpha: int, channels: int) -> None:
    info = probed(webp(vp8l(16384, 3, alpha=bool(alpha))))
    assert (info.stored_width, info.stored_height, info.channels) == (16384, 3, channels)


@pytest.mark.parametrize(("flags", "channels"), [(0, 3), (ALPHA, 4)])
def test_extended(flags: int, channels: int) -> None:
    info = probed(webp(vp8x(300, 5, flags), vp8(300, 5)))
    assert (info.stored_width, info.stored_height, info.channels) == (300, 5, channels)


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_lies_behind_the_pixels(orientation: int, prefix: bytes) -> None:
    pixels = riff_chunk(b"ALPH", b"odd")
    chunk = riff_chunk(b"EXIF", prefix + exif(orientation))
    assert probed(webp(vp8x(60, 40, EXIF | ALPHA), pixels, chunk)).orientation == orientation


def test_exif_counts_only_where_the_header_announces_it() -> None:
    assert probed(webp(vp8x(60, 40), vp8(60, 40), riff_chunk(b"EXIF", exif(6)))).orientation == 1


def test_announced_exif_that_is_missing_is_upright() -> None:
    assert probed(webp(vp8x(60, 40, EXIF), vp8(60, 40))).orientation == 1


@pytest.mark.parametrize(
    ("chunk", "fault"),
    [
        (vp8(60, 40, start=b"\x9d\x01\x2b"), "key frame"),
        (vp8(60, 40, flags=0x11), "key frame"),
        (vp8l(60, 40, signature=0x2E), "signature"),
        (riff_chunk(b"ICCP", bytes(20)), "none of VP8, VP8L and VP8X"),
    ],
)
def test_a_broken_first_chunk_is_damage(chunk: bytes, fault: str) -> None:
    with pytest.raises(DamagedImageError, match=fault):
        probed(webp(chunk))
