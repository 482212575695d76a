import struct

import pytest

from pixelpipe.formats.registry import Format
from tests.unit.probe_files import bmp
from tests.unit.screening import incomplete, noise, refusal, saved, screened


def runs(size: tuple[int, int], body: bytes, *, bits: int = 8, compression: int = 1) -> bytes:
    """A BMP in runs."""
    empty = bmp((size[0], 0), bits, compression=compression)
    return empty[:22] + struct.pack("<i", size[1]) + empty[26:] + body


def with_field(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + struct.pack("<I", value) + data[at + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        saved(noise(), Format.BMP),
        saved(noise("P"), Format.BMP),
        saved(noise("1"), Format.BMP),
        bmp((7, 5)),
        bmp((7, -5)),
        bmp((7, 5), 4),
        bmp((7, 5), 8, header_bytes=12),
        bmp((7, 5), 32, header_bytes=124, compression=3, masks=(1, 2, 4, 8)),
        bmp((7, 5)) + b"trailer",
        runs((300, 2), b"\xff\1\x2d\1\0\0" * 2 + b"\0\1"),
        runs((300, 2), b"\xff\1\x2d\1\0\0" * 2 + b"\0\1", bits=4, compression=2),
        runs((127, 64), b"\0\2\x50\x20\5\1\0\1"),
    ],
)
def test_good_files_pass(data: bytes) -> None:
    assert screened(data, Format.BMP) == data


@pytest.mark.parametrize(
    "data",
    [
        bmp((7, 5))[:-1],
        bmp((7, -5))[:-1],
        with_field(bmp((7, 5)), 18, 7000),
        with_field(bmp((7, 5)), 22, 7000),
        with_field(bmp((7, 5)), 10, 150),
        with_field(bmp((7, 5)), 10, 0xFFFFFFFF),
        runs((7000, 7000), b"\0\1"),
        bmp((7, 5))[:40],
        bmp((7, 5))[:16],
    ],
)
def test_pixels_that_are_not_there_are_missed(data: bytes) -> None:
    assert refusal(data, Format.BMP) == incomplete(Format.BMP)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (with_field(bmp((7, 5)), 10, 0), "at offset 0 overlap its header"),
        (with_field(bmp((7, 5)), 10, 53), "at offset 53 overlap its header"),
        (with_field(bmp((7, 5), 8), 46, 257), "palette has 257 colours"),
        (runs((5, 4), bytes(99), bits=24), "runs are of pixels with 24 bits"),
        (runs((5, 4), bytes(99), bits=8, compression=2), "runs are of pixels with 8 bits"),
    ],
)
def test_what_no_writer_writes_is_damage(data: bytes, fault: str) -> None:
    assert fault in refusal(data, Format.BMP)
