import struct

import pytest

from pixelpipe.formats.source import UNCOUNTED_FRAMES, SourceInfo
from tests.unit.probe_files import (
    box,
    full_box,
    gif,
    gif_comment,
    ispe,
    png,
    png_chunk,
    probed,
    riff_chunk,
    vp8,
    vp8x,
    webp,
)

KEEP, CLEAR, RESTORE = 1, 2, 3


def control(disposal: int = 0) -> bytes:
    return b"\x21\xf9\x04" + struct.pack("<BHBx", disposal << 2, 5, 0)


def frame(size: tuple[int, int] = (60, 40), *, blocks: bytes = b"\x01\0", table: int = -1) -> bytes:
    flags, colours = (0, b"") if table < 0 else (0x80 | table, bytes(3 * (2 << table)))
    descriptor = struct.pack("<HHHHB", 0, 0, *size, flags)
    return b"\x2c" + descriptor + colours + b"\x02" + blocks + b"\0"


def animated_gif(*blocks: bytes, end: bytes = b";") -> bytes:
    start = gif((60, 40))
    return start[: start.index(b"\x2c")] + b"".join(blocks) + end


def blocks_of(codes_bytes: int, block_bytes: int = 255) -> bytes:
    full, rest = divmod(codes_bytes, block_bytes)
    last = bytes([rest]) + bytes(rest) if rest else b""
    return (bytes([block_bytes]) + b"\x3b" * block_bytes) * full + last


@pytest.mark.parametrize("count", [1, 2, 7])
def test_frames_of_a_gif_are_counted(count: int) -> None:
    assert probed(animated_gif(*[frame()] * count)).frames == count
    assert probed(animated_gif(*[control() + frame(table=7)] * count)).frames == count
    assert probed(animated_gif(*[control() + gif_comment(b"x") + frame()] * count)).frames == count


@pytest.mark.parametrize("codes_bytes", [1, 254, 255, 256, 510, 65_279, 65_280, 65_281, 300_000])
def test_a_frame_of_a_gif_ends_where_its_sub_blocks_end(codes_bytes: int) -> None:
    long = frame(blocks=blocks_of(codes_bytes))
    assert probed(animated_gif(long, frame(), long, frame())).frames == 4


def test_a_thousand_frames_of_a_gif_are_not_too_many() -> None:
    one = control() + frame(blocks=blocks_of(3000))
    assert probed(animated_gif(*[one] * 1000)).frames == 1000


def test_more_frames_than_there_are_steps_leave_a_gif_readable() -> None:
    info = probed(animated_gif(*[control() + frame()] * 3000))
    assert (info.frames, info.stored_width) == (UNCOUNTED_FRAMES, 60)


def test_a_gif_in_tiny_sub_blocks_is_not_counted_but_read() -> None:
    tiny = frame(blocks=blocks_of(3000, block_bytes=1))
    assert probed(animated_gif(frame(), tiny, tiny)).frames == UNCOUNTED_FRAMES


@pytest.mark.parametrize("end", [b"", b"\x2c", b"\x2c\0\0", b"\x21", b"\x21\xf9\x04", b"junk"])
def test_frames_before_the_place_where_a_gif_is_broken_count(end: bytes) -> None:
    assert probed(animated_gif(frame(), control(), frame(), end=end)).frames == 2


def test_a_frame_of_a_gif_that_is_cut_off_does_not_count() -> None:
    whole = animated_gif(frame(), frame(), frame(blocks=blocks_of(700)))
    assert probed(whole[:-300]).frames == 2


@pytest.mark.parametrize(
    ("frames", "channels"),
    [
        ([control(KEEP) + frame(), control(KEEP) + frame((3, 3))], 3),
        ([control(CLEAR) + frame(), frame()], 4),
        ([frame(), control(CLEAR) + frame((3, 3)), frame((3, 3))], 4),
        ([control(RESTORE) + frame(), frame()], 4),
        ([frame(), control(RESTORE) + frame((3, 3)), frame((3, 3))], 3),
        ([frame((3, 3)), frame()], 4),
    ],
    ids=["kept", "first cleared", "cleared", "first restored", "restored", "smaller first"],
)
def test_a_gif_is_transparent_where_nothing_is_drawn(frames: list[bytes], channels: int) -> None:
    assert probed(animated_gif(*frames)).animation_channels == channels


def animation_control(frames: int, plays: int = 0) -> bytes:
    return png_chunk(b"acTL", struct.pack(">II", frames, plays))


