"""The items of HEIF, which AVIF and HEIC share: their properties, and what those say of a picture.

After ISO/IEC 23008-12 (HEIF) and ISO/IEC 23000-22 (MIAF). EXIF orientation is ignored there: `irot`
and `imir` say how the picture is turned, after `clap` has said which part of it is shown.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from struct import Struct
from typing import NamedTuple

from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, find
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

Properties = dict[bytes, Reader]

PART, AUXILIARY, PREMULTIPLIED = b"dimg", b"auxl", b"prem"

_ALPHA_URNS = (
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
)
_VERSION_AND_FLAGS = Struct(">B2xB")
_U8, _U16, _U32 = Struct(">B"), Struct(">H"), Struct(">I")
_ENTRY, _WIDE_ENTRY = Struct(">HB"), Struct(">IB")
_SIDES = Struct(">II")
_PLANES = Struct(">BB")
_APERTURE = Struct(">IIIIiIiI")
_WIDE_INDEX_FLAG = 0x01
_MOST_TARGETS = 1 << 13

# EXIF orientation by quarter turns counter-clockwise (irot), then by the mirror (imir): none,
# top and bottom exchanged (axis 0), left and right exchanged (axis 1).
_ORIENTATIONS = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


class Aperture(NamedTuple):
    """The part of a stored picture that is shown, in whole pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Relations:
    """How items refer to each other.

    Attributes:
        parts: The items that an item is put together from, in order.
        auxiliaries: The items that say more of an item: alpha, depth, gain maps.
        premultiplied: Items whose colours are multiplied by their alpha.
    """

    parts: dict[int, list[int]] = field(default_factory=dict)
    auxiliaries: dict[int, list[int]] = field(default_factory=dict)
    premultiplied: set[int] = field(default_factory=set)

    def first_part(self, item: int) -> int:
        """The first of the items that it is put together from; itself if it is not."""
        return next(iter(self.parts.get(item, ())), item)

    def close_to(self, item: int) -> set[int]:
        """It and its first part, with what says more of them."""
        both = (item, self.first_part(item))
        return {*both, *(other for one in both for other in self.auxiliaries.get(one, ()))}


@dataclass(frozen=True, slots=True)
class Coding:
    """How the pictures of a format are coded.

    Attributes:
        format: The format.
        configuration: The type of the property that has the decoder's configuration.
        planes: Channels (1 or 3) and bits of the colour planes, out of that property.
        depths: The bits that are read.
        turns_in_order: Whether mirror and turn are done in the order in which they are listed.
    """

    format: Format
    configuration: bytes
    planes: Callable[[Reader], tuple[int, int]]
    depths: Collection[int]
    turns_in_order: bool


def read_still(reader: Reader, meta: Reader, coding: Coding) -> SourceInfo:
    """Read size, depth, alpha and orientation of the primary item, a `grid` included.

    Raises:
        DamagedImageError: A box that is needed is missing or broken.
    """
    primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
    relations = read_relations(meta, _MOST_TARGETS)
    lists = property_lists(meta, relations.close_to(primary))
    properties = {item: dict(each) for item, each in lists.items()}
    own = properties.get(primary, {})
    cut = aperture(own, *stored_size(reader, own))
    part = properties.get(relations.first_part(primary), {})
    planes, bit_depth = _planes(own, part, coding)
    return SourceInfo(
        format=coding.format,
        stored_width=cut.width,
        stored_height=cut.height,
        channels=4 if has_alpha(relations, primary, properties) else planes,
        bit_depth=bit_depth,
        orientation=orientation(lists.get(primary, ()), in_order=coding.turns_in_order),
    )


def _planes(own: Properties, part: Properties, coding: Coding) -> tuple[int, int]:
    """Channels and bits: as the picture says, or its configuration, or that of its first part."""
    if said := pixel_planes(own, coding.depths):
        return said
    for properties in (own, part):
        if coding.configuration in properties:
            return coding.planes(properties[coding.configuration])
    return 3, 8


