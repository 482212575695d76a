"""BMP: the pixels against the file's size.

After the Windows GDI documentation (BITMAPCOREHEADER, BITMAPINFOHEADER and its successors).
"""

from struct import Struct, error

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete

_OFFSETS = Struct("<10xII")  # of the pixels; size of the header
_HEADER_AT = 14
_FIELDS_AT = 18
_CORE_FIELDS = Struct("<HH2xH")
_INFO_FIELDS = Struct("<ii2xHI12xI")
_CORE_BYTES = 12
_RLE8, _RLE4 = 1, 2
_RLE_BITS = {_RLE8: 8, _RLE4: 4}
_PALETTE_BITS = 8
_MOST_COLOURS = 256
# A run is two bytes for at most 255 pixels; small pictures may be left out by jumps.
_MAX_RUN_PX_PER_BYTE = 128
_SPARE_PX = 1 << 22


def screen_bmp(data: memoryview, _max_frames: int) -> memoryview:
    """Hand on the whole file, or refuse it.

    Raises:
        DamagedImageError: The pixels do not lie in the file, runs are too few for the picture, or
            a palette is too large.
    """
    try:
        pixels_at, header_bytes = _OFFSETS.unpack_from(data, 0)
        if header_bytes == _CORE_BYTES:
            width, height, bits = _CORE_FIELDS.unpack_from(data, _FIELDS_AT)
            compression = colours = 0
        else:
            width, height, bits, compression, colours = _INFO_FIELDS.unpack_from(data, _FIELDS_AT)
    except error:
        raise incomplete(Format.BMP) from None
    if pixels_at < _HEADER_AT + header_bytes:
        raise damaged(Format.BMP, f"its pixels at offset {pixels_at} overlap its header")
    if bits <= _PALETTE_BITS and colours > _MOST_COLOURS:
        raise damaged(Format.BMP, f"its palette has {colours} colours; {_MOST_COLOURS} are allowed")
    stored_bytes = len(data) - pixels_at
    if compression in _RLE_BITS:
        _check_runs(width * abs(height), stored_bytes, bits, compression)
    elif (width * bits + 31) // 32 * 4 * abs(height) > stored_bytes:
        raise incomplete(Format.BMP)
    return data


def _check_runs(pixels: int, stored_bytes: int, bits: int, compression: int) -> None:
    if bits != _RLE_BITS[compression]:
        raise damaged(Format.BMP, f"its runs are of pixels with {bits} bits")
    if stored_bytes <= 0 or pixels > stored_bytes * _MAX_RUN_PX_PER_BYTE + _SPARE_PX:
        raise incomplete(Format.BMP)
