"""The blocks of a whole file, by its format."""

from collections.abc import Callable, Mapping

from pixelpipe.formats.metadata.blocks import NO_BLOCKS, Blocks
from pixelpipe.formats.metadata.boxes import read_heif_blocks, read_jxl_blocks
from pixelpipe.formats.metadata.jpeg import read_jpeg_blocks
from pixelpipe.formats.metadata.png import read_png_blocks
from pixelpipe.formats.metadata.tiff import read_tiff_blocks
from pixelpipe.formats.metadata.webp import read_webp_blocks
from pixelpipe.formats.registry import Format

_READERS: Mapping[Format, Callable[[memoryview], Blocks]] = {
    Format.JPEG: read_jpeg_blocks,
    Format.PNG: read_png_blocks,
    Format.WEBP: read_webp_blocks,
    Format.AVIF: read_heif_blocks,
    Format.HEIC: read_heif_blocks,
    Format.TIFF: read_tiff_blocks,
    Format.JXL: read_jxl_blocks,
}


def read_blocks(data: memoryview, source: Format) -> Blocks:
    """What a file says about itself.

    Args:
        data: The whole file, as it came and not as the screen left it; only read.
        source: Its format, as the probe found it.

    Returns:
        What was found and is not broken, each block of at most 256 KiB.
    """
    reader = _READERS.get(source)
    return reader(data) if reader else NO_BLOCKS
