"""JPEG: the markers up to the first scan.

After ITU-T T.81, annex B. Like libjpeg, the walk takes fill bytes and skips junk between segments.
"""

from dataclasses import replace
from struct import Struct

from pixelpipe.formats.exif import EXIF_PREFIX, UPRIGHT, read_orientation
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_PREFIX = 0xFF
_NO_CODES = (0x00, 0xFF)
_APP1, _APP2, _SOS, _EOI = 0xE1, 0xE2, 0xDA, 0xD9
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn; not DHT, JPG, DAC

_BITS = 8
_CHANNELS = {1: 1, 3: 3, 4: 3}  # CMYK and YCCK are decoded to BGR

_MARKER = Struct(">BB")
_LENGTH = Struct(">H")
_FRAME = Struct(">BHHB")
# Three components: their numbers, sampling factors and tables.
_COMPONENTS = Struct(">9B")
_HALVED_CHROMA = (0x22, 0x11, 0x11)

_WINDOW_BYTES = 128

# Within the first segment of a profile lie its name, in ASCII or in UTF-16, and few things before.
_PROFILE, _PROFILE_BYTES = b"ICC_PROFILE\0", 1024
_SRGB_NAMES = (b"sRGB", "sRGB".encode("utf-16-be"))


def read_jpeg(reader: Reader) -> SourceInfo:
    """Read the frame header, and the orientation of the first EXIF segment before the scan.

    Raises:
        UnsupportedFormatError: More than 8 bits per sample.
        DamagedImageError: No frame before the scan, a broken segment, or the file ends early.
    """
    frame: tuple[int, int, int, int] | None = None
    orientation: int | None = None
    halved = converts = False
    at = 2
    while True:
        marker, at = _next_marker(reader, at)
        if marker in _STANDALONE:
            continue
        if marker in {_SOS, _EOI}:
            break
        size = _segment_size(reader, at)
        if marker in _FRAMES and frame is None:
            frame = reader.unpack(_FRAME, at + _LENGTH.size)
            halved = _has_halved_chroma(reader, at + _LENGTH.size, size - _LENGTH.size)
        elif marker == _APP1 and orientation is None:
            orientation = _exif_orientation(reader, at + _LENGTH.size, size - _LENGTH.size)
        elif marker == _APP2:
            converts = converts or _has_other_colors(reader, at + _LENGTH.size)
        at += size
    if frame is None:
        raise reader.damaged("it has no frame header before its image data")
    info = _source_info(reader, frame, orientation or UPRIGHT)
    return replace(info, halved_chroma=halved and not converts)


def _source_info(reader: Reader, frame: tuple[int, int, int, int], orientation: int) -> SourceInfo:
    precision, height, width, components = frame
    if precision != _BITS:
        raise not_accepted(f"A JPEG with {precision} bits per sample", f"{_BITS} are")
    if components not in _CHANNELS:
        raise reader.damaged(f"it has {components} components; 1, 3 and 4 are allowed")
    return SourceInfo(Format.JPEG, width, height, _CHANNELS[components], _BITS, orientation)


def _has_halved_chroma(reader: Reader, at: int, size: int) -> bool:
    if size != _FRAME.size + _COMPONENTS.size:
        return False
    components = reader.unpack(_COMPONENTS, at + _FRAME.size)
    return components[1::3] == _HALVED_CHROMA


def _has_other_colors(reader: Reader, at: int) -> bool:
    """Whether a profile begins there that is not called sRGB.

    Only a guess: what it is like is found out when the picture is decoded.
    """
    beginning = reader.window(at, _PROFILE_BYTES)
    # Of several parts the first one has the name.
    if not beginning.startswith(_PROFILE + b"\1"):
        return False
    return not any(name in beginning for name in _SRGB_NAMES)


def _exif_orientation(reader: Reader, at: int, size: int) -> int | None:
    if reader.window(at, len(EXIF_PREFIX)) != EXIF_PREFIX:
        return None
    return read_orientation(reader.block(at, size, "EXIF block"))


def _segment_size(reader: Reader, at: int) -> int:
    (size,) = reader.unpack(_LENGTH, at)
    if size < _LENGTH.size:
        raise reader.damaged(f"the segment at offset {at} has a length of {size} bytes")
    return int(size)


def _next_marker(reader: Reader, at: int) -> tuple[int, int]:
    """The next marker code at or after `at`, and the offset behind it."""
    prefix, code = reader.unpack(_MARKER, at)
    if prefix == _PREFIX and code not in _NO_CODES:
        return code, at + _MARKER.size
    return _search_marker(reader, at)


def _search_marker(reader: Reader, at: int) -> tuple[int, int]:
    """The same behind junk, 0xFF fill bytes and 0xFF00, which is data."""
    while True:
        window = reader.window(at, _WINDOW_BYTES)
        if len(window) < _MARKER.size:
            raise reader.damaged("it ends before its image data")
        junk_bytes = window.find(_PREFIX)
        if junk_bytes < 0:
            at += len(window)
            continue
        rest = window[junk_bytes:].lstrip(b"\xff")
        if not rest:
            at += len(window) - 1  # the code of the last 0xFF lies in the next window
            continue
        at += len(window) - len(rest) + 1
        if rest[0]:
            return rest[0], at
