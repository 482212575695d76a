"""Animated PNG, after the PNG specification, third edition, section 11.3.6."""

import struct
import zlib
from functools import partial

from tests.hostile.kind import COMPLETED, DAMAGED, FRAMES, Kind, kind
from tests.hostile.png_kinds import file_of, header
from tests.unit.probe_files import png_chunk

_SIZE = (8, 8)
_ROWS = zlib.compress(bytes(9 * 8))
_ALLOWED = (COMPLETED, DAMAGED, FRAMES)  # its first picture is whole: either answer is right


def control(frames: int, plays: int = 0) -> bytes:
    return png_chunk(b"acTL", struct.pack(">II", frames, plays))


def frame(
    number: int, size: tuple[int, int] = _SIZE, at: tuple[int, int] = (0, 0), ops: bytes = b"\0\0"
) -> bytes:
    return png_chunk(b"fcTL", struct.pack(">IIIIIHH", number, *size, *at, 1, 10) + ops)


def pixels(number: int, data: bytes = _ROWS) -> bytes:
    return png_chunk(b"fdAT", struct.pack(">I", number) + data)


def apng(*frames: bytes, count: int = 2, start: bytes | None = None) -> bytes:
    """A picture of 8x8 and these frames behind it."""
    first = frame(0) if start is None else start
    return file_of(header(*_SIZE), control(count), first, png_chunk(b"IDAT", _ROWS), *frames)


def still_first(data: bytes) -> bytes:
    """An animation whose first picture is not part of it; `data` are the chunks of its frame.

    It is what OpenCV does not survive: it has left the place to which libpng's errors return.
    """
    return apng(frame(0), data, start=b"")


def _lie(length: int) -> bytes:
    """Frame data of one byte which says that it is longer."""
    return struct.pack(">I", length) + b"fdAT" + struct.pack(">I", 2) + b"x" + bytes(4)


def _many(count: int) -> bytes:
    frames = (frame(2 * n + 1) + pixels(2 * n + 2) for n in range(count - 1))
    return apng(*frames, count=count)


KINDS: list[Kind] = [
    kind("APNG that is good", lambda: apng(frame(1), pixels(2)), COMPLETED),
    *(
        kind(
            f"APNG with fdAT of {size} bytes",
            partial(apng, frame(1), png_chunk(b"fdAT", b"\0\0\0\2"[:size])),
            *_ALLOWED,
        )
        for size in range(5)
    ),
    *(
        kind(
            f"APNG with fdAT that says {length:#x} bytes",
            partial(apng, frame(1), _lie(length)),
            *_ALLOWED,
        )
        for length in (0, 3, 5, 9999, 0x7FFFFFFF, 0xFFFFFFFF)
    ),
    kind("APNG, still first, that is good", lambda: still_first(pixels(1)), COMPLETED),
    *(
        kind(
            f"APNG, still first, with fdAT of {size} bytes",
            partial(still_first, png_chunk(b"fdAT", b"\0\0\0\1"[:size])),
            *_ALLOWED,
            kills="crash" if size < 4 else "",
        )
        for size in range(5)
    ),
    kind(
        "APNG, still first, with a filter that nobody knows",
        lambda: still_first(pixels(1, zlib.compress(b"\xff" * 72))),
        *_ALLOWED,
        kills="crash",
    ),
    kind(
        "APNG, still first, with fdAT that is cut off",
        lambda: still_first(pixels(1, _ROWS[:6])),
        *_ALLOWED,
    ),
    kind("APNG, still first, with a lying fdAT", lambda: still_first(_lie(0x7FFFFFFF)), *_ALLOWED),
    kind(
        "APNG, still first, with two fdAT of 0 bytes",
        lambda: still_first(png_chunk(b"fdAT") * 2),
        *_ALLOWED,
        kills="crash",
    ),
    kind(
        "APNG with fdAT that is no zlib stream",
        lambda: apng(frame(1), pixels(2, b"none" * 9)),
        *_ALLOWED,
    ),
    kind("APNG with fdAT that is cut off", lambda: apng(frame(1), pixels(2, _ROWS[:6])), *_ALLOWED),
    kind("APNG with fdAT before its frame", lambda: apng(pixels(1), frame(2)), *_ALLOWED),
    kind("APNG with fdAT and no frame", lambda: apng(pixels(1)), *_ALLOWED),
    kind("APNG with a frame and no fdAT", lambda: apng(frame(1)), *_ALLOWED),
    kind("APNG with two frames in a row", lambda: apng(frame(1), frame(2), pixels(3)), *_ALLOWED),
    kind("APNG with numbers out of order", lambda: apng(frame(9), pixels(3)), *_ALLOWED),
    kind("APNG with a frame of 0x0", lambda: apng(frame(1, (0, 0)), pixels(2)), *_ALLOWED),
    kind(
        "APNG with a frame of 65535x65535",
        lambda: apng(frame(1, (65535, 65535)), pixels(2)),
        *_ALLOWED,
    ),
    kind(
        "APNG with a first frame of 65535x65535",
        lambda: apng(frame(1), pixels(2), start=frame(0, (65535, 65535))),
        *_ALLOWED,
    ),
    kind("APNG with a first frame of 1x1", lambda: apng(start=frame(0, (1, 1))), *_ALLOWED),
    kind(
        "APNG with a frame outside its canvas",
        lambda: apng(frame(1, at=(7, 7)), pixels(2)),
        *_ALLOWED,
    ),
    kind(
        "APNG with a frame at 4294967295",
        lambda: apng(frame(1, at=(0xFFFFFFFF, 0xFFFFFFFF)), pixels(2)),
        *_ALLOWED,
    ),
    kind(
        "APNG with disposals that nobody knows",
        lambda: apng(frame(1, ops=b"\xff\xff"), pixels(2)),
        *_ALLOWED,
    ),
    kind(
        "APNG with an fcTL of 25 bytes",
        lambda: apng(png_chunk(b"fcTL", bytes(25)), pixels(2)),
        *_ALLOWED,
    ),
    kind("APNG that says 0 frames", lambda: apng(frame(1), pixels(2), count=0), *_ALLOWED),
    kind(
        "APNG that says 4294967295 frames",
        lambda: apng(frame(1), pixels(2), count=0xFFFFFFFF),
        *_ALLOWED,
    ),
    kind(
        "APNG with an acTL of 4 bytes",
        lambda: file_of(header(*_SIZE), png_chunk(b"acTL", bytes(4)), png_chunk(b"IDAT", _ROWS)),
        *_ALLOWED,
    ),
    kind(
        "APNG with acTL behind its pixels",
        lambda: file_of(header(*_SIZE), png_chunk(b"IDAT", _ROWS), control(2), frame(0), pixels(1)),
        *_ALLOWED,
    ),
    kind("APNG of 100,000 frames", partial(_many, 100_000), *_ALLOWED),
]
