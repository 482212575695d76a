"""GIF: the canvas, and whether something shines through its first frame.

After the GIF89a specification. The first frame's own extension comes behind any number of others,
each a chain of sub-blocks of 1 to 255 bytes.
"""

from dataclasses import dataclass
from struct import Struct

from pixelpipe.formats.exif import UPRIGHT
from pixelpipe.formats.gif_frames import count_frames
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_EXTENSION, _IMAGE = 0x21, 0x2C
_GRAPHIC_CONTROL = 0xF9
_TRANSPARENT_FLAG = 0x01
_TABLE_FLAG, _TABLE_SIZE_MASK = 0x80, 0x07

_SCREEN = Struct("<HHB")
_SCREEN_AT = 6
_HEADER_BYTES = 13
_BYTE = Struct("<B")
_CONTROL = Struct("<BBBB")  # introducer, label, size, flags
_LABEL_BYTES = 2
_FRAME = Struct("<HHHH")


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """Where the first frame lies on its canvas; all in pixels.

    Attributes:
        canvas_width: Of the canvas.
        canvas_height: Of it.
        left: Of the frame.
        top: Of it.
        width: Of it.
        height: Of it.
        transparent: Whether one of its colours is.
    """

    canvas_width: int
    canvas_height: int
    left: int
    top: int
    width: int
    height: int
    transparent: bool

    @property
    def covers(self) -> bool:
        """Whether nothing of the canvas is left around it."""
        return (self.width, self.height) == (self.canvas_width, self.canvas_height)


def read_gif(reader: Reader) -> SourceInfo:
    """Read the canvas and walk to the first frame.

    The canvas around a smaller frame is transparent, as in every browser.

    Raises:
        DamagedImageError: No frame, a frame that leaves the canvas, or more sub-blocks before it
            than the budget allows.
    """
    frame = first_frame(reader)
    channels = 4 if frame.transparent or not frame.covers else 3
    frames, frames_alpha = count_frames(reader)
    size = frame.canvas_width, frame.canvas_height
    return SourceInfo(Format.GIF, *size, channels, 8, UPRIGHT, frames, frames_alpha)


def first_frame(reader: Reader) -> FirstFrame:
    """Walk to the first frame.

    Raises:
        DamagedImageError: As `read_gif`.
    """
    width, height, flags = reader.unpack(_SCREEN, _SCREEN_AT)
    at = _HEADER_BYTES + _table_bytes(flags)
    transparent = False
    while (block := reader.unpack(_BYTE, at)[0]) == _EXTENSION:
        _, label, _, flags = reader.unpack(_CONTROL, at)
        if label == _GRAPHIC_CONTROL:
            transparent = bool(flags & _TRANSPARENT_FLAG)
        at = _behind_sub_blocks(reader, at + _LABEL_BYTES)
    if block != _IMAGE:
        raise reader.damaged("it has no picture")
    left, top, frame_width, frame_height = reader.unpack(_FRAME, at + 1)
    if left + frame_width > width or top + frame_height > height:
        raise reader.damaged(f"its first frame does not fit its canvas of {width}x{height} px")
    return FirstFrame(width, height, left, top, frame_width, frame_height, transparent)


def _table_bytes(flags: int) -> int:
    return 3 << 1 + (flags & _TABLE_SIZE_MASK) if flags & _TABLE_FLAG else 0


def _behind_sub_blocks(reader: Reader, at: int) -> int:
    while size := reader.unpack(_BYTE, at)[0]:
        at += 1 + size
    return at + 1
