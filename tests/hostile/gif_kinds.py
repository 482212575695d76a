"""GIF, after the GIF89a specification."""

import struct
from functools import partial

from tests.hostile.good_files import LEGAL_SIDE, animated, good
from tests.hostile.kind import (
    COMPLETED,
    DAMAGED,
    FRAMES,
    PIXELS,
    Kind,
    bits_from_low,
    cuts,
    kind,
)
from tests.unit.probe_files import gif_comment, gif_control

_MIB = 1 << 20
_TRAILER = b";"
_MIN_BITS, _CLEAR, _END = 2, 4, 5
_MAX_CODES = 4096
_BLOCK_BYTES = 255

GOOD = good("GIF", "P")
ANIMATED = animated("GIF")


def screen(size: tuple[int, int], *, flags: int = 0x80 | 1, magic: bytes = b"GIF89a") -> bytes:
    """Header and, if the flags say so, a table of `2 << (flags & 7)` colours."""
    table = bytes(range(3 * (2 << (flags & 7)))) if flags & 0x80 and flags & 7 < 5 else b""
    return magic + struct.pack("<HHBBB", *size, flags, 0, 0) + table


def blocks(data: bytes) -> bytes:
    """Data in sub-blocks, and their end."""
    pieces = (data[at : at + _BLOCK_BYTES] for at in range(0, len(data), _BLOCK_BYTES))
    return b"".join(bytes((len(piece),)) + piece for piece in pieces) + b"\0"


def frame(
    size: tuple[int, int],
    at: tuple[int, int] = (0, 0),
    *,
    flags: int = 0,
    bits: int = _MIN_BITS,
    data: bytes | None = None,
) -> bytes:
    packed = data if data is not None else one_colour(size[0] * size[1])
    return b"\x2c" + struct.pack("<HHHHB", *at, *size, flags) + bytes((bits,)) + blocks(packed)


def _round(pixels: int) -> list[tuple[int, int]]:
    """Codes for so many pixels, or for as many as a table has room for; a clear code before them.

    Each code stands for one pixel more than the last one, which makes the table grow the fastest.
    """
    fields, bits, added, length = [(_CLEAR, _MIN_BITS + 1)], _MIN_BITS + 1, _END + 1, 1
    while pixels and added < _MAX_CODES - 1:
        if added >= 1 << bits:
            bits += 1
        taken = min(length, pixels)
        fields.append((0 if taken == 1 else _END + taken - 1, bits))
        added += length > 1
        pixels -= taken
        length += 1
    # Where a clear code or the end comes next, it has to be as long as the next code would be.
    fields.append((_END if not pixels else _CLEAR, bits + (added >= 1 << bits)))
    return fields


