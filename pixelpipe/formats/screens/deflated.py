"""Deflated image data that would inflate far past the picture.

libpng inflates image data to their end, also those behind the last row: a megabyte can be a
gigabyte, or a million empty blocks. To inflate everything here as well would make each PNG cost
almost twice as much, so only data that look so dense are inflated.
"""

import zlib
from collections.abc import Iterator
from struct import Struct

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged

_LENGTH = Struct(">I")
_BODY_AT = 8
_CHUNK_OVERHEAD = 12  # length, type, CRC

_HIGHEST_RATIO = 1032
_HARMLESS_BYTES = 64 << 20

# Let through behind the picture: inflated, and as it is.
_SPARE_INFLATED_BYTES = 1 << 20
_SPARE_BYTES = 1 << 16

# What inflates to hundreds of times its size repeats a few bytes. Among 256 bytes drawn from a
# photograph's data 160 are different.
_WINDOW_BYTES = 1 << 16
_DRAWN = slice(None, None, 256)
_FEW_BYTES = 112

_PIECE_BYTES = 1 << 16
_INFLATED_PIECE_BYTES = 1 << 20


def check_inflated(stream: memoryview, expected_bytes: int) -> None:
    """Refuse image data of a PNG that cost far more to inflate than the picture's own.

    Args:
        stream: The chunks of image data, one behind the other.
        expected_bytes: What the picture inflates to.

    Raises:
        DamagedImageError: There is far more.
    """
    # Deflate makes nothing longer by more than a few bytes a block.
    if len(stream) > expected_bytes * 9 // 8 + _SPARE_BYTES:
        raise _too_much()
    if len(stream) * _HIGHEST_RATIO <= expected_bytes + _HARMLESS_BYTES:
        return
    last = len(stream) - _WINDOW_BYTES
    if any(_is_dense(stream, min(at, last)) for at in range(0, len(stream), _WINDOW_BYTES)):
        _inflate(stream, expected_bytes)


def _too_much() -> DamagedImageError:
    return damaged(Format.PNG, "it has far more image data than its picture takes")


def _is_dense(stream: memoryview, at: int) -> bool:
    return len(set(stream[at : at + _WINDOW_BYTES][_DRAWN])) < _FEW_BYTES


def _inflate(stream: memoryview, expected_bytes: int) -> None:
    inflater = zlib.decompressobj()
    inflated = spent = gained = 0
    try:
        for piece in _pieces(stream):
            if inflater.eof:
                return
            made = _inflated_bytes(inflater, piece, expected_bytes - inflated)
            inflated, spent, gained = inflated + made, spent + len(piece), gained + made
            # Blocks of nothing cost 200 times as much a byte as those of pixels.
            barren = spent >= _PIECE_BYTES and gained < spent // 2
            if barren or inflated > expected_bytes + _SPARE_INFLATED_BYTES:
                raise _too_much()
            if spent >= _PIECE_BYTES:
                spent = gained = 0
    except zlib.error:
        return  # The codec says so as well, and gets no further.


def _pieces(stream: memoryview) -> Iterator[memoryview]:
    """What the chunks contain, in pieces of at most 64 KB."""
    at = 0
    while at < len(stream):
        (size,) = _LENGTH.unpack_from(stream, at)
        body = stream[at + _BODY_AT : at + _BODY_AT + size]
        for start in range(0, size, _PIECE_BYTES):
            yield body[start : start + _PIECE_BYTES]
        at += size + _CHUNK_OVERHEAD


def _inflated_bytes(inflater: "zlib._Decompress", piece: memoryview, left_bytes: int) -> int:
    """Inflate one piece, not far past what is left of the picture."""
    inflated, rest = 0, bytes(piece)
    while rest and inflated <= left_bytes + _SPARE_INFLATED_BYTES:
        inflated += len(inflater.decompress(rest, _INFLATED_PIECE_BYTES))
        rest = inflater.unconsumed_tail
    return inflated
