"""WebP: lossy (VP8), lossless (VP8L) and extended (VP8X) files.

After the WebP container specification and RFC 6386 (VP8 key frames).
"""

from struct import Struct

from pixelpipe.formats.exif import UPRIGHT, read_orientation
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_CHUNK = Struct("<4sI")
_FIRST_CHUNK_AT = 12
_BODY_AT = _FIRST_CHUNK_AT + _CHUNK.size

_LOSSY = Struct("<B2x3sHH")
_LOSSY_START = b"\x9d\x01\x2a"
_INTER_FRAME_FLAG = 0x01
_SIDE_MASK = 0x3FFF  # 14 bits; the two above scale for display

_LOSSLESS = Struct("<BI")
_LOSSLESS_SIGNATURE = 0x2F
_LOSSLESS_ALPHA_FLAG = 1 << 28

_EXTENDED = Struct("<B3xHBHB")
_EXTENDED_ALPHA_FLAG = 0x10
_EXTENDED_EXIF_FLAG = 0x08


def read_webp(reader: Reader) -> SourceInfo:
    """Read the first chunk, and the EXIF chunk if the file has one.

    Raises:
        DamagedImageError: The first chunk is none of the three, or broken.
    """
    kind, _ = reader.unpack(_CHUNK, _FIRST_CHUNK_AT)
    if kind == b"VP8 ":
        return _lossy(reader)
    if kind == b"VP8L":
        return _lossless(reader)
    if kind == b"VP8X":
        return _extended(reader)
    raise reader.damaged("its first chunk is none of VP8, VP8L and VP8X")


def _lossy(reader: Reader) -> SourceInfo:
    flags, start, width, height = reader.unpack(_LOSSY, _BODY_AT)
    if start != _LOSSY_START or flags & _INTER_FRAME_FLAG:
        raise reader.damaged("its VP8 chunk does not begin with a key frame")
    return _source_info(width & _SIDE_MASK, height & _SIDE_MASK, has_alpha=False)


def _lossless(reader: Reader) -> SourceInfo:
    signature, bits = reader.unpack(_LOSSLESS, _BODY_AT)
    if signature != _LOSSLESS_SIGNATURE:
        raise reader.damaged("its VP8L chunk does not begin with the signature byte")
    width, height = (bits & _SIDE_MASK) + 1, (bits >> 14 & _SIDE_MASK) + 1
    return _source_info(width, height, has_alpha=bool(bits & _LOSSLESS_ALPHA_FLAG))


def _extended(reader: Reader) -> SourceInfo:
    flags, width_low, width_high, height_low, height_high = reader.unpack(_EXTENDED, _BODY_AT)
    return _source_info(
        (width_high << 16 | width_low) + 1,
        (height_high << 16 | height_low) + 1,
        has_alpha=bool(flags & _EXTENDED_ALPHA_FLAG),
        orientation=_orientation(reader) if flags & _EXTENDED_EXIF_FLAG else UPRIGHT,
    )


def _orientation(reader: Reader) -> int:
    at = _FIRST_CHUNK_AT
    while at + _CHUNK.size <= reader.size:
        kind, size = reader.unpack(_CHUNK, at)
        if kind == b"EXIF":
            return read_orientation(reader.block(at + _CHUNK.size, size, "EXIF block"))
        at += _CHUNK.size + size + size % 2
    return UPRIGHT


def _source_info(
    width: int, height: int, *, has_alpha: bool, orientation: int = UPRIGHT
) -> SourceInfo:
    return SourceInfo(Format.WEBP, width, height, 4 if has_alpha else 3, 8, orientation)
