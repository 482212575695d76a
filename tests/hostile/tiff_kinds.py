"""TIFF, after TIFF 6.0."""

import struct
from collections.abc import Iterator
from functools import partial

from tests.hostile import tiff_files as t
from tests.hostile.good_files import LEGAL_SIDE, good, solid
from tests.hostile.kind import COMPLETED, DAMAGED, FOREIGN, PIXELS, Kind, cuts, kind, replaced
from tests.hostile.png_kinds import deflated_zeros
from tests.hostile.tiff_files import LONG, SHORT, gray, tiff_of, tiled

_MIB = 1 << 20
_DEFLATE, _PACK_BITS, _LZW, _JPEG, _OLD_JPEG = 8, 32773, 5, 7, 6
_LZMA, _ZSTD, _WEBP, _LERC, _CCITT, _PIXAR = 34925, 50000, 50001, 34887, 4, 32909
_PIXELS = bytes(range(64))
_MOST = 0xFFFFFFFF

GOOD = good("TIFF")
DEFLATED = good("TIFF", compression="tiff_adobe_deflate")


def _directory(whole: bytes) -> tuple[int, int]:
    """Where the first directory lies, and how many entries it has."""
    (at,) = struct.unpack_from("<I", whole, 4)
    return at, struct.unpack_from("<H", whole, at)[0]


def _marks(whole: bytes) -> Iterator[tuple[str, int]]:
    at, count = _directory(whole)
    yield "inside its magic", 3
    yield "behind its magic", 4
    yield "behind its header", 8
    yield "inside its head", at + 1 if at < len(whole) // 2 else at // 2
    yield "before its directory", at
    yield "inside the count of its directory", at + 1
    for number in range(count):
        yield f"before entry {number}", at + 2 + 12 * number
        yield f"inside entry {number}", at + 7 + 12 * number
    yield "before its next directory", at + 2 + 12 * count
    yield "behind its directory", at + 6 + 12 * count
    yield "at its last byte", len(whole) - 1


def _first_entry(whole: bytes, tag: int, change: bytes, offset: int = 8) -> bytes:
    """The file with the entry of this tag overwritten from `offset`."""
    at, count = _directory(whole)
    places = (at + 2 + 12 * number for number in range(count))
    place = next(at for at in places if struct.unpack_from("<H", whole, at)[0] == tag)
    return replaced(whole, place + offset, change)


