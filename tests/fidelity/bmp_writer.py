"""BMP files of kinds that the usual programs do not write, after the Windows GDI documentation."""

import struct

import numpy as np
from numpy.typing import NDArray

CORE, INFO, V2, V3, V4, V5 = 12, 40, 52, 56, 108, 124
RGB, RLE8, RLE4, BITFIELDS = 0, 1, 2, 3
RGB555, RGB565 = (0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)
END_OF_ROW, END_OF_BITMAP, JUMP = b"\0\0", b"\0\1", b"\0\2"

Samples = NDArray[np.generic]


def bmp(  # noqa: PLR0913 - each is a field
    size: tuple[int, int],
    bits: int,
    pixels: bytes,
    *,
    header_bytes: int = INFO,
    masks: tuple[int, ...] = (),
    palette: NDArray[np.uint8] | None = None,
    runs: int = RGB,
) -> bytes:
    """A file.

    Args:
        size: Width, and height, which is below 0 where the first row is the top one.
        bits: By pixel.
        pixels: As stored.
        header_bytes: One of those above.
        masks: Of red, green, blue and perhaps alpha; the file then has bit fields.
        palette: Blue, green, red and nothing, of each entry.
        runs: The compression, where it is one of runs.
    """
    table = b"" if palette is None else palette.tobytes()
    compression = BITFIELDS if masks else runs
    if header_bytes == CORE:
        header = struct.pack("<IHHHH", CORE, *size, 1, bits)
    else:
        fields = (header_bytes, *size, 1, bits, compression, len(pixels), 0, 0, len(table) // 4, 0)
        header = struct.pack("<IiiHHIIiiII", *fields) + struct.pack(f"<{len(masks)}I", *masks)
        header = header.ljust(header_bytes, b"\0")
    start = 14 + len(header) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + table + pixels


def rows(stored: Samples, bits: int) -> bytes:
    """Rows from the bottom up, each filled to 4 bytes.

    Args:
        stored: One number a pixel, (height, width), or bytes, (height, width, bytes).
        bits: Of each number.
    """
    if bits < 8:
        each = np.unpackbits(stored.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
        packed = np.packbits(each.reshape(len(stored), -1), axis=1)
    else:
        packed = stored.astype(f"<u{bits // 8}").view(np.uint8).reshape(len(stored), -1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 4)))[::-1].tobytes()


def words(bgr: Samples, masks: tuple[int, ...], alpha: Samples | None = None) -> Samples:
    """One number a pixel, each level cut to the bits of its mask."""
    planes = [bgr[..., channel].astype(np.int64) for channel in (2, 1, 0)]
    if alpha is not None:
        planes.append(alpha.astype(np.int64))
    mixed = np.zeros(bgr.shape[:2], np.int64)
    for plane, mask in zip(planes, masks, strict=False):
        mixed |= cut(plane, mask) * (mask & -mask)
    return mixed


def cut(levels: Samples, mask: int) -> NDArray[np.int64]:
    """Levels of 8 bits in as many as a mask has."""
    return levels.astype(np.int64) * (1 << mask.bit_count()) >> 8


def spread(levels: Samples, mask: int) -> NDArray[np.uint8]:
    """8-bit levels through a mask and back, each to the nearest."""
    nearest: NDArray[np.float64] = np.rint(
        cut(levels, mask) * (255 / ((1 << mask.bit_count()) - 1))
    )
    return nearest.astype(np.uint8)
