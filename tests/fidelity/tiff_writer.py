"""TIFF files of kinds that the usual programs do not write, after TIFF 6.0."""

import zlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tests.hostile.tiff_files import (
    BITS,
    COMPRESSION,
    COUNTS,
    DATA_AT,
    EXTRA,
    LENGTH,
    LONG,
    OFFSETS,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    ROWS_PER_STRIP,
    SAMPLES,
    SHORT,
    TILE_COUNTS,
    TILE_LENGTH,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    Value,
    tiff_of,
)

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
NONE, DEFLATE, PACK_BITS = 1, 8, 32773
ASSOCIATED, UNASSOCIATED = 1, 2

Stored = NDArray[np.uint8 | np.uint16]


def tiff(  # noqa: PLR0913 - each is a tag
    stored: Stored,
    photometric: int,
    *,
    bits: int = 0,
    extra: tuple[int, ...] = (),
    compression: int = NONE,
    predictor: int = 1,
    rows: int = 0,
    tile: tuple[int, int] | None = None,
    planes: bool = False,
    more: Mapping[int, tuple[int, Value]] | None = None,
) -> bytes:
    """A file of one picture, its lower bytes first.

    Args:
        stored: Samples, (height, width) or (height, width, samples).
        photometric: What they mean.
        bits: Of each sample; 0 for as many as the array has.
        extra: What the samples behind the colours are.
        compression: One of those above.
        predictor: 2 stores differences to the sample on the left.
        rows: Of each strip; 0 for all in one.
        tile: Width and height of the tiles, instead of strips.
        planes: Whether each sample has strips of its own.
        more: Other tags.
    """
    samples = stored.reshape(*stored.shape[:2], -1)
    height, width, count = samples.shape
    bits = bits or 8 * samples.itemsize
    across, down = tile or (width, rows or height)
    parts = [samples[..., n : n + 1] for n in range(count)] if planes else [samples]
    data = [
        _compressed(_packed(_predicted(part, predictor), bits), compression)
        for plane in parts
        for part in _cut(plane, across, down, whole=tile is not None)
    ]
    offsets = [DATA_AT + sum(map(len, data[:n])) for n in range(len(data))]
    places = (TILE_OFFSETS, TILE_COUNTS) if tile else (OFFSETS, COUNTS)
    sizes = {TILE_WIDTH: across, TILE_LENGTH: down} if tile else {ROWS_PER_STRIP: down}
    tags: dict[int, tuple[int, Value]] = {
        WIDTH: (LONG, width),
        LENGTH: (LONG, height),
        BITS: (SHORT, [bits] * count),
        COMPRESSION: (SHORT, compression),
        PHOTOMETRIC: (SHORT, photometric),
        SAMPLES: (SHORT, count),
        PLANAR: (SHORT, 2 if planes else 1),
        PREDICTOR: (SHORT, predictor),
        places[0]: (LONG, offsets),
        places[1]: (LONG, [len(part) for part in data]),
        **{tag: (LONG, value) for tag, value in sizes.items()},
        **({EXTRA: (SHORT, list(extra))} if extra else {}),
    }
    if predictor == 1:
        del tags[PREDICTOR]
    return tiff_of(b"".join(data), tags | dict(more or {}))


def _cut(plane: Stored, across: int, down: int, *, whole: bool) -> Iterator[Stored]:
    """Strips, or whole tiles with their last row and column repeated."""
    height, width = plane.shape[:2]
    if whole:
        plane = np.pad(plane, ((0, -height % down), (0, -width % across), (0, 0)), "edge")
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield plane[top : top + down, left : left + across]


def _predicted(part: Stored, predictor: int) -> Stored:
    if predictor == 1:
        return part
    return np.concatenate([part[:, :1], part[:, 1:] - part[:, :-1]], axis=1)


def _packed(part: Stored, bits: int) -> bytes:
    if bits >= 8:
        return part.astype(part.dtype.newbyteorder("<")).tobytes()
    rows = part.reshape(len(part), -1).astype(np.uint8)
    each = np.unpackbits(rows[..., None], axis=2)[..., 8 - bits :]
    return np.packbits(each.reshape(len(part), -1), axis=1).tobytes()


def _compressed(part: bytes, compression: int) -> bytes:
    if compression == DEFLATE:
        return zlib.compress(part)
    if compression == PACK_BITS:
        pieces = (part[at : at + 128] for at in range(0, len(part), 128))
        return b"".join(bytes((len(piece) - 1,)) + piece for piece in pieces)
    return part
