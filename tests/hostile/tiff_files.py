"""TIFF files tag by tag, after TIFF 6.0."""

import struct
from collections.abc import Mapping, Sequence

SHORT, LONG, RATIONAL, ASCII, UNDEFINED, FLOAT = 3, 4, 5, 2, 7, 11
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, COUNTS = 273, 274, 277, 278, 279
PLANAR, PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_LENGTH = 284, 317, 320, 322, 323
TILE_OFFSETS, TILE_COUNTS, SUB_IFDS, EXTRA, SAMPLE_FORMAT = 324, 325, 330, 338, 339
JPEG_TABLES, YCBCR_SUBSAMPLING, EXIF_IFD = 347, 530, 34665
DATA_AT = 8

_CODES = {SHORT: "H", LONG: "I"}
_INLINE_BYTES = 4

Value = int | Sequence[int] | bytes
Tags = Mapping[int, tuple[int, Value]]


def tiff_of(data: bytes, tags: Tags, *, next_at: int = 0) -> bytes:
    """A file of one directory, which lies behind the data; the data lie at `DATA_AT`.

    Args:
        data: Strips or tiles.
        tags: Type and value of each; a value of bytes is taken as it is, for one count a byte.
        next_at: Where the next directory lies.
    """
    directory_at = DATA_AT + len(data) + len(data) % 2
    values_at = directory_at + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, (kind, value) in sorted(tags.items()):
        packed, count = _packed(kind, value)
        field = packed.ljust(_INLINE_BYTES, b"\0")
        if len(packed) > _INLINE_BYTES:
            field = struct.pack("<I", values_at + len(values))
            values += packed
        entries += struct.pack("<HHI", tag, kind, count) + field
    head = b"II*\0" + struct.pack("<I", directory_at) + data + bytes(len(data) % 2)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_at)
    return head + directory + values


def _packed(kind: int, value: Value) -> tuple[bytes, int]:
    if isinstance(value, bytes):
        return value, len(value)
    numbers = [value] if isinstance(value, int) else value
    return struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers), len(numbers)


def gray(side: int, data: bytes, compression: int = 1, **changes: tuple[int, Value]) -> bytes:
    """A gray square of 8 bits in one strip.

    Args:
        side: Width and height in pixels.
        data: The strip.
        compression: Its compression.
        changes: Tags by number, as `t256`, to add or to change.
    """
    tags: dict[int, tuple[int, Value]] = {
        WIDTH: (LONG, side),
        LENGTH: (LONG, side),
        BITS: (SHORT, 8),
        COMPRESSION: (SHORT, compression),
        PHOTOMETRIC: (SHORT, 1),
        OFFSETS: (LONG, DATA_AT),
        SAMPLES: (SHORT, 1),
        ROWS_PER_STRIP: (LONG, side),
        COUNTS: (LONG, len(data)),
    }
    return tiff_of(data, tags | {int(name[1:]): value for name, value in changes.items()})


def tiled(side: int, tile: tuple[int, int], data: bytes, compression: int = 1) -> bytes:
    """A gray square in tiles, all of which are the same bytes."""
    across = -(-side // max(tile[0], 1)) if tile[0] else 1
    count = min(across * (-(-side // max(tile[1], 1)) if tile[1] else 1), 10_000)
    return tiff_of(
        data,
        {
            WIDTH: (LONG, side),
            LENGTH: (LONG, side),
            BITS: (SHORT, 8),
            COMPRESSION: (SHORT, compression),
            PHOTOMETRIC: (SHORT, 1),
            SAMPLES: (SHORT, 1),
            TILE_WIDTH: (LONG, tile[0]),
            TILE_LENGTH: (LONG, tile[1]),
            TILE_OFFSETS: (LONG, [DATA_AT] * count),
            TILE_COUNTS: (LONG, [len(data)] * count),
        },
    )
