"""HEVC: its configuration in a file, and the sizes that its sequence parameter sets claim.

After ISO/IEC 14496-15, 8.3.3.1 (`hvcC`), and ITU-T H.265, 7.3.1 and 7.3.2.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from pixelpipe.formats.reader import Reader

_PLANES = Struct(">16xBB")
_LENGTH_SIZE = Struct(">21xBB")
_ARRAYS_AT = 23
_ARRAY, _UNIT_BYTES = Struct(">BH"), Struct(">H")
_CHROMA_MASK, _DEPTH_MASK, _LENGTH_MASK = 3, 7, 3
_TYPE_MASK = 0x3F
_LEAST_BITS = 8

_VIDEO, _SEQUENCE, _PICTURE = 32, 33, 34
_PARAMETER_SETS = frozenset({_VIDEO, _SEQUENCE, _PICTURE})
_FIRST_OTHER_TYPE = 32
_FIRST_SLICE = 0x80
_UNIT_HEADER_BYTES = 2
_MAX_SETS = 16
_MAX_UNITS = 4096

_SIZE_BYTES = 256  # of a parameter set, looked at for the size
_STUFFED, _PLAIN = b"\0\0\3", b"\0\0"
_PROFILE_BITS, _LEVEL_BITS = 88, 8
_MAX_GOLOMB_ZEROS = 31
_SEPARATE_PLANES = 3
_SUB_LAYERS = 8


@dataclass(frozen=True, slots=True)
class Configuration:
    """How an item's bytes are decoded.

    Attributes:
        sets: The parameter sets, each a unit without a start code.
        length_bytes: How long the length before each unit of the item is.
        width: The widest that a picture may be, in pixels.
        height: The highest.
    """

    sets: tuple[bytes, ...]
    length_bytes: int
    width: int
    height: int


def read_planes(hvcc: Reader) -> tuple[int, int]:
    """Channels (1 or 3) and bits of the colour planes, as the configuration says them."""
    chroma, depth = hvcc.unpack(_PLANES, 0)
    return (3 if chroma & _CHROMA_MASK else 1), _LEAST_BITS + (depth & _DEPTH_MASK)


def read_configuration(hvcc: Reader) -> Configuration:
    """The parameter sets of a configuration box, and what they claim.

    Raises:
        DamagedImageError: They are broken, far too many, or none says a size.
    """
    lengths, arrays = hvcc.unpack(_LENGTH_SIZE, 0)
    sets: list[bytes] = []
    width = height = 0
    at = _ARRAYS_AT
    for _ in range(arrays):
        kind, count = hvcc.unpack(_ARRAY, at)
        at += _ARRAY.size
        for _ in range(count):
            (size,) = hvcc.unpack(_UNIT_BYTES, at)
            unit = hvcc.raw(at + _UNIT_BYTES.size, size)
            at += _UNIT_BYTES.size + size
            if unit_type(unit) not in _PARAMETER_SETS:
                continue
            sets.append(unit)
            if len(sets) > _MAX_SETS or kind & _TYPE_MASK != unit_type(unit):
                raise hvcc.damaged("its parameter sets are too many, or not what they say")
            if unit_type(unit) == _SEQUENCE:
                wide, high = _sides(unit, hvcc)
                width, height = max(width, wide), max(height, high)
    if not width:
        raise hvcc.damaged("none of its parameter sets says how large the picture is")
    return Configuration(tuple(sets), (lengths & _LENGTH_MASK) + 1, width, height)


def picture_units(sample: memoryview, length_bytes: int) -> Iterator[memoryview]:
    """The units of an item's first picture, without parameter sets and other things.

    Args:
        sample: The item's bytes.
        length_bytes: How long the length before each unit is.

    Raises:
        ValueError: A unit reaches past the end, there are far too many, or there is no picture.
    """
    at = pictures = 0
    for _ in range(_MAX_UNITS):
        start = at + length_bytes
        if at == len(sample):
            break
        at = start + int.from_bytes(sample[at:start])
        if at > len(sample) or at - start <= _UNIT_HEADER_BYTES:
            raise ValueError("a unit does not lie in its item")
        unit = sample[start:at]
        if unit_type(unit) >= _FIRST_OTHER_TYPE:
            continue
        pictures += bool(unit[_UNIT_HEADER_BYTES] & _FIRST_SLICE)
        if pictures > 1:
            return
        yield unit
    if not pictures or at < len(sample):
        raise ValueError("no picture, or too many units")


def unit_type(unit: bytes | memoryview) -> int:
    """What a unit is; -1 for one without contents."""
    return unit[0] >> 1 & _TYPE_MASK if len(unit) > _UNIT_HEADER_BYTES else -1


def _sides(unit: bytes, hvcc: Reader) -> tuple[int, int]:
    """Width and height in a sequence parameter set, before cropping."""
    head = unit[_UNIT_HEADER_BYTES:_SIZE_BYTES].replace(_STUFFED, _PLAIN)
    bits = _Bits(head, hvcc)
    bits.take(4)  # the video parameter set
    sub_layers = bits.take(3)
    bits.take(1)  # whether temporal layers nest
    _skip_profile(bits, sub_layers)
    bits.take_golomb()  # the set's own number
    if bits.take_golomb() == _SEPARATE_PLANES:
        bits.take(1)
    return bits.take_golomb(), bits.take_golomb()


def _skip_profile(bits: "_Bits", sub_layers: int) -> None:
    bits.take(_PROFILE_BITS)
    bits.take(_LEVEL_BITS)
    present = [(bits.take(1), bits.take(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.take(2 * (_SUB_LAYERS - sub_layers))
    for has_profile, has_level in present:
        bits.take(_PROFILE_BITS * has_profile + _LEVEL_BITS * has_level)


class _Bits:
    """Bits of a parameter set, most significant first."""

    def __init__(self, body: bytes, hvcc: Reader) -> None:
        self._value = int.from_bytes(body)
        self._left = len(body) * 8
        self._hvcc = hvcc

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        self._left -= count
        if self._left < 0:
            raise self._hvcc.damaged("a parameter set ends early")
        return self._value >> self._left & (1 << count) - 1

    def take_golomb(self) -> int:
        """The next number of variable length."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MAX_GOLOMB_ZEROS:
                raise self._hvcc.damaged("a parameter set has a number that is too long")
        return (1 << zeros) - 1 + self.take(zeros)
