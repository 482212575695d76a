import pytest

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.lzw import _behind_reset
from tests.unit.probe_files import gif_comment, gif_control
from tests.unit.screening import (
    animated,
    codes,
    gif_file,
    gif_frame,
    incomplete,
    noise,
    refusal,
    saved,
    screened,
    sub_blocks,
)

CLEAR, END = 4, 5
PIXELS = sub_blocks(codes([CLEAR, 0, END], 3))
FRAME = gif_frame(PIXELS, (1, 1))
NETSCAPE = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


def test_only_the_first_frame_and_its_control_are_handed_on() -> None:
    first, second = gif_control(1), gif_control(0)
    data = gif_file(NETSCAPE, gif_control(0), gif_comment(b"hello"), first, FRAME, second, FRAME)
    assert screened(data, Format.GIF) == gif_file(first, FRAME)


def test_of_an_animation_one_frame_is_left() -> None:
    data = animated(Format.GIF, 3)
    assert len(screened(data, Format.GIF)) < len(data) / 2


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (gif_file(), "no picture"),
        (gif_file(b"\x99", FRAME), "is no block"),
        (gif_file(FRAME, b"\0"), "is no block"),
        (gif_file(gif_frame(PIXELS, (1, 1), 1)), "1 bits; 2 to 8"),
        (gif_file(gif_frame(PIXELS, (1, 1), 12)), "12 bits; 2 to 8"),
        (gif_file(FRAME, gif_comment(*[b"x"] * 70_000)), "far too many blocks"),
        (gif_file(gif_frame(b"\x01x" * 70_000 + b"\0", (1, 1))), "far too many blocks"),
    ],
)
def test_what_no_writer_writes_is_damage(data: bytes, fault: str) -> None:
    assert fault in refusal(data, Format.GIF)


@pytest.mark.parametrize("rest", [b"", b"\x21\xfe\x05cut", FRAME[:-1]])
def test_a_file_may_end_anywhere_behind_its_first_frame(rest: bytes) -> None:
    whole = gif_file(FRAME)
    assert screened(whole[:-1] + rest, Format.GIF) == whole


def test_a_file_that_ends_inside_its_first_frame_is_incomplete() -> None:
    assert refusal(gif_file(FRAME)[:-2], Format.GIF) == incomplete(Format.GIF)


def test_pixel_data_that_begin_anew_all_the_time_are_refused() -> None:
    flood = codes([CLEAR] * 8, 3) * 10_000
    assert "anew far too often" in refusal(
        gif_file(gif_frame(sub_blocks(flood), (1000, 1000))), Format.GIF
    )


@pytest.mark.parametrize("reset", [CLEAR, END])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_reset_is_found_behind_other_codes(reset: int, before: int) -> None:
    data = codes([0] * before + [reset], 3)
    assert _behind_reset(bytearray(data + bytes(9)), 0, 2) == 3 * (before + 1)


def test_resets_are_counted_as_a_decoder_counts_them() -> None:
    def slow(data: bytearray, at: int, bits: int) -> int:
        number, width, table = int.from_bytes(data, "little"), bits + 1, (1 << bits) + 1
        while at < len(data) * 8:
            code = number >> at & (1 << width) - 1
            at += width
            if code in {1 << bits, (1 << bits) + 1}:
                break
            table += table < 4096
            width += width < 12 and table == 1 << width
        return at

    pixels = bytearray(noise("P", (200, 200)).tobytes())
    for bits in (2, 5, 8):
        at = 0
        while at < len(pixels) * 8:
            behind = _behind_reset(pixels, at, bits)
            expected = slow(pixels, at, bits)
            assert behind == expected or min(behind, expected) >= len(pixels) * 8
            at = behind


def test_a_large_photograph_passes() -> None:
    data = saved(noise("P", (700, 500)), Format.GIF)
    assert screened(data, Format.GIF) == data


def test_pixel_data_without_a_table_pass() -> None:
    """As written to avoid a patent: the table is begun anew before codes grow."""
    size = (600, 600)
    data = codes([256, *[7] * 254] * 8, 9) * (600 * 600 // (8 * 254))
    file = gif_file(gif_frame(sub_blocks(data), size, 8), size=size)
    assert screened(file, Format.GIF) == file
