"""The orientation that an EXIF block gives."""

from collections.abc import Mapping

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.ifd import first_values
from pixelpipe.formats.reader import Reader

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION_TAG = 274
UPRIGHT = 1
_ORIENTATIONS = range(1, 9)


def stored_orientation(tags: Mapping[int, int]) -> int:
    """The orientation among a directory's tags; upright unless it is 1 to 8."""
    value = tags.get(ORIENTATION_TAG, UPRIGHT)
    return value if value in _ORIENTATIONS else UPRIGHT


def read_orientation(block: Reader) -> int:
    """The EXIF orientation, 1 to 8; 1 where the block has none, or is broken.

    Args:
        block: The block as a file stores it, with or without the `Exif` prefix of JPEG, which
            some writers put into WebP and PNG too.
    """
    try:
        if block.window(0, len(EXIF_PREFIX)) == EXIF_PREFIX:
            block = block.block(len(EXIF_PREFIX), block.size - len(EXIF_PREFIX), block.what)
        return stored_orientation(first_values(block, {ORIENTATION_TAG}))
    except DamagedImageError:
        # Every viewer shows a picture whose EXIF is broken. A budget that ran out here stays
        # spent: the next look at the file raises.
        return UPRIGHT
