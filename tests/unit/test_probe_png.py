import struct

import pytest

from pixelpipe.errors import DamagedImageError
from tests.unit.probe_files import exif, png, png_chunk, probed

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
ALLOWED = [
    *((GRAY, depth, 1) for depth in (1, 2, 4, 8, 16)),
    *((RGB, depth, 3) for depth in (8, 16)),
    *((PALETTE, depth, 3) for depth in (1, 2, 4, 8)),
    *((GRAY_ALPHA, depth, 4) for depth in (8, 16)),
    *((RGBA, depth, 4) for depth in (8, 16)),
]
FORBIDDEN = [
    (colour, depth)
    for colour in range(8)
    for depth in (0, 1, 2, 3, 4, 8, 16, 32)
    if (colour, depth) not in {(colour, depth) for colour, depth, _ in ALLOWED}
]


@pytest.mark.parametrize(("colour", "depth", "channels"), ALLOWED)
def test_channels_and_depth(colour: int, depth: int, channels: int) -> None:
    info = probed(png((7, 3), depth, colour))
    assert (info.stored_width, info.stored_height, info.channels) == (7, 3, channels)
    assert info.bit_depth == (8 if colour == PALETTE else depth)


@pytest.mark.parametrize(("colour", "depth"), FORBIDDEN)
def test_other_combinations_are_damage(colour: int, depth: int) -> None:
    with pytest.raises(DamagedImageError, match=f"colour type {colour} with {depth} bits"):
        probed(png((7, 3), depth, colour))


@pytest.mark.parametrize(
    ("colour", "entry_bytes", "channels"),
    [
        (GRAY, 2, 4),
        (RGB, 6, 4),
        (PALETTE, 1, 4),
        (PALETTE, 2, 4),
        (GRAY, 1, 1),
        (RGB, 2, 3),
        (PALETTE, 0, 3),
        (RGBA, 6, 4),
    ],
)
def test_transparency_of_the_right_size_adds_alpha(
    colour: int, entry_bytes: int, channels: int
) -> None:
    transparency = png_chunk(b"tRNS", bytes(entry_bytes))
    assert probed(png((7, 3), 8, colour, before=transparency)).channels == channels


def test_transparency_behind_the_pixels_does_not_count() -> None:
    assert probed(png(behind=png_chunk(b"tRNS", bytes(6)))).channels == 3


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int, prefix: bytes, place: str) -> None:
    chunk = png_chunk(b"tEXt", b"a\0b") + png_chunk(b"eXIf", prefix + exif(orientation))
    data = png(before=chunk) if place == "before" else png(behind=chunk)
    assert probed(data).orientation == orientation


def test_pixels_cut_short_behind_their_first_chunk_are_left_to_the_codec() -> None:
    whole = png((5, 4))
    assert probed(whole[: whole.index(b"IDAT") + 6]).stored_width == 5


def test_apples_variant_is_damage() -> None:
    whole = png()
    with pytest.raises(DamagedImageError, match="CgBI"):
        probed(whole[:8] + png_chunk(b"CgBI", bytes(4)) + whole[8:])


def test_the_header_comes_first() -> None:
    whole = png()
    with pytest.raises(DamagedImageError, match="does not begin with a header chunk"):
        probed(whole[:8] + png_chunk(b"tEXt") + whole[8:])


def test_a_file_without_pixels_is_damage() -> None:
    whole = png()
    with pytest.raises(DamagedImageError, match="no image data"):
        probed(whole[: whole.index(b"IDAT") - 4] + png_chunk(b"IEND"))


def test_a_chunk_that_lies_about_its_length_is_damage() -> None:
    lie = struct.pack(">I4s", 0xFFFFFFF0, b"tEXt")
    with pytest.raises(DamagedImageError, match="ends before"):
        probed(png(before=lie))
