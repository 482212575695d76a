"""PNG: what OpenCV does not do, one level of gray that is transparent."""

from struct import Struct

import cv2
import numpy as np
from cv2.typing import MatLike

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.codecs.opencv import decoded
from pixelpipe.imaging.pixels import GRAY, Pixels, channels

_DEPTH_AT = 24
_CHUNKS_AT = 33
_CHUNK = Struct(">I4s")
_CHUNK_OVERHEAD = 12  # length, type, CRC
_LEVEL = Struct(">H")
_SAMPLE_BITS = 8
_WHITE, _DEEP_WHITE = 255, 65535


def decode_png(data: Pixels) -> MatLike:
    """The samples of a screened PNG, alpha included; of 16 bits where the file has so many."""
    samples = decoded(data, Format.PNG)
    if channels(samples) != GRAY:
        return samples
    clear = _clear_level(data.data)
    return samples if clear is None else _with_alpha(samples, clear)


def _clear_level(data: memoryview) -> int | None:
    """The transparent level, as OpenCV hands it out: less than 8 bits are spread to 8."""
    at = _CHUNKS_AT
    size, kind = _CHUNK.unpack_from(data, at)
    while kind not in {b"tRNS", b"IDAT"}:
        at += size + _CHUNK_OVERHEAD
        size, kind = _CHUNK.unpack_from(data, at)
    if kind == b"IDAT" or size != _LEVEL.size:
        return None
    (level,) = _LEVEL.unpack_from(data, at + _CHUNK.size)
    depth = data[_DEPTH_AT]
    white = (1 << depth) - 1
    level &= white  # Only so many of the lowest bits count.
    return int(level if depth >= _SAMPLE_BITS else level * _WHITE // white)


def _with_alpha(gray: MatLike, clear: int) -> MatLike:
    """BGRA of the same depth."""
    white = _DEEP_WHITE if gray.dtype == np.uint16 else _WHITE
    alpha = np.where(gray == clear, 0, white).astype(gray.dtype)
    return cv2.merge([gray, gray, gray, alpha])
