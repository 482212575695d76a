"""Animated GIF: each frame as a GIF of its own.

After the GIF89a specification, and what browsers make of it: NETSCAPE2.0 counts the plays after the
first one, disposal 4 restores as 3 does, and the canvas is transparent where nothing is drawn.
"""

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
from pixelpipe.formats.screens.fault import damaged, incomplete

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_TRANSPARENT_FLAG = 0x01
_SCREEN = Struct("<HHB")
_SCREEN_AT, _HEADER_BYTES, _LABEL_BYTES = 6, 13, 2
_CONTROL = Struct("<BBHBx")  # size, flags, delay, transparent colour
_NO_CONTROL = (0, 0, 0)
_CONTROL_START = bytes([_EXTENSION, _GRAPHIC_CONTROL, 4, _TRANSPARENT_FLAG])
_TRANSPARENT = Struct("<4s2xBx")
_DESCRIPTOR = Struct("<xHHHHB")
_TABLE_FLAG, _TABLE_SIZE_MASK = 0x80, 0x07
_INTERLACED_FLAG = 0x40
_DISPOSAL_SHIFT, _DISPOSAL_MASK = 2, 7
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
_CODE_BITS = range(2, 9)
_DELAY_MS = 10

# Its name and, in a second sub-block, a 1 and the plays after the first one.
_LOOPS = (b"\x0bNETSCAPE2.0\x03\x01", b"\x0bANIMEXTS1.0\x03\x01")
_LOOP_COUNT = Struct("<H")

# Writers fill sub-blocks of 255 bytes, but for the last one of each frame.
_SPARE_BLOCKS = 1 << 15
_MEAN_BLOCK_BYTES = 96


def read_frames(data: memoryview, count: int) -> tuple[list[Frame], Timing]:
    """Take an animation apart.

    Args:
        data: The file.
        count: How many frames the probe counted.

    Raises:
        DamagedImageError: A block of no kind, a flood of sub-blocks, a frame that leaves the
            canvas, or another number of frames.
    """
    walk = _Walk(data)
    try:
        walk.run(count)
    except IndexError:
        # A file may end between frames, as every browser has it.
        if len(walk.frames) != count:
            raise incomplete(Format.GIF) from None
    if len(walk.frames) != count:
        raise miscounted(Format.GIF, len(walk.frames), count)
    return walk.frames, timing_of(walk.frames, walk.loops)


class _Walk:
    """A walk from block to block; an IndexError says that the file ends too early."""

    def __init__(self, data: memoryview) -> None:
        self.frames: list[Frame] = []
        self.loops = 1
        self._data = data
        self._blocks_left = _SPARE_BLOCKS + len(data) // _MEAN_BLOCK_BYTES
        self._control = _NO_CONTROL

    def run(self, count: int) -> None:
        """Walk to the trailer, or past the frames that there should be."""
        data = self._data
        width, height, flags = _SCREEN.unpack_from(data, _SCREEN_AT)
        at = _HEADER_BYTES + _table_bytes(flags)
        colours = data[_HEADER_BYTES:at]
        while (kind := data[at]) != _TRAILER and len(self.frames) <= count:
            if kind == _EXTENSION:
                at = self._extension(at)
            elif kind == _IMAGE:
                at = self._frame(at, (width, height), colours)
            else:
                raise damaged(Format.GIF, f"at offset {at} is no block")

    def _extension(self, at: int) -> int:
        data, body = self._data, at + _LABEL_BYTES
        end = self._behind_blocks(body)
        if data[at + 1] == _GRAPHIC_CONTROL and end - body >= _CONTROL.size:
            _, flags, delay, transparent = _CONTROL.unpack_from(data, body)
            self._control = flags, delay, transparent
        elif data[at + 1] == _APPLICATION:
            name = bytes(data[body : body + len(_LOOPS[0])])
            if name in _LOOPS and end - body > len(name) + _LOOP_COUNT.size:
                (again,) = _LOOP_COUNT.unpack_from(data, body + len(name))
                self.loops = again + 1 if again else 0
        return end

    def _frame(self, at: int, canvas: tuple[int, int], colours: memoryview) -> int:
        data = self._data
        colours_at = at + _DESCRIPTOR.size
        flags = data[colours_at - 1]
        left, top, width, height, _ = _DESCRIPTOR.unpack_from(data, at)
        check_place(Format.GIF, (left, top, width, height), canvas)
        codes_at = colours_at + _table_bytes(flags)
        if flags & _TABLE_FLAG:
            colours = data[colours_at:codes_at]
        if data[codes_at] not in _CODE_BITS:
            raise damaged(Format.GIF, f"its pixels have {data[codes_at]} bits; 2 to 8 are allowed")
        end = self._behind_blocks(codes_at + 1)
        (control, delay, transparent), self._control = self._control, _NO_CONTROL
        descriptor = _DESCRIPTOR.pack(0, 0, width, height, flags & _INTERLACED_FLAG)
        disposal = control >> _DISPOSAL_SHIFT & _DISPOSAL_MASK
        frame = Frame(
            still=_still(
                _SCREEN.pack(width, height, _table_flags(colours)) + bytes(2) + colours,
                _TRANSPARENT.pack(_CONTROL_START, transparent)
                if control & _TRANSPARENT_FLAG
                else b"",
                bytes([_IMAGE]) + descriptor[1:] + data[codes_at:end],
            ),
            left=left,
            top=top,
            width=width,
            height=height,
            delay_ms=delay * _DELAY_MS,
            disposal=_DISPOSALS.get(disposal, Disposal.KEEP),
            over=True,
        )
        self.frames.append(frame)
        return end

    def _behind_blocks(self, at: int) -> int:
        """Behind a chain of sub-blocks."""
        data = self._data
        for left in range(self._blocks_left, 0, -1):
            size = data[at]
            if not size:
                self._blocks_left = left - 1
                return at + 1
            at += 1 + size
        raise damaged(Format.GIF, "it is cut into far too many blocks")


def _still(screen: bytes, control: bytes, image: bytes) -> memoryview:
    return memoryview(b"".join((b"GIF89a", screen, control, image, bytes([_TRAILER]))))


def _table_bytes(flags: int) -> int:
    return 3 << 1 + (flags & _TABLE_SIZE_MASK) if flags & _TABLE_FLAG else 0


def _table_flags(colours: memoryview) -> int:
    """The inverse of `_table_bytes`."""
    return _TABLE_FLAG | (len(colours) // 3).bit_length() - 2 if colours else 0
