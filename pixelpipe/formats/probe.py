"""Header to SourceInfo: runs on the server's event loop, before any codec sees the bytes."""

import re
from collections.abc import Callable

from pixelpipe.errors import EmptyBodyError, PixelLimitError
from pixelpipe.formats.avif import BRANDS as AVIF_BRANDS
from pixelpipe.formats.avif import read_avif
from pixelpipe.formats.bmp import read_bmp
from pixelpipe.formats.gif import read_gif
from pixelpipe.formats.heic import BRANDS as HEIC_BRANDS
from pixelpipe.formats.heic import read_heic
from pixelpipe.formats.isobmff import brands
from pixelpipe.formats.jpeg import read_jpeg
from pixelpipe.formats.jxl import read_jxl
from pixelpipe.formats.png import read_png
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.refusal import HEAD_BYTES, refuse
from pixelpipe.formats.source import SourceInfo
from pixelpipe.formats.tiff import read_tiff
from pixelpipe.formats.webp import read_webp

Parser = Callable[[Reader], SourceInfo]


def _begins(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def _read_heif(reader: Reader) -> SourceInfo:
    """The one of the two that share a box structure."""
    found = brands(reader)
    if not found & HEIC_BRANDS or found & AVIF_BRANDS:
        return read_avif(reader)
    reader.what = "HEIC file"
    return read_heic(reader)


_PARSERS: tuple[tuple[re.Pattern[bytes], str, Parser], ...] = (
    (_begins(rb"\xff\xd8\xff"), "JPEG", read_jpeg),
    (_begins(rb"\x89PNG\r\n\x1a\n"), "PNG", read_png),
    (_begins(rb"RIFF....WEBP"), "WebP", read_webp),
    (_begins(rb"....ftyp"), "AVIF", _read_heif),
    (_begins(rb"GIF8[79]a"), "GIF", read_gif),
    (_begins(rb"II\*\0|MM\0\*"), "TIFF", read_tiff),
    (_begins(rb"BM"), "BMP", read_bmp),
    (_begins(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"), "JPEG XL", read_jxl),
)


def probe(data: memoryview, *, max_pixels: int, max_side_px: int) -> SourceInfo:
    """Find out what a file is, from its bytes alone.

    Args:
        data: The whole file, format `B`; at most 4,096 places of it are looked at.
        max_pixels: Most pixels allowed.
        max_side_px: Longest side allowed, in pixels.

    Raises:
        EmptyBodyError: There are no bytes.
        UnsupportedFormatError: None of the accepted formats, or a kind of one that is not read.
        DamagedImageError: The header is broken, or takes too many steps to read.
        PixelLimitError: More pixels or a longer side than allowed.
    """
    if not data:
        raise EmptyBodyError("The image has no bytes.")
    info = read_header(data, Budget())
    width, height = info.stored_width, info.stored_height
    if width * height > max_pixels or max(width, height) > max_side_px:
        raise PixelLimitError(
            f"The image is {width}x{height} px; at most {max_side_px} px a side and "
            f"{max_pixels} pixels in all are allowed."
        )
    return info


def read_header(data: memoryview, budget: Budget) -> SourceInfo:
    """`probe` without the limits on size; counts its steps in `budget`."""
    for magic, name, parse in _PARSERS:
        if magic.match(data):
            reader = Reader(data, f"{name} file", budget)
            info = parse(reader)
            if not (info.stored_width and info.stored_height):
                raise reader.damaged(
                    f"a size of {info.stored_width}x{info.stored_height} px is not allowed"
                )
            return info
    raise refuse(bytes(data[:HEAD_BYTES]))
