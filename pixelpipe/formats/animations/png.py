"""Animated PNG: each frame as a PNG of its own.

After the PNG specification, third edition, 11.3.6. A picture before the first frame that is not
part of the animation is left out.
"""

import zlib
from struct import Struct

from pixelpipe.formats.animations.parts import (
    Disposal,
    Frame,
    Timing,
    check_place,
    miscounted,
    timing_of,
)
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged
from pixelpipe.formats.screens.png import chunks, screen_png

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD_BYTES, _CRC_BYTES = 8, 4
_LENGTH, _NUMBER = Struct(">I"), Struct(">I")
_SIZE = Struct(">II")
_CONTROL = Struct(">IIIIIHHBB")
_ANIMATION = Struct(">II")
_DISPOSALS = (Disposal.KEEP, Disposal.CLEAR, Disposal.RESTORE)
_OVER = (False, True)
_USUAL_DENOMINATOR = 100

_COLOURS = frozenset({b"PLTE", b"tRNS"})


def read_frames(data: memoryview, count: int) -> tuple[list[Frame], Timing]:
    """Take an animation apart.

    Args:
        data: The file.
        count: How many frames the probe counted.

    Raises:
        DamagedImageError: A chunk that reaches past the end or is not in its place, a frame that
            leaves the canvas or inflates far past it, or another number of frames.
    """
    walk = _Walk(data, count)
    for kind, start, end in chunks(data, len(_SIGNATURE)):
        walk.take(kind, data[start:end])
    walk.end_frame()
    if len(walk.frames) != count:
        raise miscounted(Format.PNG, len(walk.frames), count)
    return walk.frames, timing_of(walk.frames, walk.plays)


class _Walk:
    """What was found up to a chunk."""

    def __init__(self, data: memoryview, count: int) -> None:
        self.frames: list[Frame] = []
        self.plays = 0
        self._count = count
        header = data[len(_SIGNATURE) :]
        self._canvas = _SIZE.unpack_from(header, _HEAD_BYTES)
        self._depth = header[_HEAD_BYTES + _SIZE.size : _HEAD_BYTES + _SIZE.size + 5]
        self._colours: list[memoryview] = []
        self._control: tuple[int, ...] | None = None
        self._pixels: list[memoryview] = []
        self._number = 0
        self._in_pixels = False

    def take(self, kind: bytes, chunk: memoryview) -> None:
        """Look at the next chunk.

        Raises:
            DamagedImageError: It is not in its place, or ends a frame that is damaged.
        """
        body = chunk[_HEAD_BYTES:-_CRC_BYTES]
        if kind in _COLOURS and not self._in_pixels:
            self._colours.append(chunk)
        elif kind == b"acTL" and not self._in_pixels:
            if len(body) == _ANIMATION.size:
                _, self.plays = _ANIMATION.unpack(body)
        elif kind == b"fcTL":
            self._begin_frame(body)
        elif kind == b"IDAT":
            self._in_pixels = True
            if self._control and not self.frames:
                self._pixels.append(body)
        elif kind == b"fdAT":
            self._count_chunk(body)
            if not (self._control and self._in_pixels):
                raise damaged(Format.PNG, "it has frame data before a frame")
            self._pixels.append(body[_NUMBER.size :])

    def end_frame(self) -> None:
        """Note the frame whose pixels were taken, if any were.

        Raises:
            DamagedImageError: It has none, or the still picture that it makes is damaged.
        """
        if self._control is None:
            return
        if not self._pixels:
            raise damaged(Format.PNG, "it has a frame without data")
        _, width, height, left, top, delay, denominator, disposal, over = self._control
        if disposal >= len(_DISPOSALS) or over >= len(_OVER):
            raise damaged(Format.PNG, "it has a frame that is drawn in no known way")
        frame = Frame(
            still=screen_png(self._still(width, height), 1),
            left=left,
            top=top,
            width=width,
            height=height,
            delay_ms=round(1000 * delay / (denominator or _USUAL_DENOMINATOR)),
            disposal=_DISPOSALS[disposal],
            over=_OVER[over],
        )
        self.frames.append(frame)
        self._control, self._pixels = None, []

    def _begin_frame(self, body: memoryview) -> None:
        if len(body) != _CONTROL.size:
            raise damaged(Format.PNG, "it has a frame control of a wrong size")
        self.end_frame()
        if len(self.frames) == self._count:
            raise miscounted(Format.PNG, self._count + 1, self._count)
        self._count_chunk(body)
        self._control = _CONTROL.unpack(body)
        _, width, height, left, top, *_ = self._control
        check_place(Format.PNG, (left, top, width, height), self._canvas)
        if not self._in_pixels and (width, height) != self._canvas:
            raise damaged(Format.PNG, "its first frame is smaller than its picture")

    def _count_chunk(self, body: memoryview) -> None:
        """Frame controls and data are numbered, so that none is missed."""
        if len(body) < _NUMBER.size or _NUMBER.unpack_from(body) != (self._number,):
            raise damaged(Format.PNG, "its frames are out of order")
        self._number += 1

    def _still(self, width: int, height: int) -> memoryview:
        header = _chunk(b"IHDR", _SIZE.pack(width, height) + self._depth)
        pixels = _chunk(b"IDAT", b"".join(self._pixels))
        parts = _SIGNATURE, header, *self._colours, pixels, _chunk(b"IEND", b"")
        return memoryview(b"".join(map(bytes, parts)))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + kind + body + _LENGTH.pack(zlib.crc32(kind + body))
