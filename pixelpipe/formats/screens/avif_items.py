"""The items of an AVIF that a decoder decodes, and where their bytes lie.

After ISO/IEC 14496-12, 8.11 (`iinf`, `iloc`, `iref`) and ISO/IEC 23008-12, 6.6 (`grid`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from pixelpipe.formats.avif import primary_item
from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, find
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete

_VERSION = Struct(">B3x")
_U16, _U32 = Struct(">H"), Struct(">I")
_INFO_TYPE_BYTES = 4
_FIELD_BYTES = (0, 4, 8)
_CODED = b"av01"
_METADATA = frozenset({b"Exif", b"mime"})
_CELL, _AUXILIARY = b"dimg", b"auxl"
_MAX_ITEMS = 1024
_MAX_TARGETS = 1 << 16
_IN_FILE, _IN_META = 0, 1


@dataclass(slots=True)
class _Place:
    """Where an item's bytes lie: in the file or in its `idat` box."""

    method: int
    extents: list[tuple[int, int]]


def coded_items(data: memoryview, meta: Reader) -> Iterator[memoryview]:
    """The contents of each item that has to be decoded for the picture.

    Args:
        data: The file.
        meta: Its `meta` box.

    Raises:
        DamagedImageError: Items that do not lie in the file, or far too many.
    """
    primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
    kinds = {item: kind for item, kind, _ in _kinds(meta)}
    places = _Locations(find(meta, b"iloc", FULL_BOX_HEADER_BYTES), len(data)).places
    for item in sorted(_needed(meta, primary)):
        if kinds.get(item) == _CODED and item in places:
            yield _contents(data, meta, places[item])


def metadata_types(meta: Reader) -> Iterator[int]:
    """Where in the file the types of the items that hold EXIF and XMP are written.

    Raises:
        DamagedImageError: There are far too many items.
    """
    return (at for _, kind, at in _kinds(meta) if kind in _METADATA)


def _needed(meta: Reader, primary: int) -> set[int]:
    """The primary item, the cells that it is put together from, and the alpha of each."""
    made_of: dict[int, set[int]] = {}
    targets_left = _MAX_TARGETS
    for kind, source, targets in _references(meta):
        targets_left -= len(targets)
        if targets_left < 0:
            raise damaged(Format.AVIF, f"its items refer to more than {_MAX_TARGETS} others")
        if kind == _CELL:
            made_of.setdefault(source, set()).update(targets)
        elif kind == _AUXILIARY:
            for target in targets:
                made_of.setdefault(target, set()).add(source)
    needed: set[int] = set()
    waiting = [primary]
    while waiting:
        item = waiting.pop()
        if item not in needed:
            needed.add(item)
            waiting += made_of.get(item, ())
    return needed


def _references(meta: Reader) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """Type, item and targets of each reference that matters."""
    for kind, iref in boxes(meta, FULL_BOX_HEADER_BYTES):
        if kind != b"iref":
            continue
        (version,) = iref.unpack(_VERSION, 0)
        number = _U32 if version else _U16
        for reference, body in boxes(iref, FULL_BOX_HEADER_BYTES):
            if reference in {_CELL, _AUXILIARY}:
                (item,) = body.unpack(number, 0)
                (count,) = body.unpack(_U16, number.size)
                targets = Struct(f">{count}{'I' if version else 'H'}")
                yield reference, item, body.unpack(targets, number.size + _U16.size)


def _kinds(meta: Reader) -> Iterator[tuple[int, bytes, int]]:
    """Number and type of each item, and where in the file the type is written."""
    iinf = find(meta, b"iinf", FULL_BOX_HEADER_BYTES)
    (version,) = iinf.unpack(_VERSION, 0)
    first = FULL_BOX_HEADER_BYTES + (_U32.size if version else _U16.size)
    for count, (kind, infe) in enumerate(boxes(iinf, first)):
        if count == _MAX_ITEMS:
            raise damaged(Format.AVIF, f"it has more than {_MAX_ITEMS} items")
        if kind == b"infe":
            (version,) = infe.unpack(_VERSION, 0)
            number = _U16 if version == 2 else _U32  # noqa: PLR2004 - the versions are 2 and 3
            (item,) = infe.unpack(number, FULL_BOX_HEADER_BYTES)
            at = FULL_BOX_HEADER_BYTES + number.size + _U16.size  # protection
            yield item, infe.raw(at, _INFO_TYPE_BYTES), infe.start + at


class _Locations:
    """The `iloc` box: where each item lies."""

    def __init__(self, iloc: Reader, file_bytes: int) -> None:
        self.places: dict[int, _Place] = {}
        self._iloc = iloc
        (self._version,) = iloc.unpack(_VERSION, 0)
        self._at = FULL_BOX_HEADER_BYTES
        sizes = self._take(2)
        fields = [sizes >> shift & 15 for shift in (12, 8, 4, 0)]
        if any(field not in _FIELD_BYTES for field in fields):
            raise iloc.damaged("its item locations have fields of no allowed size")
        self._offset_bytes, self._length_bytes, self._base_bytes, self._index_bytes = fields
        wide = self._version >= 2  # noqa: PLR2004 - from version 2 on, numbers have 4 bytes
        self._number_bytes = 4 if wide else 2
        for _ in range(self._take(self._number_bytes)):
            self._read_item()
        # Items of several extents are put together, each in memory of its own.
        scattered = [place.extents for place in self.places.values() if len(place.extents) > 1]
        if sum(end - start for extents in scattered for start, end in extents) > 2 * file_bytes:
            raise incomplete(Format.AVIF)  # More than there is, unless they lie upon each other.

    def _take(self, size: int) -> int:
        if not size:
            return 0
        value = int.from_bytes(self._iloc.raw(self._at, size))
        self._at += size
        return value

    def _read_item(self) -> None:
        item = self._take(self._number_bytes)
        method = self._take(2) & 15 if self._version else _IN_FILE
        self._take(2)  # data reference
        base = self._take(self._base_bytes)
        place = _Place(method, [])
        for _ in range(self._take(2)):
            if self._version:
                self._take(self._index_bytes)
            start = base + self._take(self._offset_bytes)
            place.extents.append((start, start + self._take(self._length_bytes)))
        self.places.setdefault(item, place)


def _contents(data: memoryview, meta: Reader, place: _Place) -> memoryview:
    if place.method == _IN_META:
        idat = find(meta, b"idat", FULL_BOX_HEADER_BYTES)
        return memoryview(b"".join(idat.raw(start, end - start) for start, end in place.extents))
    if place.method != _IN_FILE or any(end > len(data) for _, end in place.extents):
        raise incomplete(Format.AVIF)
    parts = [data[start:end] for start, end in place.extents]
    return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
