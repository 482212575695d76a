"""WebP: every chunk walked, only the first picture handed on.

After the WebP container specification and RFC 6386. OpenCV reads EXIF with a parser of its own and
sets up whole animations; both are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import check_frames, damaged, incomplete

_CHUNK = Struct("<4sI")
_SIZE = Struct("<I")
_SIZE_AT = 4
_RIFF_BYTES = 8
_FIRST_CHUNK_AT = 12
_MAX_CHUNKS = 4096

_LOSSY = Struct("<3x3sHH")
_LOSSLESS = Struct("<BI")
_LOSSY_START = b"\x9d\x01\x2a"
_LOSSLESS_SIGNATURE = 0x2F
_SIDE_MASK = 0x3FFF

_EXTENDED_BYTES = 10
_ALPHA, _ANIMATION = 0x10, 0x02
_ANIM_BYTES = 6
_FRAME_BYTES = 16
_LEAST_BYTES = 32

# A file in the making; joined once, at its end.
_Parts = list[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk: its type, and its payload without padding."""

    kind: bytes
    body: memoryview


def screen_webp(data: memoryview, max_frames: int, kept_frames: int = 1) -> memoryview:
    """Hand on the picture with its alpha; of an animation the first frames on their canvas.

    Args:
        data: The file.
        max_frames: Most frames that it may have.
        kept_frames: How many of them are handed on.

    Raises:
        DamagedImageError: A chunk reaches past the end, a flood of them, no picture, or one of
            another size than its file says.
        FrameLimitError: More frames than `max_frames`.
    """
    if len(data) < _FIRST_CHUNK_AT:
        raise incomplete(Format.WEBP)
    (size_bytes,) = _SIZE.unpack_from(data, _SIZE_AT)
    end = _RIFF_BYTES + size_bytes
    if end > len(data):
        raise incomplete(Format.WEBP)
    chunks = _chunks(data[_FIRST_CHUNK_AT:end], _MAX_CHUNKS + max_frames)
    first = next(chunks, None)
    if first is None or first.kind not in {b"VP8 ", b"VP8L", b"VP8X"}:
        raise damaged(Format.WEBP, "its first chunk is none of VP8, VP8L and VP8X")
    if first.kind != b"VP8X":
        _picture_size(first)
        return _riff(_chunk(first.kind, [first.body]))
    if len(first.body) < _EXTENDED_BYTES:
        raise damaged(Format.WEBP, "its VP8X chunk is too short")
    flags = first.body[0] & (_ALPHA | _ANIMATION)
    canvas = _size24(first.body, 4), _size24(first.body, 7)
    if flags & _ANIMATION:
        parts, covered = _frames(chunks, canvas, max_frames, kept_frames)
        if kept_frames > 1 or not covered:
            flags |= _ALPHA  # Or what is cleared away, or left bare, comes out black.
    else:
        parts = _picture(chunks, canvas)
    header = _chunk(b"VP8X", [bytes([flags, 0, 0, 0]), first.body[4:_EXTENDED_BYTES]])
    return _riff(header + parts)


def _chunks(data: memoryview, most: int) -> Iterator[_Chunk]:
    at = 0
    for _ in range(most):
        if at >= len(data):
            return
        if at + _CHUNK.size > len(data):
            raise incomplete(Format.WEBP)
        kind, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if at + size > len(data):
            raise incomplete(Format.WEBP)
        yield _Chunk(kind, data[at : at + size])
        at += size + size % 2
    raise damaged(Format.WEBP, "it is cut into far too many chunks")


def _picture(chunks: Iterator[_Chunk], size: tuple[int, int]) -> _Parts:
    """The picture and, before it, its alpha."""
    alpha: _Parts = []
    for chunk in chunks:
        if chunk.kind == b"ALPH":
            alpha = _chunk(chunk.kind, [chunk.body])
        elif chunk.kind in {b"VP8 ", b"VP8L"}:
            if (found := _picture_size(chunk)) != size:
                raise damaged(
                    Format.WEBP,
                    f"it holds {found[0]}x{found[1]} pixels where it says {size[0]}x{size[1]}",
                )
            # Lossless pictures carry their own.
            return (alpha if chunk.kind == b"VP8 " else []) + _chunk(chunk.kind, [chunk.body])
    raise damaged(Format.WEBP, "it has no picture")


def _frames(
    chunks: Iterator[_Chunk], canvas: tuple[int, int], max_frames: int, kept_frames: int
) -> tuple[_Parts, bool]:
    """The animation's settings and its first frames; and whether the first one covers the canvas.

    The others are counted.
    """
    settings: _Parts = []
    kept: _Parts = []
    frames = 0
    covered = True
    for chunk in chunks:
        if chunk.kind == b"ANIM" and not settings:
            settings = _chunk(chunk.kind, [chunk.body[:_ANIM_BYTES]])
        elif chunk.kind == b"ANMF":
            frames += 1
            check_frames(Format.WEBP, frames, max_frames)
            if frames <= kept_frames:
                kept += _frame(chunk.body, canvas)
            if frames == 1:
                covered = (_size24(chunk.body, 6), _size24(chunk.body, 9)) == canvas
    if not (settings and kept):
        raise damaged(Format.WEBP, "it is an animation without frames")
    return settings + kept, covered


def _frame(body: memoryview, canvas: tuple[int, int]) -> _Parts:
    if len(body) < _FRAME_BYTES:
        raise incomplete(Format.WEBP)
    left, top = 2 * _number24(body, 0), 2 * _number24(body, 3)
    size = _size24(body, 6), _size24(body, 9)
    if left + size[0] > canvas[0] or top + size[1] > canvas[1]:
        raise damaged(Format.WEBP, f"a frame does not fit its canvas of {canvas[0]}x{canvas[1]} px")
    picture = _picture(_chunks(body[_FRAME_BYTES:], _MAX_CHUNKS), size)
    return _chunk(b"ANMF", [body[:_FRAME_BYTES], *picture])


def _picture_size(picture: _Chunk) -> tuple[int, int]:
    """Width and height as the codec will find them."""
    body = picture.body
    layout = _LOSSY if picture.kind == b"VP8 " else _LOSSLESS
    if len(body) < layout.size:
        raise incomplete(Format.WEBP)
    if picture.kind == b"VP8 ":
        start, width, height = _LOSSY.unpack_from(body)
        if start != _LOSSY_START:
            raise damaged(Format.WEBP, "its VP8 chunk does not begin with a key frame")
        return width & _SIDE_MASK, height & _SIDE_MASK
    signature, bits = _LOSSLESS.unpack_from(body)
    if signature != _LOSSLESS_SIGNATURE:
        raise damaged(Format.WEBP, "its VP8L chunk does not begin with the signature byte")
    return (bits & _SIDE_MASK) + 1, (bits >> 14 & _SIDE_MASK) + 1


def _number24(body: memoryview, at: int) -> int:
    return int.from_bytes(body[at : at + 3], "little")


def _size24(body: memoryview, at: int) -> int:
    return _number24(body, at) + 1


def _chunk(kind: bytes, body: _Parts) -> _Parts:
    size = sum(map(len, body))
    return [_CHUNK.pack(kind, size), *body, bytes(size % 2)]


def _riff(parts: _Parts) -> memoryview:
    # OpenCV takes no file that is shorter; what lies behind the end is not read.
    return memoryview(b"".join(_chunk(b"RIFF", [b"WEBP", *parts])).ljust(_LEAST_BYTES, b"\0"))
