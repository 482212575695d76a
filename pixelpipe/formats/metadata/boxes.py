"""AVIF and HEIC: items of type Exif and mime; JPEG XL: boxes of type Exif and xml.

After ISO/IEC 23008-12, annex A, and ISO/IEC 18181-2, 9.
"""

from collections.abc import Iterable

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.isobmff import boxes, find
from pixelpipe.formats.metadata.blocks import NO_BLOCKS, Blocks, bounded, exif_block
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.screens.heif_items import metadata_contents

_MAX_STEPS = 1 << 16
_OFFSET_BYTES = 4
_XMP_SIGN = b"http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"


def read_heif_blocks(data: memoryview) -> Blocks:
    """The first item of each kind."""
    try:
        meta = find(Reader(data, "file", Budget(_MAX_STEPS)), b"meta")
        return _first_of_each(metadata_contents(data, meta), b"mime")
    except DamagedImageError:
        return NO_BLOCKS  # whether that matters is for the screen to say


def read_jxl_blocks(data: memoryview) -> Blocks:
    """The first box of each kind; those that are compressed are left out."""
    if bytes(data[: len(_CONTAINER)]) != _CONTAINER:
        return NO_BLOCKS
    try:
        found = boxes(Reader(data, "file", Budget(_MAX_STEPS)))
        parts = [(kind, box.raw(0, box.size)) for kind, box in found if kind in {b"Exif", b"xml "}]
        return _first_of_each(parts, b"xml ")
    except DamagedImageError:
        return NO_BLOCKS


def _first_of_each(parts: Iterable[tuple[bytes, bytes | memoryview]], xmp_kind: bytes) -> Blocks:
    exif = xmp = b""
    for kind, contents in parts:
        body = bounded(contents)
        if kind == b"Exif" and not exif:
            # Before it stands how far behind that the TIFF header is; some writers forget that.
            skipped = int.from_bytes(body[:_OFFSET_BYTES])
            exif = exif_block(body) or exif_block(body[_OFFSET_BYTES + skipped :])
        elif kind == xmp_kind and not xmp and _XMP_SIGN in body:
            xmp = body
    return Blocks(exif, xmp)
