"""The tags of a whole file, by its format."""

from collections.abc import Callable, Mapping

from pixelpipe.formats.color.heif import read_heif_color
from pixelpipe.formats.color.jpeg import read_jpeg_color
from pixelpipe.formats.color.png import read_png_color
from pixelpipe.formats.color.tags import UNTAGGED, ColorTags
from pixelpipe.formats.color.tiff import read_tiff_color
from pixelpipe.formats.color.webp import read_webp_color
from pixelpipe.formats.registry import Format

_READERS: Mapping[str, Callable[[memoryview], ColorTags]] = {
    Format.JPEG: read_jpeg_color,
    Format.PNG: read_png_color,
    Format.WEBP: read_webp_color,
    Format.AVIF: read_heif_color,
    Format.HEIC: read_heif_color,
    Format.TIFF: read_tiff_color,
}


def read_color_tags(data: memoryview, format: Format) -> ColorTags:  # noqa: A002 - its name everywhere
    """What a file says about its colours.

    Args:
        data: The whole file, as it came and not as the screen left it; only read.
        format: As the probe found it.

    Returns:
        What was found and is not broken: nothing here refuses a file. At most 4 MiB are copied.
    """
    reader = _READERS.get(format)
    return reader(data) if reader else UNTAGGED