@pytest.mark.parametrize(
    ("said", "frames"), [(0, 1), (1, 1), (2, 2), (900, 900), (2**32 - 1, 2**32 - 1)]
)
def test_frames_of_a_png_are_those_that_its_header_says(said: int, frames: int) -> None:
    info = probed(png(before=animation_control(said)))
    assert (info.frames, info.channels) == (frames, 3)
    assert info.animation_channels == (4 if frames > 1 else 3)


def test_what_a_png_says_behind_its_pixels_does_not_count() -> None:
    assert probed(png(behind=animation_control(3))).frames == 1
    assert probed(png(before=png_chunk(b"acTL", b"\0\0"))).frames == 1


def webp_frame(size: tuple[int, int] = (60, 40), flags: int = 0, body: bytes = b"") -> bytes:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
    return riff_chunk(b"ANMF", bytes(6) + sides + bytes(3) + bytes([flags]) + (body or vp8(*size)))


def animated_webp(*frames: bytes, flags: int = 0x02) -> SourceInfo:
    return probed(webp(vp8x(60, 40, flags), riff_chunk(b"ANIM", bytes(6)), *frames))


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_frames_of_a_webp_are_counted(count: int) -> None:
    info = animated_webp(*[webp_frame()] * count)
    assert (info.frames, info.animation_channels) == (count, 3)


@pytest.mark.parametrize(("size", "channels"), [((60, 40), 3), ((20, 10), 4)])
def test_a_webp_is_transparent_around_a_smaller_first_frame(
    size: tuple[int, int], channels: int
) -> None:
    info = animated_webp(webp_frame(size), webp_frame())
    assert (info.channels, info.animation_channels) == (channels, channels)


def test_a_webp_without_the_flag_is_a_still_picture() -> None:
    assert animated_webp(webp_frame(), webp_frame(), flags=0).frames == 1


def test_more_frames_than_there_are_steps_leave_a_webp_readable() -> None:
    assert animated_webp(*[webp_frame(body=b"\0\0")] * 5000).frames == UNCOUNTED_FRAMES


def test_a_frame_of_a_webp_that_is_cut_off_does_not_count() -> None:
    whole = webp(vp8x(60, 40, 2), riff_chunk(b"ANIM", bytes(6)), *[webp_frame()] * 3)
    assert probed(whole[:-10]).frames == 2


@pytest.mark.parametrize(
    ("frames", "flags", "channels"),
    [
        ([webp_frame(), webp_frame((4, 4))], 0x02, 3),
        ([webp_frame(), webp_frame()], 0x12, 4),
        ([webp_frame(), webp_frame((4, 4), flags=1)], 0x02, 4),
        ([webp_frame((4, 4)), webp_frame()], 0x02, 4),
    ],
    ids=["opaque", "with alpha", "cleared", "smaller first"],
)
def test_a_webp_is_transparent_where_nothing_is_drawn(
    frames: list[bytes], flags: int, channels: int
) -> None:
    assert animated_webp(*frames, flags=flags).animation_channels == channels


def track(frames: int, *, auxiliary: bool = False) -> bytes:
    sizes = full_box(b"stsz", struct.pack(">II", 9, frames))
    media = box(b"mdia", box(b"minf", box(b"stbl", sizes)))
    return box(b"trak", box(b"tref", box(b"auxl", bytes(4))) if auxiliary else b"", media)


def sequence(*tracks: bytes, major: bytes = b"avis") -> SourceInfo:
    pitm = full_box(b"pitm", struct.pack(">H", 1))
    shared = box(b"ipco", ispe(60, 40))
    owners = full_box(b"ipma", struct.pack(">IHBB", 1, 1, 1, 0x81))
    meta = full_box(b"meta", pitm, box(b"iprp", shared, owners))
    brands = box(b"ftyp", major + b"\0\0\0\0avifavismif1")
    return probed(brands + meta + (box(b"moov", *tracks) if tracks else b""))


def test_frames_of_an_avif_are_the_samples_of_its_first_track() -> None:
    info = sequence(track(12))
    assert (info.frames, info.animation_channels) == (12, 3)


def test_an_avif_with_a_track_of_alpha_is_transparent() -> None:
    info = sequence(track(12, auxiliary=True), track(11))
    assert (info.frames, info.animation_channels) == (11, 4)


def test_an_avif_is_a_sequence_by_its_major_brand_only() -> None:
    assert sequence(track(12), major=b"avif").frames == 1


@pytest.mark.parametrize("tracks", [(), (box(b"trak"),), (box(b"free"),), (track(0),)])
def test_an_avif_with_a_broken_sequence_is_a_still_picture(tracks: tuple[bytes, ...]) -> None:
    assert sequence(*tracks).frames == 1