def primary_item(pitm: Reader) -> int:
    """The number of the item that is the picture."""
    version, _ = pitm.unpack(_VERSION_AND_FLAGS, 0)
    (item,) = pitm.unpack(_U32 if version else _U16, FULL_BOX_HEADER_BYTES)
    return int(item)


def read_relations(meta: Reader, most_targets: int) -> Relations:
    """Which items belong together.

    Args:
        meta: The `meta` box.
        most_targets: So many items may be referred to, each as often as it is.

    Raises:
        DamagedImageError: A reference is broken, or there are far too many.
    """
    relations = Relations()
    for kind, source, targets in _references(meta, most_targets):
        if kind == PART:
            relations.parts.setdefault(source, []).extend(targets)
        elif kind == PREMULTIPLIED:
            relations.premultiplied.add(source)
        else:
            for target in targets:
                relations.auxiliaries.setdefault(target, []).append(source)
    return relations


def _references(meta: Reader, most_targets: int) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """Type, item and targets of each reference that matters."""
    left = most_targets
    for kind, iref in boxes(meta, FULL_BOX_HEADER_BYTES):
        if kind != b"iref":
            continue
        version, _ = iref.unpack(_VERSION_AND_FLAGS, 0)
        number = _U32 if version else _U16
        for reference, body in boxes(iref, FULL_BOX_HEADER_BYTES):
            if reference in {PART, AUXILIARY, PREMULTIPLIED}:
                (item,) = body.unpack(number, 0)
                (count,) = body.unpack(_U16, number.size)
                left -= count
                if left < 0:
                    raise meta.damaged(f"its items refer to more than {most_targets} others")
                targets = Struct(f">{count}{'I' if version else 'H'}")
                yield reference, item, body.unpack(targets, number.size + _U16.size)


def item_properties(meta: Reader, wanted: Collection[int]) -> dict[int, Properties]:
    """The properties of each wanted item, by box type."""
    return {item: dict(own) for item, own in property_lists(meta, wanted).items()}


def property_lists(meta: Reader, wanted: Collection[int]) -> dict[int, list[tuple[bytes, Reader]]]:
    """The properties of each wanted item, in their order; a type may come twice."""
    iprp = find(meta, b"iprp", FULL_BOX_HEADER_BYTES)
    shared = list(boxes(find(iprp, b"ipco")))
    numbers: dict[int, list[int]] = {}
    for kind, ipma in boxes(iprp):
        if kind == b"ipma":
            _collect_associations(ipma, wanted, numbers)
    return {item: _properties(iprp, shared, own) for item, own in numbers.items()}


def _properties(
    iprp: Reader, shared: list[tuple[bytes, Reader]], numbers: list[int]
) -> list[tuple[bytes, Reader]]:
    if any(number > len(shared) for number in numbers):
        raise iprp.damaged(f"it refers to property {max(numbers)} of {len(shared)}")
    return [shared[number - 1] for number in numbers if number]  # 0 stands for none


def _collect_associations(
    ipma: Reader, wanted: Collection[int], numbers: dict[int, list[int]]
) -> None:
    """Note the property numbers (from 1) of each wanted item that `numbers` does not have yet."""
    version, flags = ipma.unpack(_VERSION_AND_FLAGS, 0)
    entry = _WIDE_ENTRY if version else _ENTRY
    index = _U16 if flags & _WIDE_INDEX_FLAG else _U8
    index_mask = (1 << 8 * index.size - 1) - 1  # the top bit says that it is essential
    (entry_count,) = ipma.unpack(_U32, FULL_BOX_HEADER_BYTES)
    at = FULL_BOX_HEADER_BYTES + _U32.size
    for _ in range(entry_count):
        item, index_count = ipma.unpack(entry, at)
        at += entry.size
        end = at + index_count * index.size
        if item in wanted and item not in numbers:
            offsets = range(at, end, index.size)
            numbers[item] = [ipma.unpack(index, i)[0] & index_mask for i in offsets]
        at = end


