"""Files of almost the largest size that is taken, made to keep busy whoever walks through them."""

import struct
from functools import partial

import numpy as np

from tests.hostile import avif_kinds, gif_kinds, jpeg_kinds, png_kinds, webp_kinds
from tests.hostile.kind import COMPLETED, DAMAGED, FRAMES, Kind, kind
from tests.hostile.tiff_files import LONG, gray
from tests.unit.probe_files import box, gif_comment, png_chunk, riff_chunk, vp8x, webp

_SIZE = 31 << 20
_EITHER = (COMPLETED, DAMAGED)


def _filled(start: bytes, unit: bytes, end: bytes = b"") -> bytes:
    return start + unit * ((_SIZE - len(start) - len(end)) // len(unit)) + end


def _in_scan(unit: bytes) -> bytes:
    return _filled(jpeg_kinds.GOOD[:-200], unit, jpeg_kinds.EOI)


def _in_frame(unit: bytes) -> bytes:
    """A GIF whose pixels' blocks are followed by others."""
    start = gif_kinds.screen((8, 8)) + gif_kinds.frame((8, 8))[:-1]
    return _filled(start, unit, b"\0;")


def _rows() -> bytes:
    """A TIFF with a strip for each of its rows, all of them the same bytes."""
    rows = 2_000_000
    return gray(8, bytes(64), t278=(LONG, 1), t273=(LONG, [8] * rows), t279=(LONG, [8] * rows))


def _chain() -> bytes:
    """Directories of no entries, each of which leads to the next."""
    first = gray(8, bytes(64))
    (at,) = struct.unpack_from("<I", first, 4)
    (count,) = struct.unpack_from("<H", first, at)
    next_at = at + 2 + 12 * count
    links = np.zeros(_SIZE // 6, [("entries", "<u2"), ("next_at", "<u4")])
    links["next_at"] = len(first) + 6 * np.arange(1, len(links) + 1)
    start = first[:next_at] + struct.pack("<I", len(first)) + first[next_at + 4 :]
    return start + links.tobytes()


KINDS: list[Kind] = [
    kind("JPEG of a scan of 31 MB of stuffed bytes", partial(_in_scan, b"\xff\0"), *_EITHER),
    kind("JPEG of a scan of 31 MB of restarts", partial(_in_scan, b"\xff\xd0"), *_EITHER),
    kind("JPEG of a scan of 31 MB of fill", partial(_in_scan, b"\xff"), *_EITHER),
    kind("JPEG of a scan and 31 MB of comments", partial(_in_scan, b"\xff\xfe\0\2"), *_EITHER),
    kind("JPEG of a scan and 31 MB of tables", partial(_in_scan, jpeg_kinds.table(0, 0)), *_EITHER),
    kind(
        "PNG of 31 MB of empty pixel chunks",
        lambda: _filled(png_kinds.GOOD[:-12], png_chunk(b"IDAT"), png_kinds.END),
        *_EITHER,
    ),
    kind(
        "PNG of 31 MB of pixel chunks of one byte",
        lambda: _filled(png_kinds.GOOD[:-12], png_chunk(b"IDAT", b"x"), png_kinds.END),
        *_EITHER,
    ),
    kind(
        "PNG of 31 MB of empty texts behind its pixels",
        lambda: _filled(png_kinds.GOOD[:-12], png_chunk(b"tEXt"), png_kinds.END),
        *_EITHER,
    ),
    kind(
        "WebP of 31 MB of empty chunks behind its picture",
        lambda: _filled(webp_kinds.GOOD, riff_chunk(b"JUNK", b"")),
        *_EITHER,
    ),
    kind(
        "WebP of 31 MB of empty chunks in it",
        lambda: webp(vp8x(64, 48), riff_chunk(b"JUNK", b"") * (_SIZE // 8), webp_kinds.GOOD[12:]),
        *_EITHER,
    ),
    kind(
        "WebP animation of 31 MB of empty frames",
        lambda: webp(
            vp8x(8, 8, 2), riff_chunk(b"ANIM", bytes(6)), riff_chunk(b"ANMF", b"") * (_SIZE // 8)
        ),
        *_EITHER,
        FRAMES,
    ),
    kind("GIF of 31 MB of one-byte blocks of pixels", partial(_in_frame, b"\1\0"), *_EITHER),
    kind(
        "GIF of 31 MB of empty extensions behind its picture",
        lambda: _filled(gif_kinds.screen((8, 8)) + gif_kinds.frame((8, 8)), gif_comment(), b";"),
        *_EITHER,
    ),
    kind(
        "GIF of 31 MB of full blocks of pixels", partial(_in_frame, b"\xff" + bytes(255)), *_EITHER
    ),
    kind(
        "AVIF of 31 MB of empty boxes behind its picture",
        lambda: _filled(avif_kinds.GOOD, box(b"free")),
        *_EITHER,
    ),
    kind("TIFF of 2,000,000 strips", _rows, *_EITHER),
    kind("TIFF of 31 MB of directories", _chain, *_EITHER, FRAMES),
]
