"""BMP: the bitmap header in its sizes from OS/2 to version 5.

After the Windows GDI documentation (BITMAPCOREHEADER, BITMAPINFOHEADER, BITMAPV4HEADER,
BITMAPV5HEADER).
"""

from struct import Struct

from pixelpipe.formats.exif import UPRIGHT
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_HEADER_SIZE = Struct("<I")
_HEADER_AT = 14
_FIELDS_AT = 18
_CORE_FIELDS = Struct("<HH2xH")
_INFO_FIELDS = Struct("<ii2xHI")
_ALPHA_MASK = Struct("<I")
_ALPHA_MASK_AT = 66

_CORE_BYTES, _INFO_BYTES, _MASKED_BYTES = 12, 40, 56
_RGB, _RLE8, _RLE4, _BITFIELDS = 0, 1, 2, 3
_BITS_PER_PIXEL = (1, 4, 8, 16, 24, 32)
_RGB555_BITS, _BGRA_BITS = 16, 32


def read_bmp(reader: Reader) -> SourceInfo:
    """Read size, and whether a mask declares alpha (32 bits per pixel only).

    Raises:
        UnsupportedFormatError: A compression other than none, RLE and bit fields.
        DamagedImageError: A header size or bits per pixel that no BMP has.
    """
    (size,) = reader.unpack(_HEADER_SIZE, _HEADER_AT)
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
    has_alpha = bits == _BGRA_BITS and compression == _BITFIELDS and _declares_alpha(reader, size)
    return SourceInfo(
        format=Format.BMP,
        stored_width=width,
        stored_height=abs(height),  # negative: stored from the top down
        channels=4 if has_alpha else 3,
        bit_depth=5 if bits == _RGB555_BITS else 8,
        orientation=UPRIGHT,
    )


def _declares_alpha(reader: Reader, header_bytes: int) -> bool:
    if header_bytes < _MASKED_BYTES:
        return False
    (mask,) = reader.unpack(_ALPHA_MASK, _ALPHA_MASK_AT)
    return bool(mask)
