"""BMP: OpenCV's, but for pixels of 16 bits, whose levels it cuts off and whose masks it refuses."""

import cv2
import numpy as np

from pixelpipe.formats.bmp import BmpHeader, bmp_header
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.codecs.opencv import decoded
from pixelpipe.imaging.pixels import BGR, Pixels, as_pixels

_WORD_BITS = 16
_WORDS = 1 << _WORD_BITS
_ROWS = 64  # at a time: numpy takes 8 bytes for each pixel that it looks up


def decode_bmp(data: Pixels, wanted: int) -> Pixels:
    """The pixels of a screened BMP.

    Args:
        data: The file.
        wanted: How many channels the pixels shall have: 3 or 4.
    """
    header = bmp_header(Reader(data.data, "BMP file", Budget()))
    if header.bits == _WORD_BITS:
        return _visible(_of_words(data, header))
    if wanted == BGR:
        # Unchanged, those of OS/2 would come out gray.
        return as_pixels(decoded(data, Format.BMP, cv2.IMREAD_COLOR_BGR))
    return _visible(as_pixels(decoded(data, Format.BMP)))


def _visible(pixels: Pixels) -> Pixels:
    """Opaque where alpha is 0 everywhere: writers that declare it may leave it empty."""
    if pixels.shape[2] > BGR and not cv2.extractChannel(pixels, BGR).any():
        pixels[..., BGR] = 255
    return pixels


def _of_words(data: Pixels, header: BmpHeader) -> Pixels:
    """BGR or BGRA, each level to the nearest of 256."""
    height, row_bytes = abs(header.height), (header.width * 2 + 3) // 4 * 4
    stored = np.frombuffer(data, np.uint8, height * row_bytes, header.pixels_at)
    rows = stored.reshape(height, row_bytes)[:, : header.width * 2]
    rows = rows if header.height < 0 else rows[::-1]
    red, green, blue, *alpha = header.masks
    order = (blue, green, red, *(mask for mask in alpha if mask))
    table = np.stack([_levels(mask) for mask in order], axis=1)
    pixels = np.empty((height, header.width, len(order)), np.uint8)
    for top in range(0, height, _ROWS):
        words = np.ascontiguousarray(rows[top : top + _ROWS]).view("<u2")
        np.take(table, words, axis=0, out=pixels[top : top + _ROWS])
    return pixels


def _levels(mask: int) -> Pixels:
    """The level of each of all words, under a mask."""
    values = np.arange(_WORDS) & mask
    return as_pixels(np.rint(values * (255 / max(mask, 1))).astype(np.uint8))
