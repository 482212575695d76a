"""The three blocks in which all formats keep their metadata."""

from dataclasses import dataclass

from pixelpipe.formats.exif import EXIF_PREFIX

MAX_BLOCK_BYTES = 256 << 10

_TIFF_HEADERS = (b"II*\0", b"MM\0*")


@dataclass(frozen=True, slots=True)
class Blocks:
    """As the file has them; each is empty where there is none.

    Attributes:
        exif: A TIFF structure, without the prefix that JPEG puts before it.
        xmp: The main packet; the extended one of JPEG is left out.
        iptc: IPTC-IIM data sets.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""


NO_BLOCKS = Blocks()


def bounded(block: bytes | memoryview) -> bytes:
    """The block; empty if it is larger than anybody writes."""
    return bytes(block) if len(block) <= MAX_BLOCK_BYTES else b""


def exif_block(block: bytes | memoryview) -> bytes:
    """The block from its TIFF header on; or nothing. Some writers put JPEG's prefix before it."""
    found = bounded(block).removeprefix(EXIF_PREFIX)
    return found if found.startswith(_TIFF_HEADERS) else b""
