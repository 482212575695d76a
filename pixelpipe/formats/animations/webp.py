"""Animated WebP: the frames and what libwebp needs to put them together, and nothing else."""

from struct import Struct

from pixelpipe.formats.animations.parts import Timing, miscounted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.webp import screen_webp

_CHUNK = Struct("<4sI")
_FIRST_CHUNK_AT = 12
_LOOPS, _LOOPS_AT = Struct("<H"), 4
_DELAY = slice(12, 15)


def read_animation(data: memoryview, count: int) -> tuple[memoryview, Timing]:
    """Check an animation and leave out what decoding does not need.

    Args:
        data: The file.
        count: How many frames the probe counted.

    Raises:
        DamagedImageError: As `screen_webp`, or another number of frames.
        FrameLimitError: There are more.
    """
    kept = screen_webp(data, count, count)
    loops, delays = 1, []
    at = _FIRST_CHUNK_AT
    while at + _CHUNK.size <= len(kept):
        kind, size = _CHUNK.unpack_from(kept, at)
        body = kept[at + _CHUNK.size : at + _CHUNK.size + size]
        if kind == b"ANIM":
            (loops,) = _LOOPS.unpack_from(body, _LOOPS_AT)
        elif kind == b"ANMF":
            delays.append(int.from_bytes(body[_DELAY], "little"))
        at += _CHUNK.size + size + size % 2
    if len(delays) != count:
        raise miscounted(Format.WEBP, len(delays), count)
    return kept, Timing(tuple(delays), loops)
