"""The items of an AVIF or HEIC that a decoder decodes, and where their bytes lie.

After ISO/IEC 14496-12, 8.11 (`iinf`, `iloc`, `iref`) and ISO/IEC 23008-12, 6.6 (`grid`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from struct import Struct

from pixelpipe.formats.heif import Relations, primary_item, read_relations
from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, find
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete

_VERSION = Struct(">B3x")
_U16, _U32 = Struct(">H"), Struct(">I")
_INFO_TYPE_BYTES = 4
_FIELD_BYTES = (0, 4, 8)
_METADATA = frozenset({b"Exif", b"mime"})
_MAX_ITEMS = 1024
_MAX_TARGETS = 1 << 16
_MAX_EXTENTS = 1 << 16
_IN_FILE, _IN_META = 0, 1


@dataclass(slots=True)
class _Place:
    """Where an item's bytes lie: in the file or in its `idat` box."""

    method: int
    extents: list[tuple[int, int]]


class Items:
    """The items of a file.

    Args:
        data: The file.
        meta: Its `meta` box.
        source: Its format, for the errors.

    Raises:
        DamagedImageError: Far too many items or references, or broken ones.
    """

    def __init__(self, data: memoryview, meta: Reader, source: Format) -> None:
        self._data = data
        self._meta = meta
        self._source = source
        self.primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
        self.kinds = {item: kind for item, kind, _ in _kinds(meta, source)}
        self._read: dict[int, memoryview] = {}

    @cached_property
    def relations(self) -> Relations:
        """Which belong together."""
        return read_relations(self._meta, _MAX_TARGETS)

    def needed(self) -> set[int]:
        """The primary item, the parts that it is put together from, and the alpha of each."""
        found: set[int] = set()
        waiting = [self.primary]
        while waiting:
            item = waiting.pop()
            if item not in found:
                found.add(item)
                waiting += self.relations.parts.get(item, ())
                waiting += self.relations.auxiliaries.get(item, ())
        return found

    def coded(self, kind: bytes) -> Iterator[memoryview]:
        """The contents of each item of this type that has to be decoded for the picture.

        Raises:
            DamagedImageError: They do not lie in the file.
        """
        for item in sorted(self.needed()):
            if self.kinds.get(item) == kind and item in self._places:
                yield self.contents(item)

    def contents(self, item: int) -> memoryview:
        """The bytes of one item.

        Raises:
            DamagedImageError: It has none, or they do not lie in the file.
        """
        # A grid may have thousands of tiles that are the same item: one copy is enough.
        if item not in self._read:
            self._read[item] = self._contents(item)
        return self._read[item]

    def _contents(self, item: int) -> memoryview:
        place = self._places.get(item)
        if place is None:
            raise incomplete(self._source)
        if place.method not in {_IN_FILE, _IN_META} or not place.extents:
            raise incomplete(self._source)
        whole = self._data if place.method == _IN_FILE else self._box_of_data
        if any(end > len(whole) for _, end in place.extents):
            raise incomplete(self._source)
        slices = [whole[start:end] for start, end in place.extents]
        return slices[0] if len(slices) == 1 else memoryview(b"".join(slices))

    @cached_property
    def _box_of_data(self) -> memoryview:
        return find(self._meta, b"idat", FULL_BOX_HEADER_BYTES).memory

    @cached_property
    def _places(self) -> dict[int, _Place]:
        iloc = find(self._meta, b"iloc", FULL_BOX_HEADER_BYTES)
        return _Locations(iloc, len(self._data), self._source).places


def metadata_types(meta: Reader) -> Iterator[int]:
    """Where in the file the types of the items that hold EXIF and XMP are written.

    Raises:
        DamagedImageError: There are far too many items.
    """
    return (at for _, kind, at in _kinds(meta, Format.AVIF) if kind in _METADATA)


def metadata_contents(data: memoryview, meta: Reader) -> Iterator[tuple[bytes, memoryview]]:
    """Type and contents of each item that holds EXIF, or XMP among others.

    Raises:
        DamagedImageError: As `Items`.
    """
    items = Items(data, meta, Format.AVIF)
    for item, kind in items.kinds.items():
        if kind in _METADATA:
            yield kind, items.contents(item)


def _kinds(meta: Reader, source: Format) -> Iterator[tuple[int, bytes, int]]:
    """Number and type of each item, and where in the file the type is written."""
    iinf = find(meta, b"iinf", FULL_BOX_HEADER_BYTES)
    (version,) = iinf.unpack(_VERSION, 0)
    first = FULL_BOX_HEADER_BYTES + (_U32.size if version else _U16.size)
    for count, (kind, infe) in enumerate(boxes(iinf, first)):
        if count == _MAX_ITEMS:
            raise damaged(source, f"it has more than {_MAX_ITEMS} items")
        if kind == b"infe":
            (version,) = infe.unpack(_VERSION, 0)
            number = _U16 if version == 2 else _U32  # noqa: PLR2004 - the versions are 2 and 3
            (item,) = infe.unpack(number, FULL_BOX_HEADER_BYTES)
            at = FULL_BOX_HEADER_BYTES + number.size + _U16.size  # protection
            yield item, infe.raw(at, _INFO_TYPE_BYTES), infe.start + at


class _Locations:
    """The `iloc` box: where each item lies."""

    def __init__(self, iloc: Reader, file_bytes: int, source: Format) -> None:
        self.places: dict[int, _Place] = {}
        self._iloc = iloc
        self._extents = 0
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
            raise incomplete(source)  # More than there is, unless they lie upon each other.

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
        count = self._take(2)
        # Of no bytes each, thousands would take no more than their number.
        self._extents += count
        if self._extents > _MAX_EXTENTS:
            raise self._iloc.damaged(f"its items lie in more than {_MAX_EXTENTS} pieces")
        for _ in range(count):
            if self._version:
                self._take(self._index_bytes)
            start = base + self._take(self._offset_bytes)
            place.extents.append((start, start + self._take(self._length_bytes)))
        self.places.setdefault(item, place)
