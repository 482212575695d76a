"""AV1: how much there is to decode in a sample.

After the AV1 bitstream specification, 5.3 to 5.5: the size in a sequence header, which no frame may
exceed, and the number of frames.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
_TYPE_SHIFT, _TYPE_MASK = 3, 15
_EXTENSION_FLAG, _SIZE_FLAG = 0x04, 0x02
_MAX_UNITS = 256
_MAX_SEQUENCE_HEADERS = 16
_HEADER_BYTES = 512
_LEB128_BYTES = 8
_LEB128_MORE = 0x80
_TIERED_LEVEL = 7
_MAX_UVLC_ZEROS = 32


@dataclass(slots=True)
class Load:
    """What a sample asks of the decoder.

    Attributes:
        width: The widest that a frame may be, in pixels.
        height: The highest.
        frames: How many there are, hidden ones included.
    """

    width: int = 0
    height: int = 0
    frames: int = 0


def load(sample: memoryview) -> Load:
    """Walk the units of a sample.

    Raises:
        DamagedImageError: A unit reaches past the end, there is a flood of them, or none says how
            large the picture is.
    """
    return load_of_all((sample,))


def load_of_all(samples: Iterable[memoryview]) -> Load:
    """Walk the units of samples that follow each other: only the first one needs to say a size.

    Raises:
        DamagedImageError: As `load`.
    """
    found = Load()
    for sample in samples:
        _add(sample, found)
        if not found.width:
            raise incomplete(Format.AVIF)
    return found


def _add(sample: memoryview, found: Load) -> None:
    at = headers = 0
    for _ in range(_MAX_UNITS):
        if at >= len(sample):
            break
        kind, body, at = _unit(sample, at)
        if kind == _SEQUENCE_HEADER and (headers := headers + 1) <= _MAX_SEQUENCE_HEADERS:
            width, height = _sides(body)
            found.width, found.height = max(found.width, width), max(found.height, height)
        found.frames += kind in {_FRAME_HEADER, _FRAME}
    if at < len(sample) or headers > _MAX_SEQUENCE_HEADERS:
        raise damaged(Format.AVIF, "its image data are cut into far too many units")


def _unit(sample: memoryview, at: int) -> tuple[int, memoryview, int]:
    """Type and contents of the unit at `at`, and the offset behind it."""
    header = sample[at]
    at += 2 if header & _EXTENSION_FLAG else 1
    size = len(sample) - at
    if header & _SIZE_FLAG:
        size, at = _leb128(sample, at)
    if size < 0 or at + size > len(sample):
        raise incomplete(Format.AVIF)
    return header >> _TYPE_SHIFT & _TYPE_MASK, sample[at : at + size], at + size


def _leb128(sample: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(sample[at : at + _LEB128_BYTES]):
        value |= (byte & ~_LEB128_MORE) << 7 * place
        if not byte & _LEB128_MORE:
            return value, at + place + 1
    raise incomplete(Format.AVIF)


class _Bits:
    """Bits of the beginning of a unit, most significant first; zeros behind its end."""

    def __init__(self, body: memoryview) -> None:
        self._value = int.from_bytes(bytes(body[:_HEADER_BYTES]).ljust(_HEADER_BYTES, b"\0"))
        self._left = _HEADER_BYTES * 8

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        self._left = max(self._left - count, 0)
        return self._value >> self._left & (1 << count) - 1

    def skip_uvlc(self) -> None:
        """Skip a number of variable length."""
        zeros = 0
        while zeros < _MAX_UVLC_ZEROS and not self.take(1):
            zeros += 1
        if zeros < _MAX_UVLC_ZEROS:
            self.take(zeros)


def _sides(body: memoryview) -> tuple[int, int]:
    """The largest width and height of a frame, from a sequence header."""
    bits = _Bits(body)
    bits.take(3 + 1)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)  # level
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing info
        bits.take(32 + 32)
        if bits.take(1):  # equal picture interval
            bits.skip_uvlc()
        if bits.take(1):  # decoder model info
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    initial_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)  # layers
        if bits.take(5) > _TIERED_LEVEL:
            bits.take(1)  # tier
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if initial_delays and bits.take(1):
            bits.take(4)
