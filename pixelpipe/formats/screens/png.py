"""PNG: every chunk walked, only those that pixels are made of handed on.

After the PNG specification, third edition. Left out are animation chunks (OpenCV crashes on
malformed ones), compressed texts and profiles (libpng inflates each), and whatever is unknown.
"""

from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.deflated import check_inflated
from pixelpipe.formats.screens.fault import check_frames, damaged, incomplete
from pixelpipe.formats.screens.spans import Spans

_CHUNK = Struct(">I4s")
_CHUNK_OVERHEAD = 12  # length, type, CRC
_FIRST_CHUNK_AT = 8
_HEADER = Struct(">IIBBBBB")

# Writers cut image data into chunks of 8 KB or more; the smallest seen are rows.
_SPARE_CHUNKS = 4096
_MEAN_CHUNK_BYTES = 256

_KEPT = frozenset({b"IHDR", b"IDAT", b"IEND"})
_PALETTE = frozenset({b"PLTE", b"tRNS"})
_ONCE = {
    b"IHDR": "it has more than one header chunk",
    b"IDAT": "its image data are not in one piece",
}

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: where each pass begins (x, y) and its steps.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def screen_png(data: memoryview, max_frames: int) -> memoryview:
    """Hand on the header, the palette, its transparency, the image data and the end.

    Raises:
        DamagedImageError: A chunk reaches past the end, chunks in a wrong order, a flood of them,
            or image data that inflate far past the picture.
        FrameLimitError: More frames than `max_frames`.
    """
    kept = Spans(data)
    kept.keep(0, _FIRST_CHUNK_AT)
    seen: set[bytes] = set()
    frames = 0
    for kind, start, end in _runs(data):
        if kind in seen and kind in _ONCE:
            raise damaged(Format.PNG, _ONCE[kind])
        if kind in _KEPT or (kind in _PALETTE and kind not in seen and b"IDAT" not in seen):
            kept.keep(start, end)
        elif kind == b"fcTL":
            frames += 1
            check_frames(Format.PNG, frames, max_frames)
        if kind == b"IDAT":
            check_inflated(data[start:end], _pixels_bytes(data))
        seen.add(kind)
    if b"IDAT" not in seen:
        raise damaged(Format.PNG, "it has no image data")
    return kept.joined()


def _runs(data: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk up to the last; image data in a row are taken as one."""
    before, start, end = _header(data)
    for kind, at, behind in chunks(data, end):
        if kind == before == b"IDAT":
            end = behind
            continue
        yield before, start, end
        before, start, end = kind, at, behind
    yield before, start, end


def _header(data: memoryview) -> tuple[bytes, int, int]:
    """Type, start and end of the first chunk."""
    kind, start, end = next(chunks(data, _FIRST_CHUNK_AT))
    if kind != b"IHDR" or end - start != _CHUNK_OVERHEAD + _HEADER.size:
        raise damaged(Format.PNG, "it does not begin with a header chunk")
    return kind, start, end


def chunks(data: memoryview, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk from `at` up to the last."""
    size_bytes = len(data)
    for _ in range(_SPARE_CHUNKS + size_bytes // _MEAN_CHUNK_BYTES):
        if at + _CHUNK_OVERHEAD > size_bytes:
            raise incomplete(Format.PNG)
        length, kind = _CHUNK.unpack_from(data, at)
        end = at + _CHUNK_OVERHEAD + length
        if end > size_bytes:
            raise incomplete(Format.PNG)
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end
    raise damaged(Format.PNG, "it is cut into far too many chunks")


def _pixels_bytes(data: memoryview) -> int:
    """Bytes of all rows with their filter bytes: what the image data inflate to."""
    header = _HEADER.unpack_from(data, _FIRST_CHUNK_AT + _CHUNK.size)
    width, height, depth, colour, *_, interlaced = header
    if colour not in _SAMPLES:
        raise damaged(Format.PNG, f"its colour type {colour} is not allowed")
    bits = depth * _SAMPLES[colour]
    if not interlaced:
        return _rows_bytes(width, height, bits)
    return sum(
        _rows_bytes(-((left - width) // right), -((top - height) // down), bits)
        for left, top, right, down in _PASSES
        if width > left and height > top
    )


def _rows_bytes(width: int, height: int, bits: int) -> int:
    return height * (1 + (width * bits + 7) // 8)
