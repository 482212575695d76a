"""WebP: lossy (VP8), lossless (VP8L) and extended (VP8X) files.

After the WebP container specification and RFC 6386 (VP8 key frames).
"""

from dataclasses import dataclass, replace
from struct import Struct

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.exif import UPRIGHT, read_orientation
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import UNCOUNTED_FRAMES, SourceInfo

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
_EXTENDED_ANIMATION_FLAG = 0x02

_BGR, _BGRA = 3, 4

_FRAME = Struct("<8x6x3s3s3xB")  # chunk, place, size, delay, flags
_FRAME_CLEARED_FLAG = 0x01


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
    info = _source_info(
        (width_high << 16 | width_low) + 1,
        (height_high << 16 | height_low) + 1,
        has_alpha=bool(flags & _EXTENDED_ALPHA_FLAG),
        orientation=_orientation(reader) if flags & _EXTENDED_EXIF_FLAG else UPRIGHT,
    )
    if not flags & _EXTENDED_ANIMATION_FLAG:
        return info
    found = _frames(reader, (info.stored_width, info.stored_height))
    return replace(
        info,
        channels=_BGRA if found.bare else info.channels,
        frames=found.count,
        frames_alpha=info.has_alpha or found.bare or found.clears,
    )


@dataclass(slots=True)
class _Frames:
    """The frames of an animation.

    Attributes:
        count: How many there are.
        bare: Whether the first one leaves a part of the canvas bare, which is transparent.
        clears: Whether any of them is cleared away, and leaves transparent pixels.
    """

    count: int = 0
    bare: bool = False
    clears: bool = False


def _frames(reader: Reader, canvas: tuple[int, int]) -> _Frames:
    found = _Frames()
    at = _FIRST_CHUNK_AT
    try:
        while len(head := reader.window(at, _FRAME.size)) >= _CHUNK.size:
            kind, size = _CHUNK.unpack_from(head)
            at += _CHUNK.size + size + size % 2
            if kind == b"ANMF" and len(head) == _FRAME.size and at <= reader.size + 1:
                *sides, flags = _FRAME.unpack(head)
                found.clears |= bool(flags & _FRAME_CLEARED_FLAG)
                if not found.count:
                    found.bare = tuple(_number24(side) + 1 for side in sides) != canvas
                found.count += 1
    except DamagedImageError:
        # The budget is spent: nothing else is an error here.
        return _Frames(UNCOUNTED_FRAMES, found.bare, clears=True)
    found.count = max(found.count, 1)
    return found


def _number24(field: bytes) -> int:
    return int.from_bytes(field, "little")


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
    return SourceInfo(Format.WEBP, width, height, _BGRA if has_alpha else _BGR, 8, orientation)
