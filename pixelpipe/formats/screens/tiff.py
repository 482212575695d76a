"""TIFF: the first directory, and where it says that the pixels lie.

After TIFF 6.0. OpenCV has libtiff count all directories, which may run in circles, and load every
tag that it knows, each of which may be as long as the file. Pillow follows directories of metadata
as well, and both turn the picture.
"""

import re
from dataclasses import dataclass
from itertools import islice
from struct import Struct, error, unpack_from

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete

_WIDTH, _LENGTH, _COMPRESSION, _SAMPLES, _PLANES = 256, 257, 259, 277, 284
_STRIP_OFFSETS, _STRIP_ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_STRIPS = frozenset({_STRIP_OFFSETS, _STRIP_ROWS, _STRIP_BYTES})
_TILES = frozenset({_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES})
_OTHERS = frozenset(
    {_WIDTH, _LENGTH, _COMPRESSION, _SAMPLES, _PLANES, _BITS_PER_SAMPLE, _PHOTOMETRIC}
)
_LAYOUT = _STRIPS | _TILES | _OTHERS
# What codecs need beside it: fax options and the order of bits, predictor, palette, what samples
# are, JPEG tables, and what YCbCr and CIELab mean. Not the orientation: who decodes undoes it.
_DECODED = _LAYOUT | {266, 292, 293, 317, 318, 320, 332, 338, 339, 347, 529, 530, 531, 532}

_JPEG = 7
_SEPARATE_PLANES = 2
_ALL_ROWS = 0xFFFFFFFF

_NUMBER_CODES = {1: "B", 3: "H", 4: "I"}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_DIRECTORY_AT = 4
_ENTRY_BYTES = 12
_NEXT_BYTES = 4
_INLINE_BYTES = 4
_MAX_ENTRIES = 512

_MAX_PARTS = 1 << 16
_SPARE_PX = 1 << 24  # 64 MB in libtiff; a tile of a small picture may be larger than it
_SPARE_BYTES = 1 << 16
_SPARE_PARTS_BYTES = 1 << 24  # blank parts share one strip or tile
_START_OF_SCAN = re.compile(rb"\xff\xda")
_MAX_SCANS = 20


def screen_tiff(data: memoryview, _max_frames: int) -> memoryview:
    """Hand on the file with its first directory for its only one, and no metadata in it.

    Raises:
        DamagedImageError: Strips or tiles that do not lie in the file, are of no sensible size or
            far too many, or tags that take more room than the file has.
    """
    try:
        directory = _Directory(data)
        parts = _check_parts(directory, len(data))
        if directory.number(_COMPRESSION, 1) == _JPEG:
            _check_scans(data, parts)
        return directory.alone()
    except error:
        raise incomplete(Format.TIFF) from None


@dataclass(frozen=True, slots=True)
class _Value:
    """What an entry has: so many numbers of a struct code at an offset."""

    code: str
    count: int
    at: int


