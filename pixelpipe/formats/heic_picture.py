"""HEIC: the coded pictures that a picture is put together from, and how.

After ISO/IEC 23008-12, 6.6.2.3 (`grid`) and 6.4 (auxiliary and premultiplied images).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from pixelpipe.formats.heif import (
    Aperture,
    Properties,
    aperture,
    is_alpha,
    property_lists,
    stored_size,
)
from pixelpipe.formats.hevc import Configuration, picture_units, read_configuration
from pixelpipe.formats.isobmff import find
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged, incomplete
from pixelpipe.formats.screens.heif_items import Items

_MAX_STEPS = 1 << 16
_MAX_TILES = 1024
_CODED, _GRID = b"hvc1", b"grid"
_GRID_SHAPE = Struct(">xBBB")
_GRID_SIDES, _WIDE_GRID_SIDES = Struct(">HH"), Struct(">II")
_WIDE_FLAG = 0x01
_CODE_POINTS = Struct(">4xHHHB")
_CODED_TYPE = b"nclx"
_FULL_RANGE = 0x80


@dataclass(frozen=True, slots=True)
class Coding:
    """How samples stand for colours.

    Attributes:
        matrix: The matrix coefficients of ITU-T H.273.
        full_range: Whether black is 0 and white the highest level; otherwise as in video.
    """

    matrix: int
    full_range: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """A coded picture: the units that a decoder is given, parameter sets first."""

    configuration: Configuration
    sample: memoryview

    def units(self) -> Iterator[bytes | memoryview]:
        """In their order.

        Raises:
            DamagedImageError: They do not lie in the item.
        """
        yield from self.configuration.sets
        try:
            yield from picture_units(self.sample, self.configuration.length_bytes)
        except ValueError as error:
            raise incomplete(Format.HEIC) from error


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Tiles side by side, cut off at the right and the bottom.

    Attributes:
        width: In pixels.
        height: In pixels.
        columns: Tiles in each row.
        tiles: Row by row; of a picture that is no grid one.
        coding: None where the file leaves it to the tiles.
    """

    width: int
    height: int
    columns: int
    tiles: tuple[Tile, ...]
    coding: Coding | None


@dataclass(frozen=True, slots=True)
class HeicPicture:
    """What is to be decoded for a picture.

    Attributes:
        color: Its colours.
        alpha: The same for alpha, which may be of another size; None for none.
        premultiplied: Whether colours are multiplied by alpha.
        shown: The part of it that is shown.
    """

    color: Mosaic
    alpha: Mosaic | None
    premultiplied: bool
    shown: Aperture


def read_picture(data: memoryview) -> HeicPicture:
    """What is to be decoded.

    Raises:
        UnsupportedFormatError: A picture that is neither coded by HEVC nor a grid.
        DamagedImageError: What is needed is missing or broken.
    """
    meta = find(Reader(data, "HEIC file", Budget(_MAX_STEPS)), b"meta")
    return _Assembly(data, meta).picture()


class _Assembly:
    """Looks items up; a configuration that many tiles share is read once."""

    def __init__(self, data: memoryview, meta: Reader) -> None:
        self._meta = meta
        self._items = Items(data, meta, Format.HEIC)
        self._properties = property_lists(meta, self._items.needed())
        self._configurations: dict[int, Configuration] = {}

    def picture(self) -> HeicPicture:
        primary, relations = self._items.primary, self._items.relations
        if self._items.kinds.get(primary) not in {_CODED, _GRID}:
            raise not_accepted("This kind of HEIC", "a picture in HEVC is, and a grid of them")
        color = self._mosaic(primary)
        return HeicPicture(
            color=color,
            alpha=self._alpha(color),
            premultiplied=primary in relations.premultiplied,
            shown=aperture(self._own(primary), color.width, color.height),
        )

    def _own(self, item: int) -> Properties:
        return dict(self._properties.get(item, ()))

    def _mosaic(self, item: int) -> Mosaic:
        width, height = stored_size(self._meta, self._own(item))
        if self._items.kinds.get(item) != _GRID:
            return Mosaic(width, height, 1, (self._tile(item),), self._coding(item))
        plan = bytes(self._items.contents(item))
        sides = _WIDE_GRID_SIDES if plan[1:2] and plan[1] & _WIDE_FLAG else _GRID_SIDES
        if len(plan) < _GRID_SHAPE.size + sides.size:
            raise incomplete(Format.HEIC)
        _, rows, columns = _GRID_SHAPE.unpack_from(plan)
        if sides.unpack_from(plan, _GRID_SHAPE.size) != (width, height):
            raise damaged(Format.HEIC, "its grid is not of the size that it says")
        parts = self._items.relations.parts.get(item, [])
        if len(parts) != (rows + 1) * (columns + 1) or len(parts) > _MAX_TILES:
            raise damaged(Format.HEIC, f"its grid has {len(parts)} tiles")
        tiles = tuple(map(self._tile, parts))
        return Mosaic(width, height, columns + 1, tiles, self._coding(item, parts[0]))

    def _alpha(self, color: Mosaic) -> Mosaic | None:
        """That of the whole, or else of each of its tiles."""
        primary, relations = self._items.primary, self._items.relations
        for item in self._alphas(primary):
            return self._mosaic(item)
        of_parts = [self._alphas(part) for part in relations.parts.get(primary, ())]
        if not (of_parts and all(of_parts)):
            return None
        tiles = tuple(self._tile(items[0]) for items in of_parts)
        return Mosaic(color.width, color.height, color.columns, tiles, None)

    def _alphas(self, item: int) -> list[int]:
        auxiliaries = self._items.relations.auxiliaries.get(item, ())
        return [other for other in auxiliaries if is_alpha(self._own(other))]

    def _tile(self, item: int) -> Tile:
        own = self._own(item)
        if self._items.kinds.get(item) != _CODED or b"hvcC" not in own:
            raise damaged(Format.HEIC, "a part of its picture is not coded by HEVC")
        hvcc = own[b"hvcC"]
        if hvcc.start not in self._configurations:
            self._configurations[hvcc.start] = read_configuration(hvcc)
        return Tile(self._configurations[hvcc.start], self._items.contents(item))

    def _coding(self, *items: int) -> Coding | None:
        """As the first of the items that says it does."""
        for item in items:
            for kind, body in self._properties.get(item, ()):
                if kind == b"colr" and body.window(0, _CODE_POINTS.size)[:4] == _CODED_TYPE:
                    if body.size < _CODE_POINTS.size:
                        return None
                    *_, matrix, flags = body.unpack(_CODE_POINTS, 0)
                    return Coding(matrix, bool(flags & _FULL_RANGE))
        return None
