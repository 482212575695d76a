"""JPEG XL: the codestream out of its container, and how much there is to decode in it.

A frame may be larger than the picture, and there may be any number of them, in a few bytes each.
"""

from pixelpipe.formats.jxl import HEADER_BYTES, MAGIC, codestream, parse_head
from pixelpipe.formats.jxl_bits import Bits
from pixelpipe.formats.jxl_frames import Frame, read_frame, section_bytes
from pixelpipe.formats.jxl_header import JxlHeader, read_jxl_header
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import check_frames, damaged, incomplete

_MAX_STEPS = 1 << 16
_MAX_SECTIONS = 1 << 16
_MAX_HIDDEN_FRAMES = 1024
# Layers, and pictures that others refer to; and something for small ones.
_MAX_TIMES = 16
_SPARE_PX = 1 << 20


def screen_jxl(data: memoryview, max_frames: int) -> memoryview:
    """Hand on the bare codestream; of an animation only what its first picture takes.

    All boxes around it are left out, and so no decoder makes a JPEG again, of which it may once
    have been made.

    Raises:
        UnsupportedFormatError: An animation whose first picture cannot be told from the others.
        DamagedImageError: A broken or incomplete structure, or far more to decode than the
            picture takes.
        FrameLimitError: More frames than `max_frames`.
    """
    reader = Reader(data, "JPEG XL file", Budget(_MAX_STEPS))
    parts = [part.memory for part in codestream(reader)]
    stream = parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
    header = parse_head(bytes(stream[:HEADER_BYTES]), reader)
    if header.profile or header.preview:
        # What comes before the first frame is as long as only a decoder can tell.
        if header.animated:
            raise not_accepted("An animated JPEG XL with a profile", "one without is")
        return stream
    return _Frames(stream, header, reader, max_frames).screened()


class _Frames:
    """The frames of a codestream, one after the other."""

    def __init__(
        self, stream: memoryview, header: JxlHeader, reader: Reader, max_frames: int
    ) -> None:
        self._stream = stream
        self._header = header
        self._max_frames = max_frames
        self._bits = Bits(stream, reader.damaged, 8 * len(MAGIC))
        self._sections = 0
        read_jxl_header(self._bits)
        self._bits.align()

    def screened(self) -> memoryview:
        """The codestream up to the end of its first picture."""
        canvas_px = self._header.width * self._header.height
        coded_px = frames = hidden = 0
        kept: memoryview | None = None
        while True:
            frame = read_frame(self._bits, self._header)
            frames += frame.is_shown
            hidden += not frame.is_shown
            check_frames(Format.JXL, frames, self._max_frames)
            coded_px += frame.width * frame.height if kept is None else 0
            if hidden > _MAX_HIDDEN_FRAMES:
                raise damaged(
                    Format.JXL, f"more than {_MAX_HIDDEN_FRAMES} of its frames are hidden"
                )
            if coded_px > _MAX_TIMES * canvas_px + _SPARE_PX:
                raise damaged(Format.JXL, f"its picture of {canvas_px} px has {coded_px} px coded")
            end = self._skip_sections(frame)
            if frame.is_shown and kept is None:
                kept = self._up_to(frame, end)
            if end is None or frame.is_last:
                assert kept is not None, "the last one is shown, and so is what has no end"
                return kept
            self._bits.at = 8 * end

    def _skip_sections(self, frame: Frame) -> int | None:
        """Where the frame ends; None if only a decoder can tell."""
        self._sections += frame.sections
        if self._sections > _MAX_SECTIONS:
            raise damaged(Format.JXL, "its frames are cut into far too many sections")
        if self._bits.flag():  # then it says in which order they are
            if not frame.is_last:
                raise not_accepted(
                    "A JPEG XL of several frames that is in an order of its own",
                    "one of a single frame is",
                )
            return None
        size = section_bytes(self._bits, frame)
        end = self._bits.at // 8 + size
        if end > len(self._stream):
            raise incomplete(Format.JXL)
        return end

    def _up_to(self, frame: Frame, end: int | None) -> memoryview:
        """Everything up to a frame, which becomes the last one."""
        if frame.is_last or end is None:
            return self._stream
        bits = Bits(self._stream, self._bits.damaged, frame.start)
        before = bits.take(frame.last_at - frame.start)
        header, size = before | 1 << frame.last_at - frame.start, frame.last_at - frame.start + 1
        bits.at = frame.name_at
        header |= bits.take(frame.order_at - frame.name_at) << size
        size += frame.order_at - frame.name_at + 1  # no order of its own
        packed = header.to_bytes(-(-size // 8), "little")
        table_at = -(-(frame.order_at + 1) // 8)
        parts = self._stream[: frame.start // 8], packed, self._stream[table_at:end]
        return memoryview(b"".join(parts))
