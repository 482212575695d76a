"""The first image file directory (IFD) of a TIFF file or an EXIF block.

After TIFF 6.0, section 2: a header with byte order and the directory's offset, then entries of 12
bytes (tag, type, count, value or the value's offset).
"""

from collections.abc import Collection
from struct import Struct

from pixelpipe.formats.reader import Reader

_MAX_ENTRIES = 512
_ENTRY_BYTES = 12
_INLINE_BYTES = 4
_INTEGER_CODES = {1: "B", 3: "H", 4: "I"}
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


class _Layouts:
    """The directory's fields in one byte order."""

    def __init__(self, order: str) -> None:
        self.offset = Struct(order + "I")
        self.entry_count = Struct(order + "H")
        self.entry = Struct(order + "HHI")
        self.integers = {kind: Struct(order + code) for kind, code in _INTEGER_CODES.items()}


_LAYOUTS = {magic: _Layouts(order) for magic, order in _BYTE_ORDERS.items()}


def first_values(reader: Reader, wanted: Collection[int]) -> dict[int, int]:
    """The first value of each wanted tag that the first directory has as an integer.

    Args:
        reader: Starts at the TIFF header; offsets inside count from there.
        wanted: The tags to look for; of a tag that comes twice the first one counts.

    Raises:
        DamagedImageError: No TIFF header, more than 512 entries, or an offset past the end.
    """
    layouts = _LAYOUTS.get(reader.raw(0, 4))
    if layouts is None:
        raise reader.damaged("it does not begin with a TIFF header")
    (directory,) = reader.unpack(layouts.offset, 4)
    (count,) = reader.unpack(layouts.entry_count, directory)
    if count > _MAX_ENTRIES:
        raise reader.damaged(f"its directory has {count} entries; {_MAX_ENTRIES} are allowed")
    values: dict[int, int] = {}
    first_entry = directory + layouts.entry_count.size
    for at in range(first_entry, first_entry + count * _ENTRY_BYTES, _ENTRY_BYTES):
        tag, kind, length = reader.unpack(layouts.entry, at)
        if tag in wanted and tag not in values and kind in layouts.integers and length:
            values[tag] = _first_value(reader, layouts, kind, length, at + layouts.entry.size)
    return values


def _first_value(reader: Reader, layouts: _Layouts, kind: int, length: int, at: int) -> int:
    layout = layouts.integers[kind]
    if length * layout.size > _INLINE_BYTES:
        (at,) = reader.unpack(layouts.offset, at)
    (value,) = reader.unpack(layout, at)
    return int(value)
