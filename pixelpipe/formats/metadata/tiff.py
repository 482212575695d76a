"""TIFF: the first directory is EXIF's own; two of its tags hold XMP and IPTC (TIFF/EP)."""

from pixelpipe.formats.metadata.blocks import Blocks, bounded
from pixelpipe.formats.metadata.exif_block import IPTC, XMP, read_exif, write_exif


def read_tiff_blocks(data: memoryview) -> Blocks:
    """What the first directory says that is not about how the pixels are stored."""
    exif = read_exif(data)
    if exif is None:
        return Blocks()
    xmp, iptc = exif.main.pop(XMP, None), exif.main.pop(IPTC, None)
    # Where its maker's note lay is for the whole file, which is not kept.
    exif.note_at = 0
    return Blocks(
        bounded(write_exif(exif)),
        xmp.value if xmp else b"",
        iptc.value if iptc else b"",
    )
