"""BMP: the bitmap header in its sizes from OS/2 to version 5.

After the Windows GDI documentation (BITMAPCOREHEADER, BITMAPINFOHEADER, BITMAPV4HEADER,
BITMAPV5HEADER).
"""

from dataclasses import dataclass
from struct import Struct

from pixelpipe.formats.exif import UPRIGHT
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_OFFSETS = Struct("<II")  # of the pixels; size of the header
_OFFSETS_AT = 10
_FIELDS_AT = 18
_CORE_FIELDS = Struct("<HH2xH")
_INFO_FIELDS = Struct("<ii2xHI")
_MASKS = Struct("<III")
_MASKS_AT = 54
_ALPHA_MASK = Struct("<I")
_ALPHA_MASK_AT = 66

_CORE_BYTES, _INFO_BYTES, _MASKED_BYTES = 12, 40, 56
_RGB, _RLE8, _RLE4, _BITFIELDS = 0, 1, 2, 3
_BITS_PER_PIXEL = (1, 4, 8, 16, 24, 32)
_MASKED_BITS = (16, 32)
_WORD_BITS = 16
_RGB555 = (0x7C00, 0x03E0, 0x001F)


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """A bitmap's header.

    Attributes:
        pixels_at: Where the pixels begin, in bytes.
        width: In pixels; below 0 in a broken file.
        height: In pixels; below 0 where the first row is the top one.
        bits: By pixel.
        masks: Which bits of a pixel are red, green, blue and alpha; empty but for bit fields and
            16 bits. 0 stands for none.
    """

    pixels_at: int
    width: int
    height: int
    bits: int
    masks: tuple[int, ...]


def read_bmp(reader: Reader) -> SourceInfo:
    """Read size, and whether a mask declares alpha.

    Raises:
        UnsupportedFormatError: A compression other than none, RLE and bit fields.
        DamagedImageError: A header size or bits per pixel that no BMP has.
    """
    header = bmp_header(reader)
    return SourceInfo(
        format=Format.BMP,
        stored_width=header.width,
        stored_height=abs(header.height),
        channels=4 if any(header.masks[3:]) else 3,
        bit_depth=5 if header.bits == _WORD_BITS else 8,
        orientation=UPRIGHT,
    )


def bmp_header(reader: Reader) -> BmpHeader:
    """Read the header.

    Raises:
        UnsupportedFormatError: As `read_bmp`.
        DamagedImageError: Likewise.
    """
    pixels_at, size = reader.unpack(_OFFSETS, _OFFSETS_AT)
    if size == _CORE_BYTES:
        width, height, bits = reader.unpack(_CORE_FIELDS, _FIELDS_AT)
        compression = _RGB
    elif size >= _INFO_BYTES:
        width, height, bits, compression = reader.unpack(_INFO_FIELDS, _FIELDS_AT)
    else:
        raise reader.damaged(f"its header is {size} bytes; 12 and at least 40 are allowed")
    if compression not in {_RGB, _RLE8, _RLE4, _BITFIELDS}:
        raise not_accepted(f"A BMP of compression {compression}", "none, RLE and bit fields are")
    if width < 0 or bits not in _BITS_PER_PIXEL:
        raise reader.damaged(f"a width of {width} px with {bits} bits per pixel is not allowed")
    masks: tuple[int, ...] = ()
    if compression == _BITFIELDS and bits in _MASKED_BITS:
        masks = tuple(mask & (1 << bits) - 1 for mask in _masks(reader, size))
    elif bits == _WORD_BITS:
        masks = _RGB555
    return BmpHeader(pixels_at, width, height, bits, masks)


def _masks(reader: Reader, header_bytes: int) -> tuple[int, ...]:
    """Those of red, green and blue lie behind the shortest header, and in the longer ones."""
    colours: tuple[int, ...] = reader.unpack(_MASKS, _MASKS_AT)
    if header_bytes < _MASKED_BYTES:
        return colours
    return colours + reader.unpack(_ALPHA_MASK, _ALPHA_MASK_AT)
