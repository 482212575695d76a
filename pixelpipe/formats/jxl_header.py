"""JPEG XL: the header of a codestream, after ISO/IEC 18181-1, annex D."""

from dataclasses import dataclass

from pixelpipe.formats.jxl_bits import ENUM, Bits, Choices

ALPHA, SPOT, BLACK, FILTER = 0, 2, 4, 5

_SIDE: Choices = ((9, 1), (13, 1), (18, 1), (30, 1))
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_PREVIEW_EIGHTHS: Choices = ((0, 16), (0, 32), (5, 1), (9, 33))
_PREVIEW_SIDE: Choices = ((6, 1), (8, 65), (10, 321), (12, 1345))
_TICKS: Choices = ((0, 100), (0, 1000), (10, 1), (30, 1))
_TICKS_BY: Choices = ((0, 1), (0, 1001), (8, 1), (10, 1))
_LOOPS: Choices = ((0, 0), (3, 0), (16, 0), (32, 0))
_WHOLE_BITS: Choices = ((0, 8), (0, 10), (0, 12), (6, 1))
_FLOAT_BITS: Choices = ((0, 32), (0, 16), (0, 24), (6, 1))
_EXTRA_CHANNELS: Choices = ((0, 0), (0, 1), (4, 2), (12, 1))
_DIMENSION_SHIFT: Choices = ((0, 0), (0, 3), (0, 4), (3, 1))
NAME: Choices = ((0, 0), (4, 0), (5, 16), (10, 48))
_FILTER_CHANNEL: Choices = ((0, 1), (2, 0), (4, 3), (8, 19))
_CHROMATICITY: Choices = ((19, 0), (19, 524288), (20, 1048576), (21, 2097152))

_GRAY, _XYB = 1, 2
_MOST_WHOLE_BITS, _MOST_FLOAT_BITS = 31, 32
_MAX_EXTRA_CHANNELS = 64  # of which more are read than are accepted
_CUSTOM = 2
_HALF_FLOAT_BITS = 16
_MATRIX_FLOATS = 16
_WEIGHT_FLOATS = (15, 55, 210)
_UPRIGHT = 1


@dataclass(slots=True)
class JxlHeader:
    """What the header says.

    Attributes:
        width: As stored, in pixels.
        height: As stored.
        orientation: As in EXIF, 1 to 8.
        gray: Whether there is one colour channel.
        bits: Of each sample.
        extra_kinds: The types of the channels beside colours.
        premultiplied: Whether colours are multiplied by alpha.
        animated: Whether frames are shown one after the other.
        timecodes: Whether each of them has one.
        preview: Whether a small picture comes first.
        xyb: Whether colours are stored as the eye sees them.
        profile: Whether an ICC profile follows, compressed.
        plain: Whether colours are those of sRGB, without a word about it.
    """

    width: int
    height: int
    orientation: int = _UPRIGHT
    gray: bool = False
    bits: int = 8
    extra_kinds: tuple[int, ...] = ()
    premultiplied: bool = False
    animated: bool = False
    timecodes: bool = False
    preview: bool = False
    xyb: bool = True
    profile: bool = False
    plain: bool = True


def read_jxl_header(bits: Bits) -> JxlHeader:
    """Read it; `bits` are then where the profile begins, or else, aligned, the first frame.

    Raises:
        DamagedImageError: It is broken, or has more channels than any picture.
    """
    header = JxlHeader(*_size(bits))
    if not bits.flag():
        _read_metadata(bits, header)
    _skip_transform(bits, header)
    return header


def _size(bits: Bits) -> tuple[int, int]:
    small = bits.flag()
    height = _side(bits, small=small)
    if ratio := bits.take(3):
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return _side(bits, small=small), height


def _side(bits: Bits, *, small: bool) -> int:
    return (bits.take(5) + 1) * 8 if small else bits.choose(_SIDE)


def _read_metadata(bits: Bits, header: JxlHeader) -> None:
    more = bits.flag()
    if more:
        header.orientation = bits.take(3) + 1
        if bits.flag():
            _size(bits)  # at which it is meant to be shown
        header.preview = bits.flag()
        if header.preview:
            _skip_preview(bits)
        header.animated = bits.flag()
        if header.animated:
            for choices in (_TICKS, _TICKS_BY, _LOOPS):
                bits.choose(choices)
            header.timecodes = bits.flag()
    header.bits = _bit_depth(bits)
    bits.flag()  # whether 16 bits are enough to compute with
    _read_extra_channels(bits, header)
    header.xyb = bits.flag()
    _read_color(bits, header)
    if more and not bits.flag():
        bits.skip(_HALF_FLOAT_BITS * 2)  # the brightness of white and black
        bits.flag()
        bits.skip(_HALF_FLOAT_BITS)
    bits.skip_extensions()


def _skip_preview(bits: Bits) -> None:
    choices = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW_SIDE
    bits.choose(choices)
    if not bits.take(3):
        bits.choose(choices)


def _bit_depth(bits: Bits) -> int:
    if not bits.flag():
        depth, most = bits.choose(_WHOLE_BITS), _MOST_WHOLE_BITS
    else:
        depth, most = bits.choose(_FLOAT_BITS), _MOST_FLOAT_BITS
        bits.take(4)  # of the exponent
    if depth > most:
        raise bits.damaged(f"its samples have {depth} bits")
    return depth


def _read_extra_channels(bits: Bits, header: JxlHeader) -> None:
    count = bits.choose(_EXTRA_CHANNELS)
    if count > _MAX_EXTRA_CHANNELS:
        raise bits.damaged(f"it has {count} channels beside colours")
    kinds = []
    for _ in range(count):
        kind, premultiplied = _extra_channel(bits)
        if kind == ALPHA and ALPHA not in kinds:
            header.premultiplied = premultiplied
        kinds.append(kind)
    header.extra_kinds = tuple(kinds)


def _extra_channel(bits: Bits) -> tuple[int, bool]:
    """Its type, and whether it is alpha that colours are multiplied by."""
    if bits.flag():
        return ALPHA, False
    kind = bits.choose(ENUM)
    _bit_depth(bits)
    bits.choose(_DIMENSION_SHIFT)
    bits.skip(8 * bits.choose(NAME))
    if kind == SPOT:
        bits.skip(_HALF_FLOAT_BITS * 4)
    elif kind == FILTER:
        bits.choose(_FILTER_CHANNEL)
    return kind, kind == ALPHA and bits.flag()


def _read_color(bits: Bits, header: JxlHeader) -> None:
    header.plain = bits.flag()
    if header.plain:
        return
    header.profile = bits.flag()
    space = bits.choose(ENUM)
    header.gray = space == _GRAY
    if header.profile:
        return
    if space != _XYB:
        _skip_point(bits, 1)  # white
        if space != _GRAY:
            _skip_point(bits, 3)  # red, green, blue
        if bits.flag():
            bits.take(24)  # gamma
        else:
            bits.choose(ENUM)  # the curve
    bits.choose(ENUM)  # the intent


def _skip_point(bits: Bits, points: int) -> None:
    if bits.choose(ENUM) == _CUSTOM:
        for _ in range(2 * points):
            bits.choose(_CHROMATICITY)


def _skip_transform(bits: Bits, header: JxlHeader) -> None:
    if bits.flag():
        return
    if header.xyb and not bits.flag():
        bits.skip(_HALF_FLOAT_BITS * _MATRIX_FLOATS)
    mask = bits.take(3)
    for place, floats in enumerate(_WEIGHT_FLOATS):
        if mask >> place & 1:
            bits.skip(_HALF_FLOAT_BITS * floats)