def one_colour(pixels: int, *, more: int = 0) -> bytes:
    """An LZW stream of so many pixels; `more` rounds of 8 million others before them."""
    whole = _round(1 << 40)
    round_pixels = sum(range(1, len(whole) - 1))
    fields: list[tuple[int, int]] = []
    while pixels > round_pixels:
        fields += whole
        pixels -= round_pixels
    group = bits_from_low(whole * 8)  # 8 rounds end on a whole byte
    return group * (more // 8) + bits_from_low([*fields, *_round(pixels)])


def _marks() -> list[tuple[str, int]]:
    table = 13 + (3 << 1 + (GOOD[10] & 7))
    picture = GOOD.index(b"\x2c", table)
    return [
        ("inside its magic", 4),
        ("behind its magic", 6),
        ("inside its screen", 9),
        ("before its table", 13),
        ("inside its table", 40),
        ("behind its table", table),
        ("inside its first extension", table + 1),
        ("before its picture", picture),
        ("inside the place of its picture", picture + 6),
        ("before the bits of its codes", picture + 10),
        ("before its pixels", picture + 11),
        ("inside its pixels", (picture + len(GOOD)) // 2),
        ("before the end of its pixels", len(GOOD) - 2),
        ("before its trailer", len(GOOD) - 1),
    ]


def _file(*parts: bytes, size: tuple[int, int] = (8, 8)) -> bytes:
    return screen(size) + b"".join(parts) + _TRAILER


def _one_byte_blocks(count: int) -> bytes:
    return _file(b"\x21\xfe" + b"\x01x" * count + b"\0", frame((8, 8)))


def _coded_in(bits: int) -> bytes:
    return _file(frame((8, 8), bits=bits))


def _square(side: int) -> bytes:
    return _file(frame((side, side)), size=(side, side))


KINDS: list[Kind] = [
    *cuts("GIF", GOOD, _marks(), pixels_end=len(GOOD) - 2),
    kind(
        "GIF cut inside its second frame",
        lambda: ANIMATED[: len(ANIMATED) // 2],
        COMPLETED,
        DAMAGED,
    ),
    kind("GIF that is animated and good", partial(bytes, ANIMATED), COMPLETED),
    kind("GIF with trailing bytes", lambda: GOOD + bytes(_MIB), COMPLETED),
    kind("GIF of 87a", lambda: b"GIF87a" + GOOD[6:], COMPLETED),
    kind("GIF of 65535x65535", lambda: _file(frame((8, 8)), size=(65535, 65535)), PIXELS),
    kind("GIF of 16384x16384", partial(_square, 16384), PIXELS, kills="memory"),
    kind("GIF of 0x0", lambda: _file(frame((0, 0)), size=(0, 0)), DAMAGED),
    kind("GIF with a frame of 0x0", lambda: _file(frame((0, 0))), DAMAGED, COMPLETED),
    kind("GIF of 49 MP", partial(_square, LEGAL_SIDE), COMPLETED, dear=True),
    kind(
        "GIF of 49 MP with a frame of 1x1",
        lambda: _file(frame((1, 1)), size=(LEGAL_SIDE, LEGAL_SIDE)),
        COMPLETED,
        DAMAGED,
        dear=True,
    ),
    kind(
        "GIF of 49 MP with no pixels",
        lambda: _file(frame((7000, 7000), data=b"\x2c"), size=(7000, 7000)),
        DAMAGED,
        dear=True,
    ),
    kind("GIF with a frame outside its canvas", lambda: _file(frame((8, 8), (4, 4))), DAMAGED),
    kind(
        "GIF with a frame of 65535x65535", lambda: _file(frame((65535, 65535), data=b"x")), DAMAGED
    ),
    kind(
        "GIF with a second frame outside its canvas",
        lambda: _file(frame((8, 8)), frame((8, 8), (60000, 60000))),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "GIF with a second frame of 65535x65535",
        lambda: _file(frame((8, 8)), frame((65535, 65535), data=b"x")),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "GIF LZW bomb of 8 G pixels in a picture of 64",
        lambda: _file(frame((8, 8), data=one_colour(64, more=1000))),
        COMPLETED,
        DAMAGED,
    ),
    kind("GIF of 100,000 frames", lambda: _file(frame((1, 1)) * 100_000), FRAMES),
    kind("GIF of 1,001 frames", lambda: _file(frame((1, 1)) * 1001), FRAMES),
    kind(
        "GIF of 60 frames of 49 MP",
        lambda: _file(frame((LEGAL_SIDE, LEGAL_SIDE)) * 60, size=(LEGAL_SIDE, LEGAL_SIDE)),
        COMPLETED,
        DAMAGED,
        FRAMES,
        dear=True,
    ),
    kind(
        "GIF of 900 frames of 49 MP with no pixels",
        lambda: _file(frame((7000, 7000), data=b"\x2c") * 900, size=(7000, 7000)),
        DAMAGED,
        dear=True,
    ),
    kind("GIF of no frames", _file, DAMAGED),
    kind(
        "GIF without colours",
        lambda: screen((8, 8), flags=0) + frame((8, 8)) + _TRAILER,
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "GIF with a table that is not there",
        lambda: screen((8, 8), flags=0x87) + frame((8, 8)),
        DAMAGED,
    ),
    kind(
        "GIF with a frame's table that is not there",
        lambda: _file(frame((8, 8), flags=0x87)),
        DAMAGED,
    ),
    *(
        kind(
            f"GIF with codes of {bits} bits",
            partial(_coded_in, bits),
            DAMAGED,
            COMPLETED,
        )
        for bits in (0, 1, 9, 12, 13, 255)
    ),
    kind(
        "GIF with codes that are not there",
        lambda: _file(frame((8, 8), data=b"\xfc" * 99)),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "GIF with nothing but clear codes",
        lambda: _file(frame((8, 8), data=b"\x24\x49\x92" * 9999)),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "GIF with too few pixels",
        lambda: _file(frame((8, 8), data=one_colour(20))),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "GIF with a block that reaches past its end",
        lambda: _file(frame((8, 8)))[:-3] + b"\xff;",
        DAMAGED,
        COMPLETED,
    ),
    kind("GIF of one-byte blocks, 3,000", partial(_one_byte_blocks, 3000), COMPLETED),
    kind("GIF of one-byte blocks, 1,000,000", partial(_one_byte_blocks, 1_000_000), DAMAGED),
    kind(
        "GIF of one-byte blocks of pixels, 1,000,000",
        lambda: _file(frame((8, 8))[:-1] + b"\x01\x00" * 1_000_000 + b"\0"),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "GIF with 1,000,000 empty extensions",
        lambda: _file(gif_comment() * 1_000_000, frame((8, 8))),
        DAMAGED,
    ),
    kind(
        "GIF with 1,000,000 empty extensions behind its picture",
        lambda: _file(frame((8, 8)), gif_comment() * 1_000_000),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "GIF with a comment of 20 MB",
        lambda: _file(gif_comment(*[b"x" * 255] * 82_000), frame((8, 8))),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "GIF with a transparent colour that is not there",
        lambda: _file(b"\x21\xf9\x04\x01\0\0\xff\0", frame((8, 8))),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "GIF with a control of 255 bytes",
        lambda: _file(b"\x21\xf9\xff" + bytes(255) + b"\0", frame((8, 8))),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "GIF with 3,000 controls",
        lambda: _file(gif_control(1) * 3000, frame((8, 8))),
        COMPLETED,
        DAMAGED,
    ),
    kind("GIF with a block that nobody knows", lambda: _file(b"\x99", frame((8, 8))), DAMAGED),
    kind("GIF with a frame interlaced", lambda: _file(frame((8, 8), flags=0x40)), COMPLETED),
    kind("GIF of nothing but its magic", lambda: b"GIF89a", DAMAGED),
]
