"""How many frames a GIF has, found in few steps.

A frame's codes lie in sub-blocks, nearly all of 255 bytes: where the sizes of the next ones would
be is known, and a whole row of them is looked at in one step. A frame of less than 64 KB takes
three steps.
"""

from struct import Struct

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.source import UNCOUNTED_FRAMES

_EXTENSION, _IMAGE = b"\x21", b"\x2c"
_CONTROL = b"\x21\xf9\x04"
_CONTROL_BYTES = 8
_CONTROL_FLAGS_AT, _CONTROL_END_AT = 3, 7
_DISPOSAL_SHIFT, _DISPOSAL_MASK = 2, 7
_CLEAR = frozenset({2})
# To restore what was there before the first frame clears as well.
_CLEAR_FIRST = frozenset({2, 3, 4})

_DESCRIPTOR = Struct("<9xBx")  # its flags; the bits of a code at its end
_TABLE_FLAG, _TABLE_SIZE_MASK = 0x80, 0x07
_SCREEN_FLAGS, _SCREEN_FLAGS_AT = Struct("<B"), 10
_HEADER_BYTES = 13
_LABEL_BYTES = 2

_FULL = b"\xff"
_FULL_BYTES = 256  # with its size
_ROW_BYTES = 256 * _FULL_BYTES


def count_frames(reader: Reader) -> tuple[int, bool]:
    """How many frames there are, and whether some are cleared away and leave transparent pixels.

    Of a file that is broken somewhere those before that place are counted.

    Args:
        reader: A GIF whose first frame is sound.
    """
    walk = _Walk(reader)
    try:
        walk.run()
    except DamagedImageError:
        return UNCOUNTED_FRAMES, True  # The budget is spent: nothing else is an error here.
    return max(walk.frames, 1), walk.clears


class _Walk:
    """A walk from block to block, which ends where there is none."""

    def __init__(self, reader: Reader) -> None:
        self.frames = 0
        self.clears = False
        self._reader = reader
        self._disposal = 0

    def run(self) -> None:
        """Walk.

        Raises:
            DamagedImageError: The budget is spent.
        """
        (flags,) = self._reader.unpack(_SCREEN_FLAGS, _SCREEN_FLAGS_AT)
        at: int | None = _HEADER_BYTES + _table_bytes(flags)
        while at is not None:
            at = self._behind_block(at)

    def _behind_block(self, at: int) -> int | None:
        """Behind the block at `at`, and the frame that a graphic control may stand before."""
        block = self._reader.window(at, _CONTROL_BYTES + _DESCRIPTOR.size)
        if block.startswith(_CONTROL) and len(block) > _CONTROL_BYTES:
            self._disposal = block[_CONTROL_FLAGS_AT] >> _DISPOSAL_SHIFT & _DISPOSAL_MASK
            if not block[_CONTROL_END_AT]:
                at, block = at + _CONTROL_BYTES, block[_CONTROL_BYTES:]
        if block.startswith(_EXTENSION):
            return self._behind_sub_blocks(at + _LABEL_BYTES)
        if not block.startswith(_IMAGE) or len(block) < _DESCRIPTOR.size:
            return None
        (flags,) = _DESCRIPTOR.unpack_from(block)
        behind = self._behind_sub_blocks(at + _DESCRIPTOR.size + _table_bytes(flags))
        if behind is not None:
            self._count_frame()
        return behind

    def _count_frame(self) -> None:
        self.clears |= self._disposal in (_CLEAR if self.frames else _CLEAR_FIRST)
        self.frames += 1
        self._disposal = 0

    def _behind_sub_blocks(self, at: int) -> int | None:
        """Behind a chain of sub-blocks; None where the file ends before it does."""
        while sizes := self._reader.window(at, _ROW_BYTES, _FULL_BYTES):
            full = len(sizes) - len(sizes.lstrip(_FULL))
            at += full * _FULL_BYTES
            if full < len(sizes):
                at += 1 + sizes[full]
                if not sizes[full]:
                    return at
        return None


def _table_bytes(flags: int) -> int:
    return 3 << 1 + (flags & _TABLE_SIZE_MASK) if flags & _TABLE_FLAG else 0
