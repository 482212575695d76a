"""GIF: every block walked, only the first frame handed on.

After the GIF89a specification. OpenCV walks all frames and decodes the first one.
"""

from struct import Struct

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import check_frames, damaged, incomplete
from pixelpipe.formats.screens.lzw import check_resets
from pixelpipe.formats.screens.spans import Spans

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL = 0xF9
_SCREEN_FLAGS_AT = 10
_HEADER_BYTES = 13
_DESCRIPTOR = Struct("<xHHHHB")
_LABEL_BYTES = 2
_CONTROL_FLAGS_AT = 3
# Up to "restore what was there". Browsers take 4 for the same, and what is higher for nothing.
_DISPOSAL_MASK, _MOST_DISPOSAL = 7 << 2, 3 << 2
_TABLE_FLAG, _TABLE_SIZE_MASK = 0x80, 0x07
_CODE_BITS = range(2, 9)

# Writers fill sub-blocks of 255 bytes, but for the last one of each frame.
_SPARE_BLOCKS = 1 << 15
_MEAN_BLOCK_BYTES = 96


def screen_gif(data: memoryview, max_frames: int) -> memoryview:
    """Hand on the header, the first frame with its graphic control, and a trailer.

    A file may end behind its first frame without a trailer, as every browser has it.

    Raises:
        DamagedImageError: A block of no kind, a flood of sub-blocks, pixel data that make the
            decoder begin anew all the time, or a file that ends inside its first frame.
        FrameLimitError: More frames than `max_frames`.
    """
    walk = _Walk(data)
    try:
        walk.run(max_frames)
    except IndexError:
        if not walk.whole:
            raise incomplete(Format.GIF) from None
        return walk.disposed(bytes(walk.kept.joined()) + bytes((_TRAILER,)))
    return walk.disposed(walk.kept.joined())


class _Walk:
    """A walk from block to block; an IndexError says that the file ends too early."""

    def __init__(self, data: memoryview) -> None:
        self.kept = Spans(data)
        self.whole = False  # the first frame is
        self._data = data
        self._blocks_left = _SPARE_BLOCKS + len(data) // _MEAN_BLOCK_BYTES
        self._control: tuple[int, int] | None = None

    def run(self, max_frames: int) -> None:
        """Walk to the trailer."""
        data = self._data
        at = _HEADER_BYTES + _table_bytes(data[_SCREEN_FLAGS_AT])
        self.kept.keep(0, at)
        frames = 0
        while (kind := data[at]) != _TRAILER:
            if kind == _EXTENSION:
                at = self._extension(at, first=not frames)
            elif kind == _IMAGE:
                frames += 1
                check_frames(Format.GIF, frames, max_frames)
                at = self._frame(at, first=frames == 1)
            else:
                raise damaged(Format.GIF, f"at offset {at} is no block")
        if not frames:
            raise damaged(Format.GIF, "it has no picture")
        self.kept.keep(at, at + 1)

    def disposed(self, kept: bytes | memoryview) -> memoryview:
        """What is handed on, with nothing to become of the frame if OpenCV does not know of it."""
        if not self._control:
            return memoryview(kept)
        at = _HEADER_BYTES + _table_bytes(self._data[_SCREEN_FLAGS_AT]) + _CONTROL_FLAGS_AT
        if kept[at] & _DISPOSAL_MASK <= _MOST_DISPOSAL:
            return memoryview(kept)
        return memoryview(bytes((*kept[:at], kept[at] & ~_DISPOSAL_MASK)) + kept[at + 1 :])

    def _extension(self, at: int, *, first: bool) -> int:
        end = self._behind_blocks(at + _LABEL_BYTES)
        if first and self._data[at + 1] == _GRAPHIC_CONTROL:
            self._control = at, end
        return end

    def _frame(self, at: int, *, first: bool) -> int:
        data = self._data
        flags = data[at + _DESCRIPTOR.size - 1]
        codes_at = at + _DESCRIPTOR.size + _table_bytes(flags)
        code_bits = data[codes_at]
        if not first:
            return self._behind_blocks(codes_at + 1)
        if code_bits not in _CODE_BITS:
            raise damaged(Format.GIF, f"its pixels have {code_bits} bits; 2 to 8 are allowed")
        codes = bytearray()
        end = self._behind_blocks(codes_at + 1, codes)
        check_resets(codes, code_bits)
        if self._control:
            self.kept.keep(*self._control)
        self.kept.keep(at, end)
        self.whole = True
        return end

    def _behind_blocks(self, at: int, contents: bytearray | None = None) -> int:
        """Behind a chain of sub-blocks; what they contain is added to `contents`."""
        data = self._data
        for left in range(self._blocks_left, 0, -1):
            size = data[at]
            if not size:
                self._blocks_left = left - 1
                return at + 1
            if contents is not None:
                contents += data[at + 1 : at + 1 + size]
            at += 1 + size
        raise damaged(Format.GIF, "it is cut into far too many blocks")


def _table_bytes(flags: int) -> int:
    return 3 << 1 + (flags & _TABLE_SIZE_MASK) if flags & _TABLE_FLAG else 0
