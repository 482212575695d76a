import struct

import pytest

from pixelpipe.errors import DamagedImageError, UnsupportedFormatError
from tests.unit.probe_files import SOI, exif, exif_segment, frame, jpeg, probed, segment

FRAME = frame(60, 40)


@pytest.mark.parametrize(
    "marker", [0xC0, 0xC1, 0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)]
)
def test_every_frame_marker_gives_the_size(marker: int) -> None:
    info = probed(jpeg(frame(60, 40, marker=marker)))
    assert (info.stored_width, info.stored_height) == (60, 40)


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC])
def test_tables_between_the_frame_markers_are_no_frames(marker: int) -> None:
    with pytest.raises(DamagedImageError, match="no frame header"):
        probed(jpeg(frame(60, 40, marker=marker)))


@pytest.mark.parametrize(("components", "channels"), [(1, 1), (3, 3), (4, 3)])
def test_channels_follow_components(components: int, channels: int) -> None:
    assert probed(jpeg(frame(60, 40, components=components))).channels == channels


def test_two_components_are_damage() -> None:
    with pytest.raises(DamagedImageError, match="2 components; 1, 3 and 4"):
        probed(jpeg(frame(60, 40, components=2)))


def test_twelve_bits_are_not_accepted() -> None:
    with pytest.raises(UnsupportedFormatError, match="12 bits per sample"):
        probed(jpeg(frame(60, 40, bits=12, marker=0xC1)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_either_byte_order(orientation: int, order: str) -> None:
    app1 = segment(0xE1, b"Exif\0\0" + exif(orientation, order))
    assert probed(jpeg(app1, FRAME)).orientation == orientation


def test_exif_behind_the_frame_counts() -> None:
    assert probed(jpeg(FRAME, exif_segment(6))).orientation == 6


def test_the_first_exif_segment_wins() -> None:
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0")
    assert probed(jpeg(xmp, exif_segment(6), exif_segment(3), FRAME)).orientation == 6


def test_exif_behind_the_scan_does_not_count() -> None:
    assert probed(jpeg(FRAME) + exif_segment(6)).orientation == 1


@pytest.mark.parametrize(
    "gap",
    [
        b"\xff",
        b"\xff" * 500,
        b"junk",
        bytes(300),
        b"\xff\0\xff\0",
        b"\x01" * 127 + b"\xff",
        b"\xff\x01\xff\xd0",
    ],
    ids=["fill", "much fill", "junk", "much junk", "data", "window edge", "standalone"],
)
def test_fill_and_junk_between_segments_are_skipped(gap: bytes) -> None:
    info = probed(jpeg(exif_segment(8), gap, FRAME, gap))
    assert (info.stored_width, info.orientation) == (60, 8)


def test_the_first_frame_wins() -> None:
    assert probed(jpeg(FRAME, frame(600, 400))).stored_width == 60


def frame_of(*factors: int, more: bytes = b"") -> bytes:
    """A frame header of components with these sampling factors."""
    head = struct.pack(">BHHB", 8, 40, 60, len(factors))
    each = (bytes((number, factor, 0)) for number, factor in enumerate(factors, 1))
    return segment(0xC0, head + b"".join(each) + more)


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2])
def test_chroma_that_is_halved_both_ways_is_told(marker: int) -> None:
    halved = b"\xff" + bytes((marker,)) + frame_of(0x22, 0x11, 0x11)[2:]
    info = probed(jpeg(exif_segment(6), halved))
    assert (info.halved_chroma, info.orientation) == (True, 6)


@pytest.mark.parametrize(
    "factors",
    [
        (0x11,),
        (0x22,),
        (0x11, 0x11, 0x11),
        (0x21, 0x11, 0x11),
        (0x12, 0x11, 0x11),
        (0x41, 0x11, 0x11),
        (0x22, 0x12, 0x21),
        (0x22, 0x22, 0x22),
        (0x44, 0x22, 0x22),
        (0x11, 0x22, 0x22),
        (0x22, 0x11, 0x11, 0x22),
        (0x11, 0x11, 0x11, 0x11),
    ],
)
def test_chroma_that_is_stored_in_any_other_way_is_not(factors: tuple[int, ...]) -> None:
    assert not probed(jpeg(frame_of(*factors))).halved_chroma


def test_a_frame_longer_than_its_components_tells_nothing_of_chroma() -> None:
    assert not probed(jpeg(frame_of(0x22, 0x11, 0x11, more=b"\0"))).halved_chroma


def test_of_two_frames_the_first_tells_of_chroma() -> None:
    halved = frame_of(0x22, 0x11, 0x11)
    assert probed(jpeg(halved, FRAME)).halved_chroma
    assert not probed(jpeg(FRAME, halved)).halved_chroma


def test_a_frame_that_is_cut_is_damage() -> None:
    with pytest.raises(DamagedImageError):
        probed(SOI + frame_of(0x22, 0x11, 0x11)[:-4])


@pytest.mark.parametrize("size", [0, 1])
def test_a_segment_shorter_than_its_length_field_is_damage(size: int) -> None:
    with pytest.raises(DamagedImageError, match=f"length of {size} bytes"):
        probed(SOI + b"\xff\xe0" + bytes((0, size)) + FRAME)


@pytest.mark.parametrize(
    "data", [SOI + FRAME, SOI + FRAME + b"\xff\xe2\xff\xff", SOI + b"\xff" * 300]
)
def test_a_file_that_ends_before_its_scan_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedImageError, match="ends before"):
        probed(data)


@pytest.mark.parametrize(
    "block",
    [b"", b"II", b"XX*\0\x08\0\0\0", exif(6)[:12], exif(9), exif(0), b"II*\0\xff\xff\xff\xff"],
)
def test_a_broken_exif_block_is_upright(block: bytes) -> None:
    assert probed(jpeg(segment(0xE1, b"Exif\0\0" + block), FRAME)).orientation == 1


@pytest.mark.parametrize(
    ("name", "halved"),
    [(b"sRGB IEC61966-2.1", True), ("sRGB".encode("utf-16-be"), True), (b"Display P3", False)],
)
def test_a_profile_that_is_not_called_srgb_has_other_colours(name: bytes, halved: bool) -> None:  # noqa: FBT001
    profile = segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(300) + name)
    assert probed(jpeg(profile, frame_of(0x22, 0x11, 0x11))).halved_chroma is halved


@pytest.mark.parametrize("body", [b"ICC_PROFILE\0", b"ICC_PROFILE\0\2\2Display P3", b"MPF\0"])
def test_what_does_not_begin_a_profile_says_nothing_of_colours(body: bytes) -> None:
    assert probed(jpeg(segment(0xE2, body), frame_of(0x22, 0x11, 0x11))).halved_chroma