def _pack_bits(size: int) -> bytes:
    return b"\x81\0" * (size // 128 + 1)


def _shrunk(compression: str) -> bytes:
    """Its strip holds 36 MP, its directory promises 64."""
    whole = solid("TIFF", (6000, 6000), compression=compression, tiffinfo={278: 6000})
    for tag in (t.WIDTH, t.LENGTH):
        whole = _first_entry(whole, tag, struct.pack("<I", 8))
    return whole


def _entries(count: int, declared: int | None = None) -> bytes:
    entry = struct.pack("<HHII", 65000, SHORT, 1, 0)
    return b"II*\0" + struct.pack("<IH", 8, declared or count) + entry * count


def _pages(count: int) -> bytes:
    """Directories in a chain, each of which is a whole picture."""
    page = gray(8, _PIXELS)
    at, entries = _directory(page)
    body, size = page[at : at + 2 + 12 * entries], 6 + 12 * entries
    chain = (body + struct.pack("<I", at + size * (n + 1)) for n in range(count - 1))
    return page[:at] + b"".join(chain) + body + bytes(4)


def _itself() -> bytes:
    """Its next directory is its first one."""
    page = gray(8, _PIXELS)
    at, entries = _directory(page)
    return replaced(page, at + 2 + 12 * entries, struct.pack("<I", at))


KINDS: list[Kind] = [
    *cuts("TIFF", GOOD, _marks(GOOD)),
    *cuts("TIFF, deflated,", DEFLATED, _marks(DEFLATED)),
    kind("TIFF with trailing bytes", lambda: GOOD + bytes(_MIB), COMPLETED),
    kind("TIFF of 65535x65535", lambda: gray(65535, _PIXELS), PIXELS),
    kind("TIFF of 4294967295x4294967295", lambda: gray(_MOST, _PIXELS), PIXELS),
    kind("TIFF of 0x0", lambda: gray(0, _PIXELS), DAMAGED),
    kind("TIFF of 49 MP with 64 pixels", lambda: gray(LEGAL_SIDE, _PIXELS), DAMAGED),
    kind(
        "TIFF of 49 MP with no strips",
        lambda: gray(LEGAL_SIDE, b"", t279=(LONG, 0), t273=(LONG, 0)),
        DAMAGED,
    ),
    kind(
        "TIFF of 49 MP of 64 bits with no strips",
        lambda: gray(7000, b"", t258=(SHORT, [16] * 4), t277=(SHORT, 4), t262=(SHORT, 2)),
        DAMAGED,
    ),
    kind(
        "TIFF of 49 MP, deflated",
        lambda: gray(LEGAL_SIDE, deflated_zeros(LEGAL_SIDE**2), _DEFLATE),
        COMPLETED,
        dear=True,
    ),
    kind(
        "TIFF of 49 MP in LZW",
        lambda: solid("TIFF", (LEGAL_SIDE, LEGAL_SIDE), compression="tiff_lzw"),
        COMPLETED,
        dear=True,
    ),
    kind(
        "TIFF of 49 MP in runs",
        lambda: gray(LEGAL_SIDE, _pack_bits(LEGAL_SIDE**2), _PACK_BITS),
        COMPLETED,
        dear=True,
    ),
    kind(
        "TIFF of 49 MP of fax",
        lambda: solid("TIFF", (LEGAL_SIDE, LEGAL_SIDE), "1", compression="group4"),
        COMPLETED,
        dear=True,
    ),
    kind(
        "TIFF deflate bomb of 1 GiB for 64 pixels",
        lambda: gray(8, deflated_zeros(1 << 30), _DEFLATE),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "TIFF deflate bomb of one row of 1 GiB",
        lambda: gray(8, deflated_zeros(1 << 30), _DEFLATE, t278=(LONG, _MOST)),
        COMPLETED,
        DAMAGED,
    ),
    kind(
        "TIFF bomb in runs of 640 MB for 64 pixels",
        lambda: gray(8, _pack_bits(640 * _MIB), _PACK_BITS),
        COMPLETED,
        DAMAGED,
    ),
    kind("TIFF LZW bomb of 36 MP for 64 pixels", partial(_shrunk, "tiff_lzw"), COMPLETED, DAMAGED),
    kind("TIFF JPEG bomb of 36 MP for 64 pixels", partial(_shrunk, "jpeg"), DAMAGED, FOREIGN),
    kind(
        "TIFF fax bomb of 36 MP for 64 pixels",
        lambda: _shrunk("packbits").replace(b"\x05\x80", b"\x04\0"),
        COMPLETED,
        DAMAGED,
    ),
    *(
        kind(
            f"TIFF with a tile of {width}x{height}",
            partial(tiled, 8, (width, height), _PIXELS),
            DAMAGED,
            COMPLETED,
        )
        for width, height in (
            (0, 0),
            (1, 1),
            (8, 8),
            (65535, 65535),
            (_MOST, _MOST),
            (0x10000, 0x10000),
            (16, _MOST),
            (0x7FFFFFF0, 16),
        )
    ),
    kind("TIFF of 49 MP in a tile of 1x1", lambda: tiled(7000, (1, 1), b"x"), DAMAGED),
    kind(
        "TIFF with a deflated tile of 20000x20000",
        lambda: tiled(8, (20_000, 20_000), deflated_zeros(400_000_000), _DEFLATE),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "TIFF of 49 MP with a deflated tile of 49152x16",
        lambda: tiled(7000, (49_152, 16), deflated_zeros(49_152 * 16), _DEFLATE),
        DAMAGED,
        COMPLETED,
        dear=True,
    ),
    *(
        kind(
            f"TIFF with {rows} rows a strip",
            partial(gray, 8, _PIXELS, t278=(LONG, rows)),
            DAMAGED,
            COMPLETED,
        )
        for rows in (0, 1, 9, 0x7FFFFFFF, _MOST)
    ),
    *(
        kind(
            f"TIFF with a strip at {at:#x}",
            partial(gray, 8, _PIXELS, t273=(LONG, at)),
            DAMAGED,
            COMPLETED,
        )
        for at in (0, 0x7FFFFFFF, _MOST)
    ),
    *(
        kind(
            f"TIFF with a strip of {size:#x} bytes",
            partial(gray, 8, _PIXELS, t279=(LONG, size)),
            DAMAGED,
            COMPLETED,
        )
        for size in (0, 1, 0x40000000, 0x7FFFFFFF, _MOST)
    ),
    kind(
        "TIFF with a deflated strip of 4 GB",
        lambda: gray(8, deflated_zeros(64), _DEFLATE, t279=(LONG, _MOST)),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "TIFF with strips that are one another",
        lambda: gray(
            LEGAL_SIDE,
            bytes(LEGAL_SIDE),
            t278=(LONG, 1),
            t273=(LONG, [8] * LEGAL_SIDE),
            t279=(LONG, [LEGAL_SIDE] * LEGAL_SIDE),
        ),
        COMPLETED,
        DAMAGED,
        dear=True,
    ),
    kind(
        "TIFF with 4294967295 strips",
        lambda: _first_entry(gray(8, _PIXELS), t.OFFSETS, struct.pack("<II", _MOST, 8), 4),
        DAMAGED,
        COMPLETED,
    ),
    *(
        kind(
            f"TIFF of compression {code}",
            partial(gray, 8, _PIXELS * 4, code),
            DAMAGED,
            FOREIGN,
            COMPLETED,
        )
        for code in (
            0,
            2,
            3,
            _CCITT,
            _LZW,
            _OLD_JPEG,
            _JPEG,
            9,
            32766,
            32908,
            _PIXAR,
            34676,
            34677,
            _LERC,
            _LZMA,
            _ZSTD,
            _WEBP,
            65535,
        )
    ),
    *(
        kind(
            f"TIFF whose directory lies at {at:#x}",
            partial(replaced, GOOD, 4, struct.pack("<I", at)),
            DAMAGED,
        )
        for at in (0, 4, 0x7FFFFFFF, _MOST)
    ),
    kind("TIFF with a directory of no entries", lambda: _entries(0) + bytes(4), DAMAGED),
    kind("TIFF with a directory of 65535 entries", partial(_entries, 65535), DAMAGED),
    kind("TIFF with a directory that says 65535 entries", partial(_entries, 9, 65535), DAMAGED),
    kind("TIFF whose next directory is itself", _itself, COMPLETED, DAMAGED),
    kind("TIFF of 900 pages", partial(_pages, 900), COMPLETED),
    kind("TIFF of 100,000 pages", partial(_pages, 100_000), COMPLETED, DAMAGED, "frame-limit"),
    kind(
        "TIFF with sub-directories that loop",
        lambda: gray(8, _PIXELS, t330=(LONG, [72] * 9), t34665=(LONG, 72)),
        COMPLETED,
    ),
    kind(
        "TIFF with a tag of 20 MB",
        lambda: gray(8, _PIXELS, t270=(t.ASCII, b"x" * 20 * _MIB)),
        COMPLETED,
    ),
    kind(
        "TIFF with a tag that says 4 GB",
        lambda: _first_entry(
            gray(8, _PIXELS, t270=(t.ASCII, b"x" * 9)), 270, struct.pack("<I", _MOST), 4
        ),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "TIFF with bits of 4294967295 values",
        lambda: _first_entry(GOOD, t.BITS, struct.pack("<I", _MOST), 4),
        DAMAGED,
        COMPLETED,
    ),
    *(
        kind(
            f"TIFF with {n} samples",
            partial(gray, 8, _PIXELS, t277=(SHORT, n)),
            DAMAGED,
            FOREIGN,
            COMPLETED,
        )
        for n in (0, 2, 5, 65535)
    ),
    *(
        kind(
            f"TIFF of {bits} bits",
            partial(gray, 8, _PIXELS, t258=(SHORT, bits)),
            FOREIGN,
            DAMAGED,
        )
        for bits in (0, 7, 32, 64, 65535)
    ),
    kind("TIFF of floats", lambda: gray(4, _PIXELS, t258=(SHORT, 32), t339=(SHORT, 3)), FOREIGN),
    kind(
        "TIFF with a palette that is not there",
        partial(gray, 8, _PIXELS, t262=(SHORT, 3)),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "TIFF with a palette of 3 numbers",
        lambda: gray(8, _PIXELS, t262=(SHORT, 3), t320=(SHORT, [1, 2, 3])),
        DAMAGED,
        COMPLETED,
    ),
    kind(
        "TIFF of planes that are not there",
        lambda: gray(
            8, _PIXELS, t277=(SHORT, 3), t262=(SHORT, 2), t284=(SHORT, 2), t258=(SHORT, [8] * 3)
        ),
        DAMAGED,
        COMPLETED,
    ),
    *(
        kind(
            f"TIFF with a subsampling of {down}",
            partial(
                gray,
                8,
                _PIXELS * 4,
                t277=(SHORT, 3),
                t262=(SHORT, 6),
                t258=(SHORT, [8] * 3),
                t530=(SHORT, [down, down]),
            ),
            DAMAGED,
            COMPLETED,
        )
        for down in (0, 3, 4, 65535)
    ),
    kind(
        "TIFF with a predictor that nobody knows",
        lambda: gray(8, deflated_zeros(64), _DEFLATE, t317=(SHORT, 9)),
        DAMAGED,
        COMPLETED,
    ),
    kind("TIFF of orientation 9", lambda: gray(8, _PIXELS, t274=(SHORT, 9)), COMPLETED),
    kind("TIFF without a size", lambda: tiff_of(_PIXELS, {t.PHOTOMETRIC: (SHORT, 1)}), DAMAGED),
    kind("TIFF with its width twice", lambda: gray(8, _PIXELS, t255=(LONG, 7000)), COMPLETED),
    kind("BigTIFF", lambda: b"II+\0" + GOOD[4:], FOREIGN),
    kind("TIFF of nothing but its magic", lambda: b"II*\0", DAMAGED),
]