def stored_size(meta: Reader, own: Properties) -> tuple[int, int]:
    """Width and height of an item, before it is cut and turned.

    Raises:
        DamagedImageError: It has none.
    """
    if b"ispe" not in own:
        raise meta.damaged("its primary item has no size")
    width, height = own[b"ispe"].unpack(_SIDES, FULL_BOX_HEADER_BYTES)
    return int(width), int(height)


def pixel_planes(own: Properties, depths: Collection[int]) -> tuple[int, int] | None:
    """Channels (1 or 3) and bits of the colour planes, where `pixi` says them.

    Raises:
        DamagedImageError: Of another depth than `depths`.
    """
    if b"pixi" not in own:
        return None
    pixi = own[b"pixi"]
    count, bit_depth = pixi.unpack(_PLANES, FULL_BOX_HEADER_BYTES)
    if bit_depth not in depths:
        *others, last = map(str, depths)
        allowed = f"{', '.join(others)} and {last}"
        raise pixi.damaged(f"it has {bit_depth} bits per channel; {allowed} are allowed")
    return (1 if count == 1 else 3), bit_depth


def is_alpha(own: Properties) -> bool:
    """Whether an auxiliary item is alpha."""
    auxiliary = own.get(b"auxC")
    if auxiliary is None:
        return False
    longest = max(map(len, _ALPHA_URNS))
    return auxiliary.window(FULL_BOX_HEADER_BYTES, longest).startswith(_ALPHA_URNS)


def has_alpha(relations: Relations, item: int, properties: Mapping[int, Properties]) -> bool:
    """Whether a picture has alpha, or else each of its parts.

    Args:
        relations: Which items belong together.
        item: The picture.
        properties: Those of `relations.close_to(item)`.
    """
    if any(is_alpha(properties.get(other, {})) for other in relations.auxiliaries.get(item, ())):
        return True
    of_parts = [relations.auxiliaries.get(part, ()) for part in relations.parts.get(item, ())]
    if not (of_parts and all(of_parts)):
        return False
    return any(is_alpha(properties.get(other, {})) for other in of_parts[0])


def aperture(own: Properties, width: int, height: int) -> Aperture:
    """The part of a picture that is shown: all of it, unless its clean aperture is one.

    An aperture that is not on whole pixels, or reaches past the picture, counts for nothing, as in
    libavif and in browsers.
    """
    whole = Aperture(0, 0, width, height)
    if b"clap" not in own or own[b"clap"].size < _APERTURE.size:
        return whole
    numbers = own[b"clap"].unpack(_APERTURE, 0)
    if not all(numbers[1::2]):
        return whole
    wide, high, right, down = (
        Fraction(number, by) for number, by in zip(numbers[::2], numbers[1::2], strict=True)
    )
    shown = ((width - wide) / 2 + right, (height - high) / 2 + down, wide, high)
    if any(one.denominator > 1 for one in shown):
        return whole
    cut = Aperture(*map(int, shown))
    if min(cut.left, cut.top) < 0 or min(cut.width, cut.height) < 1:
        return whole
    fits = cut.left + cut.width <= width and cut.top + cut.height <= height
    return cut if fits else whole


def orientation(own: Iterable[tuple[bytes, Reader]], *, in_order: bool) -> int:
    """The EXIF orientation that `irot` and `imir` amount to.

    Args:
        own: The item's properties, in their order.
        in_order: Whether that is the order in which they are done; otherwise it is turned, then
            mirrored.
    """
    turns, mirror = 0, 0
    for kind, body in own:
        if kind == b"irot":
            turns = body.unpack(_U8, 0)[0] & 3
            # Mirroring first is turning the other way round.
            turns = -turns & 3 if mirror and in_order else turns
        elif kind == b"imir":
            mirror = 1 + (body.unpack(_U8, 0)[0] & 1)
    return _ORIENTATIONS[turns][mirror]