class _Directory:
    """The first directory; a struct.error says that the file ends too early."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._order = "<" if bytes(data[:2]) == b"II" else ">"
        (self._at,) = unpack_from(self._order + "I", data, _DIRECTORY_AT)
        (self._count,) = unpack_from(self._order + "H", data, self._at)
        if self._count > _MAX_ENTRIES:
            raise damaged(Format.TIFF, f"its directory has {self._count} entries")
        self.values: dict[int, _Value] = {}
        self._read(Struct(self._order + "HHI"))

    def number(self, tag: int, default: int | None = None) -> int:
        """The first number of a tag, or the default if the file has no such tag."""
        if tag not in self.values and default is not None:
            return default
        return self.numbers(tag, 1)[0]

    def numbers(self, tag: int, count: int) -> tuple[int, ...]:
        """The first `count` numbers of a tag.

        Raises:
            DamagedImageError: The file has no such tag, or it has fewer.
        """
        value = self.values.get(tag)
        if value is None or value.count < count:
            raise damaged(Format.TIFF, f"tag {tag} does not have the {count} values that it needs")
        return unpack_from(f"{self._order}{count}{value.code}", self._data, value.at)

    def alone(self) -> memoryview:
        """The file with none but this directory, and in it only what decoding needs."""
        first = self._at + 2
        behind = first + self._count * _ENTRY_BYTES
        entries = [self._data[at : at + _ENTRY_BYTES] for at in range(first, behind, _ENTRY_BYTES)]
        tags = Struct(self._order + "H")
        kept = [entry for entry in entries if tags.unpack_from(entry)[0] in _DECODED]
        if len(kept) == len(entries) and self._data[behind : behind + _NEXT_BYTES] == bytes(4):
            return self._data
        rest = self._data[min(behind + _NEXT_BYTES, len(self._data)) :]
        spare = bytes((len(entries) - len(kept)) * _ENTRY_BYTES + _NEXT_BYTES)
        return memoryview(
            b"".join([self._data[: self._at], tags.pack(len(kept)), *kept, spare, rest])
        )

    def _read(self, layout: Struct) -> None:
        loaded_bytes = 0
        first = self._at + 2
        for at in range(first, first + self._count * _ENTRY_BYTES, _ENTRY_BYTES):
            tag, kind, count = layout.unpack_from(self._data, at)
            value_bytes = _TYPE_BYTES.get(kind, 1) * count
            loaded_bytes += min(value_bytes, len(self._data))
            value_at = at + layout.size
            if value_bytes > _INLINE_BYTES:
                (value_at,) = unpack_from(self._order + "I", self._data, value_at)
            if tag in _LAYOUT:
                self._keep(tag, kind, count, value_at)
        if loaded_bytes > len(self._data) + _SPARE_BYTES:
            raise damaged(Format.TIFF, "its tags take more room than it has")

    def _keep(self, tag: int, kind: int, count: int, at: int) -> None:
        # Which of two counts, and what a number of another type is, is for each reader to choose:
        # the limits would be checked against one and memory taken for the other.
        if tag in self.values or kind not in _NUMBER_CODES:
            raise damaged(Format.TIFF, f"tag {tag} comes twice, or is no whole number")
        self.values[tag] = _Value(_NUMBER_CODES[kind], count, at)


def _check_parts(directory: _Directory, file_bytes: int) -> int:
    """Check how the picture is cut into strips or tiles, and where they are; returns how many."""
    width, height = directory.number(_WIDTH), directory.number(_LENGTH)
    tiled = not directory.values.keys().isdisjoint(_TILES)
    if tiled and not directory.values.keys().isdisjoint(_STRIPS):
        raise damaged(Format.TIFF, "it has both strips and tiles")
    if tiled:
        across, down = directory.number(_TILE_WIDTH), directory.number(_TILE_LENGTH)
    else:
        rows = directory.number(_STRIP_ROWS, _ALL_ROWS)
        across, down = width, height if rows == _ALL_ROWS else rows
    parts = _parts(width, height, across, down)
    if directory.number(_PLANES, 1) == _SEPARATE_PLANES:
        parts *= directory.number(_SAMPLES, 1)
    if parts > _MAX_PARTS:
        raise damaged(Format.TIFF, f"it is cut into {parts} parts; {_MAX_PARTS} are allowed")
    offsets = directory.numbers(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, parts)
    _check_places(offsets, _sizes(directory, offsets, file_bytes, tiled=tiled), file_bytes)
    return parts


def _parts(width: int, height: int, across: int, down: int) -> int:
    """How many parts of `across` by `down` pixels cover a plane of the picture."""
    if not (across and down):
        raise damaged(Format.TIFF, "it is cut into parts without pixels")
    parts = -(-width // across) * -(-height // down)
    if parts * across * down > 4 * width * height + _SPARE_PX:
        raise damaged(Format.TIFF, f"its parts of {across}x{down} px are far larger than it")
    return parts


def _sizes(
    directory: _Directory, offsets: tuple[int, ...], file_bytes: int, *, tiled: bool
) -> tuple[int, ...]:
    tag = _TILE_BYTES if tiled else _STRIP_BYTES
    if tag not in directory.values:
        # Left out by writers of the eighties, where one strip takes the rest of the file.
        return tuple(file_bytes - offset for offset in offsets)
    return directory.numbers(tag, len(offsets))


def _check_places(offsets: tuple[int, ...], sizes: tuple[int, ...], file_bytes: int) -> None:
    ends = map(sum, zip(offsets, sizes, strict=True))
    if max(ends, default=0) > file_bytes or min(sizes, default=0) < 0:
        raise incomplete(Format.TIFF)
    if sum(sizes) > 2 * file_bytes + _SPARE_PARTS_BYTES:
        raise damaged(Format.TIFF, "its strips or tiles take more room than it has")


def _check_scans(data: memoryview, parts: int) -> None:
    """Refuse JPEG data with far more scans than anybody writes."""
    most = parts * _MAX_SCANS + _MAX_SCANS
    if sum(1 for _ in islice(_START_OF_SCAN.finditer(data), most + 1)) > most:
        raise damaged(Format.TIFF, f"its JPEG data have more than {most} scans")
