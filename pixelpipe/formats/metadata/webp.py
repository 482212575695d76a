"""WebP: the EXIF and XMP chunks of an extended file (WebP container specification)."""

from struct import Struct

from pixelpipe.formats.metadata.blocks import Blocks, bounded, exif_block

_CHUNK = Struct("<4sI")
_FIRST_CHUNK_AT = 12
_MAX_CHUNKS = 1 << 16


def read_webp_blocks(data: memoryview) -> Blocks:
    """The first of each kind; what is broken ends the walk."""
    exif = xmp = b""
    at = _FIRST_CHUNK_AT
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK.size > len(data):
            break
        kind, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if at + size > len(data):
            break
        if kind == b"EXIF" and not exif:
            exif = exif_block(data[at : at + size])
        elif kind == b"XMP " and not xmp:
            xmp = bounded(data[at : at + size])
        at += size + size % 2
    return Blocks(exif, xmp)
