"""JPEG XL: the headers of frames, after ISO/IEC 18181-1, annexes C and F."""

from dataclasses import dataclass

from pixelpipe.formats.jxl_bits import Bits, Choices
from pixelpipe.formats.jxl_header import NAME, JxlHeader

_REGULAR, _DC, _REFERENCE, _SKIPPING = range(4)
_SHOWN = frozenset({_REGULAR, _SKIPPING})
_REPLACE, _BLEND, _WEIGHTED_ADD, _MULTIPLY = 0, 2, 3, 4
_USES_DC_FRAME = 0x20
_HALF_FLOAT_BITS = 16
_USUAL_GROUP_SHIFT, _SMALLEST_GROUP_PX, _DC_FACTOR = 1, 128, 8

_ANY: Choices = ((0, 0), (0, 1), (0, 2), (0, 3))
_UPSAMPLING: Choices = ((0, 1), (0, 2), (0, 4), (0, 8))
_DC_LEVEL: Choices = ((0, 1), (0, 2), (0, 3), (0, 4))
_PASSES: Choices = ((0, 1), (0, 2), (0, 3), (3, 4))
_DOWNSAMPLINGS: Choices = ((0, 0), (0, 1), (0, 2), (1, 3))
_LAST_PASS: Choices = ((0, 0), (0, 1), (0, 2), (3, 0))
_CROP: Choices = ((8, 0), (11, 256), (14, 2304), (30, 18688))
_BLEND_MODE: Choices = ((0, 0), (0, 1), (0, 2), (2, 3))
_ALPHA_CHANNEL: Choices = ((0, 0), (0, 1), (0, 2), (3, 3))
_DURATION: Choices = ((0, 0), (0, 1), (8, 0), (32, 0))
_SECTION: Choices = ((10, 0), (14, 1024), (22, 17408), (30, 4211712))


@dataclass(slots=True)
class Frame:
    """A frame's header.

    Attributes:
        start: Its first bit.
        width: What is coded of it, in pixels.
        height: Likewise.
        kind: Its type.
        duration: For how long it is shown, in an animation.
        is_last: Whether no frame follows.
        last_at: The bit that says so.
        name_at: The bit behind what is only there if it is not the last.
        order_at: The bit that says whether its sections have an order of their own.
        sections: How many there are.
    """

    start: int
    width: int
    height: int
    kind: int = _REGULAR
    duration: int = 0
    is_last: bool = True
    last_at: int = 0
    name_at: int = 0
    order_at: int = 0
    sections: int = 1

    @property
    def is_shown(self) -> bool:
        """Whether it is a picture by itself, and not a part of the next one."""
        return self.kind in _SHOWN and bool(self.duration or self.is_last)


def read_frame(bits: Bits, header: JxlHeader) -> Frame:
    """The header of the frame that begins here; `bits` are then before its table of sections.

    Raises:
        DamagedImageError: It ends early.
    """
    frame = Frame(bits.at, header.width, header.height)
    if bits.flag():
        _finish(bits, frame, 1, 1, _USUAL_GROUP_SHIFT)
        return frame
    frame.kind = bits.take(2)
    modular = bits.flag()
    flags = bits.long()
    from_ycc = not header.xyb and bits.flag()
    upsampling = 1
    extra = len(header.extra_kinds)
    if not flags & _USES_DC_FRAME:
        bits.skip(6 if from_ycc else 0)  # how chroma is subsampled
        upsampling = bits.choose(_UPSAMPLING)
        bits.skip(2 * extra)
    group_shift = bits.take(2) if modular else _USUAL_GROUP_SHIFT
    bits.skip(6 if not modular and header.xyb else 0)  # how it is quantised
    passes = _passes(bits) if frame.kind != _REFERENCE else 1
    partial = _read_size(bits, frame, header)
    replaces = _read_place(bits, frame, header, partial=partial)
    _read_use(bits, frame, replaces=replaces and not partial)
    frame.name_at = bits.at
    bits.skip(8 * bits.choose(NAME))
    _skip_filters(bits, modular=modular)
    bits.skip_extensions()
    _finish(bits, frame, passes, upsampling, group_shift)
    return frame


