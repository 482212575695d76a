"""All kinds of hostile files."""

from tests.hostile import (
    apng_kinds,
    avif_kinds,
    bmp_kinds,
    gif_kinds,
    heic_kinds,
    jpeg_kinds,
    jxl_kinds,
    large_kinds,
    other_kinds,
    png_kinds,
    tiff_kinds,
    webp_kinds,
)
from tests.hostile.kind import Kind

_MODULES = (
    jpeg_kinds,
    png_kinds,
    apng_kinds,
    webp_kinds,
    gif_kinds,
    avif_kinds,
    tiff_kinds,
    bmp_kinds,
    heic_kinds,
    jxl_kinds,
    large_kinds,
    other_kinds,
)

KINDS: dict[str, Kind] = {kind.name: kind for module in _MODULES for kind in module.KINDS}
