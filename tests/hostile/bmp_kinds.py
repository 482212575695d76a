"""BMP, after the Windows GDI documentation."""

import struct
from functools import partial

from tests.hostile.good_files import LEGAL_SIDE, good
from tests.hostile.kind import (
    COMPLETED,
    DAMAGED,
    FOREIGN,
    PIXELS,
    Kind,
    cuts,
    kind,
    replaced,
)
from tests.unit.probe_files import bmp

_MIB = 1 << 20
_DATA_AT, _SIDES_AT, _BITS_AT, _COMPRESSION_AT, _COLOURS_AT = 10, 18, 28, 30, 46
_RLE8, _RLE4, _BITFIELDS, _JPEG = 1, 2, 3, 4
_END_OF_BITMAP = b"\0\1"

GOOD = good("BMP")
PALETTE = good("BMP", "P")


def _marks(whole: bytes) -> list[tuple[str, int]]:
    data = int.from_bytes(whole[_DATA_AT : _DATA_AT + 4], "little")
    return [
        ("behind its magic", 2),
        ("inside its file header", 12),
        ("before its header", 14),
        ("inside its header", 24),
        ("before its compression", 30),
        ("behind its header", 54),
        ("before its pixels", data),
        ("behind its first row", data + 192),
        ("inside its pixels", (data + len(whole)) // 2),
        ("at its last byte", len(whole) - 1),
    ]


def _sized(width: int, height: int) -> bytes:
    return replaced(GOOD, _SIDES_AT, struct.pack("<ii", width, height))


def _rle(
    side: int, data: bytes, *, bits: int = 8, compression: int = _RLE8, height: int | None = None
) -> bytes:
    colours = bytes(4 << bits)
    fields = (40, side, height or side, 1, bits, compression, len(data), 0, 0, 0, 0)
    start = 54 + len(colours)
    head = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", *fields) + colours + data


def _runs(side: int) -> bytes:
    """One colour, run by run."""
    whole, rest = divmod(side, 255)
    row = b"\xff\x03" * whole + bytes((rest, 3)) + b"\0\0"
    return _rle(side, row * side + _END_OF_BITMAP)


KINDS: list[Kind] = [
    *cuts("BMP", GOOD, _marks(GOOD)),
    *cuts("BMP with a palette", PALETTE, _marks(PALETTE)),
    kind("BMP with trailing bytes", lambda: GOOD + bytes(_MIB), COMPLETED),
    kind("BMP of 65535x65535", partial(_sized, 65535, 65535), PIXELS),
    kind("BMP of 2147483647x2147483647", partial(_sized, 2**31 - 1, 2**31 - 1), PIXELS),
    kind("BMP of 64x-2147483648", partial(_sized, 64, -(2**31)), PIXELS),
    kind("BMP of -64x48", partial(_sized, -64, 48), DAMAGED),
    kind("BMP of 0x0", partial(_sized, 0, 0), DAMAGED),
    kind("BMP of 49 MP with the pixels of 64x48", partial(_sized, 7000, 7000), DAMAGED),
    kind("BMP of 49 MP with the pixels of 64x48, top down", partial(_sized, 7000, -7000), DAMAGED),
    kind(
        "BMP RLE bomb of 1 KB and 30000x30000",
        lambda: _rle(30_000, _END_OF_BITMAP),
        PIXELS,
        kills="time",
    ),
    kind(
        "BMP RLE bomb of 1 KB and 49 MP",
        lambda: _rle(LEGAL_SIDE, _END_OF_BITMAP),
        COMPLETED,
        DAMAGED,
        dear=True,
    ),
    kind(
        "BMP RLE4 bomb of 1 KB and 49 MP",
        lambda: _rle(LEGAL_SIDE, _END_OF_BITMAP, bits=4, compression=_RLE4),
        COMPLETED,
        DAMAGED,
        dear=True,
    ),
    kind("BMP RLE bomb of 49 MP and no bytes", lambda: _rle(LEGAL_SIDE, b""), DAMAGED),
    kind("BMP of 49 MP in runs", partial(_runs, LEGAL_SIDE), COMPLETED, dear=True),
    kind(
        "BMP with runs past the end of a row",
        lambda: _rle(8, b"\xff\1" * 50 + _END_OF_BITMAP),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "BMP with 10 MB of runs for 64 pixels",
        lambda: _rle(8, b"\xff\1" * 5 * _MIB),
        DAMAGED,
        COMPLETED,
    ),
    kind("BMP with 10 MB of ends of rows", lambda: _rle(8, b"\0\0" * 5 * _MIB), DAMAGED, COMPLETED),
    kind(
        "BMP with jumps out of the picture",
        lambda: _rle(8, b"\0\2\xff\xff" * 50 + b"\x08\1" + _END_OF_BITMAP),
        COMPLETED,
        DAMAGED,
    ),
    kind("BMP with a literal run past its end", lambda: _rle(8, b"\0\xff" + bytes(9)), DAMAGED),
    kind(
        "BMP with a literal run past the end of a row",
        lambda: _rle(8, b"\0\xff" + bytes(256) + _END_OF_BITMAP),
        COMPLETED,
        DAMAGED,
    ),
    kind("BMP RLE, top down", lambda: _rle(8, _END_OF_BITMAP, height=-8), DAMAGED, COMPLETED),
    kind(
        "BMP RLE of 24 bits",
        partial(replaced, GOOD, _COMPRESSION_AT, struct.pack("<I", _RLE8)),
        DAMAGED,
    ),
    kind(
        "BMP that holds a JPEG",
        partial(replaced, GOOD, _COMPRESSION_AT, struct.pack("<I", _JPEG)),
        FOREIGN,
    ),
    *(
        kind(
            f"BMP with pixels at {at:#x}",
            partial(replaced, GOOD, _DATA_AT, struct.pack("<I", at)),
            DAMAGED,
            COMPLETED,
        )
        for at in (0, 14, 53, 0x7FFFFFFF, 0xFFFFFFFF)
    ),
    *(
        kind(
            f"BMP with a header of {size:#x} bytes",
            partial(replaced, GOOD, 14, struct.pack("<I", size)),
            DAMAGED,
            COMPLETED,
        )
        for size in (0, 11, 13, 39, 0x7FFFFFFF, 0xFFFFFFFF)
    ),
    *(
        kind(
            f"BMP with {count:#x} colours",
            partial(replaced, PALETTE, _COLOURS_AT, struct.pack("<I", count)),
            DAMAGED,
            COMPLETED,
        )
        for count in (1, 257, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)
    ),
    *(
        kind(
            f"BMP of {bits} bits",
            partial(replaced, GOOD, _BITS_AT, struct.pack("<H", bits)),
            DAMAGED,
        )
        for bits in (0, 2, 7, 64, 65535)
    ),
    kind(
        "BMP of 32 bits with the pixels of 24",
        partial(replaced, GOOD, _BITS_AT, struct.pack("<H", 32)),
        DAMAGED,
    ),
    kind(
        "BMP with masks of nothing",
        lambda: bmp((8, 8), 32, header_bytes=56, compression=_BITFIELDS, masks=(0, 0, 0, 0)),
        COMPLETED,
        DAMAGED,
        FOREIGN,
    ),
    kind(
        "BMP with masks that overlap",
        lambda: bmp((8, 8), 32, header_bytes=56, compression=_BITFIELDS, masks=(2**32 - 1,) * 4),
        COMPLETED,
        DAMAGED,
        FOREIGN,
    ),
    kind(
        "BMP with masks in 16 bits",
        lambda: bmp((8, 8), 16, header_bytes=56, compression=_BITFIELDS, masks=(0xF00, 0xF0, 15)),
        COMPLETED,
        DAMAGED,
        FOREIGN,
    ),
    kind("BMP of OS/2", lambda: bmp((8, 8), 24, header_bytes=12), COMPLETED),
    kind(
        "BMP of version 5 with a profile of 4 GB",
        lambda: replaced(bmp((8, 8), 24, header_bytes=124), 126, b"\xff" * 8),
        COMPLETED,
    ),
    kind("BMP in one bit of 49 MP", lambda: bmp((LEGAL_SIDE, LEGAL_SIDE), 1), COMPLETED, dear=True),
    kind("BMP of nothing but its magic", lambda: b"BM", DAMAGED),
]