def section_bytes(bits: Bits, frame: Frame) -> int:
    """Read the sizes of a frame's sections, which then follow; what they are together.

    Raises:
        DamagedImageError: They end early.
    """
    bits.align()
    total = sum(bits.choose(_SECTION) for _ in range(frame.sections))
    bits.align()
    return total


def _passes(bits: Bits) -> int:
    passes = bits.choose(_PASSES)
    if passes > 1:
        downsamplings = bits.choose(_DOWNSAMPLINGS)
        bits.skip(2 * (passes - 1) + 2 * downsamplings)
        for _ in range(downsamplings):
            bits.choose(_LAST_PASS)
    return passes


def _read_size(bits: Bits, frame: Frame, header: JxlHeader) -> bool:
    """What is coded of it; whether that is less than the whole picture."""
    if frame.kind == _DC:
        factor = _DC_FACTOR ** bits.choose(_DC_LEVEL)
        frame.width, frame.height = -(-header.width // factor), -(-header.height // factor)
        return False
    if not bits.flag():
        return False
    left = top = 0
    if frame.kind != _REFERENCE:
        left, top = _signed(bits.choose(_CROP)), _signed(bits.choose(_CROP))
    frame.width, frame.height = bits.choose(_CROP), bits.choose(_CROP)
    if frame.kind == _REFERENCE:
        return False
    right, bottom = left + frame.width, top + frame.height
    return left > 0 or top > 0 or right < header.width or bottom < header.height


def _signed(packed: int) -> int:
    return -(packed + 1) // 2 if packed % 2 else packed // 2


def _read_place(bits: Bits, frame: Frame, header: JxlHeader, *, partial: bool) -> bool:
    """How it is put upon those before it, and when; whether it takes their place."""
    if frame.kind not in _SHOWN:
        frame.is_last = False
        return False
    extra = len(header.extra_kinds)
    modes = [_blending(bits, extra, partial=partial) for _ in range(1 + extra)]
    if header.animated:
        frame.duration = bits.choose(_DURATION)
        bits.skip(32 if header.timecodes else 0)
    frame.last_at = bits.at
    frame.is_last = bits.flag()
    return modes[0] == _REPLACE


def _blending(bits: Bits, extra: int, *, partial: bool) -> int:
    mode = bits.choose(_BLEND_MODE)
    by_alpha = extra > 0 and mode in {_BLEND, _WEIGHTED_ADD}
    if by_alpha:
        bits.choose(_ALPHA_CHANNEL)
    if by_alpha or mode == _MULTIPLY:
        bits.flag()
    if mode != _REPLACE or partial:
        bits.choose(_ANY)
    return mode


def _read_use(bits: Bits, frame: Frame, *, replaces: bool) -> None:
    """Whether later frames refer to it."""
    if frame.kind == _DC or frame.is_last:
        return
    kept = bits.take(2)
    referred = frame.kind in _SHOWN and replaces and (not frame.duration or kept)
    if referred or frame.kind == _REFERENCE:
        bits.flag()


def _skip_filters(bits: Bits, *, modular: bool) -> None:
    if bits.flag():
        return
    if bits.flag() and bits.flag():
        bits.skip(6 * _HALF_FLOAT_BITS)
    if bits.take(2):
        if not modular and bits.flag():
            bits.skip(8 * _HALF_FLOAT_BITS)
        if bits.flag():
            bits.skip(5 * _HALF_FLOAT_BITS)
        if bits.flag():
            bits.skip((3 if modular else 4) * _HALF_FLOAT_BITS)
        bits.skip(_HALF_FLOAT_BITS if modular else 0)
    bits.skip_extensions()


def _finish(bits: Bits, frame: Frame, passes: int, upsampling: int, group_shift: int) -> None:
    group_px = _SMALLEST_GROUP_PX << group_shift
    width, height = -(-frame.width // upsampling), -(-frame.height // upsampling)
    groups = -(-width // group_px) * -(-height // group_px)
    dc_groups = -(-width // (group_px * _DC_FACTOR)) * -(-height // (group_px * _DC_FACTOR))
    frame.sections = 1 if groups == passes == 1 else 2 + dc_groups + groups * passes
    frame.order_at = bits.at
