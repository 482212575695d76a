"""HEIC: the properties of the primary item.

After ISO/IEC 23008-12, annex B: HEVC in the items of HEIF.
"""

from pixelpipe.formats.heif import Coding, read_still
from pixelpipe.formats.hevc import read_planes
from pixelpipe.formats.isobmff import find
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import check_installed
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_CODING = Coding(Format.HEIC, b"hvcC", read_planes, range(8, 17), turns_in_order=True)


def read_heic(reader: Reader) -> SourceInfo:
    """Read the primary item; see `read_still`.

    Raises:
        UnsupportedFormatError: The extra for HEIC is not installed.
        DamagedImageError: A box that is needed is missing or broken.
    """
    check_installed(Format.HEIC)
    return read_still(reader, find(reader, b"meta"), _CODING)
