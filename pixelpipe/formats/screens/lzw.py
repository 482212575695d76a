"""How often the pixel data of a GIF tell the decoder to begin with an empty table.

OpenCV takes 7 us for each time: 100 KB of nothing else take it two seconds. Where codes lie does
not depend on what they are: the first `2**bits - 1` codes after a reset have `bits + 1` bits, the
next `2**(bits + 1)` one more, and so on up to 12. So the codes of one width are looked at together,
as the fields of one long integer.
"""

from functools import cache

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged

_WIDEST_BITS = 12
_WIDEST_CODES = 4096
_BYTE_BITS = 8
# 0.4 s. A full table is begun anew after 4,000 codes; those that write no table at all (to avoid a
# patent, once) begin anew after 254.
_MAX_RESETS = 1 << 16


def check_resets(data: bytearray, code_bits: int) -> None:
    """Refuse data with more than 65,536 resets.

    Args:
        data: The codes.
        code_bits: Bits of a pixel, 2 to 8; codes have one more at first.

    Raises:
        DamagedImageError: There are more.
    """
    end = len(data) * _BYTE_BITS
    if end // (code_bits + 1) <= _MAX_RESETS:
        return
    resets = at = 0
    while at < end:
        at = _behind_reset(data, at, code_bits)
        resets += 1
        if resets > _MAX_RESETS:
            raise damaged(Format.GIF, "its pixel data begin anew far too often")


def _behind_reset(data: bytearray, at: int, code_bits: int) -> int:
    """The bit behind the next code that is a reset or an end, or behind the data."""
    width, count = code_bits + 1, (1 << code_bits) - 1
    end = len(data) * _BYTE_BITS
    while at < end:
        fields = int.from_bytes(data[at // 8 : (at + width * count) // 8 + 1], "little") >> at % 8
        place = _first_reset(fields, width, count, 1 << code_bits)
        if place is not None:
            return at + (place + 1) * width
        at += width * count
        count = 1 << width if width + 1 < _WIDEST_BITS else _WIDEST_CODES
        width = min(width + 1, _WIDEST_BITS)
    return at


def _first_reset(fields: int, width: int, count: int, clear: int) -> int | None:
    """The number of the first field that is `clear` or one more (the end), if any is."""
    ones = _ones(width, count)
    tops = ones << width - 1
    # Zero where a field is one of the two; then the lowest zero field, the only one that borrows
    # from above without being larger.
    others = (fields ^ ones * clear) & ~ones
    zeros = (others - ones) & ~others & tops
    return None if zeros <= 0 else ((zeros & -zeros).bit_length() - 1) // width


@cache
def _ones(width: int, count: int) -> int:
    """A 1 in each of `count` fields of `width` bits."""
    return ((1 << width * count) - 1) // ((1 << width) - 1)
