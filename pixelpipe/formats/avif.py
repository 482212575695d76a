"""AVIF: the properties of the primary item.

After ISO/IEC 23008-12 (HEIF), MIAF and the AVIF specification. EXIF orientation is ignored there:
`irot` and `imir` say how the picture is turned.
"""

from collections.abc import Collection, Iterator
from struct import Struct

from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, brands, find
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

Properties = dict[bytes, Reader]

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_ALPHA_URNS = (
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
)

_VERSION_AND_FLAGS = Struct(">B2xB")
_U8, _U16, _U32 = Struct(">B"), Struct(">H"), Struct(">I")
_ENTRY, _WIDE_ENTRY = Struct(">HB"), Struct(">IB")
_SIDES = Struct(">II")
_PLANES = Struct(">BB")
_BIT_DEPTHS = (8, 10, 12)
_WIDE_INDEX_FLAG = 0x01

# EXIF orientation by quarter turns counter-clockwise (irot), then by the mirror (imir): none,
# top and bottom exchanged (axis 0), left and right exchanged (axis 1).
_ORIENTATIONS = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


def read_avif(reader: Reader) -> SourceInfo:
    """Read size, depth, alpha and orientation of the primary item, a `grid` included.

    Raises:
        UnsupportedFormatError: Another kind of file with the same box structure.
        DamagedImageError: A box that is needed is missing or broken.
    """
    _check_brands(reader)
    meta = find(reader, b"meta")
    primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
    auxiliaries = set(_auxiliary_items(meta, primary))
    properties = item_properties(meta, {primary, *auxiliaries})
    own = properties.get(primary, {})
    if b"ispe" not in own:
        raise reader.damaged("its primary item has no size")
    width, height = own[b"ispe"].unpack(_SIDES, FULL_BOX_HEADER_BYTES)
    planes, bit_depth = _planes(own)
    has_alpha = any(_is_alpha(properties.get(item, {})) for item in auxiliaries)
    return SourceInfo(
        format=Format.AVIF,
        stored_width=width,
        stored_height=height,
        channels=4 if has_alpha else planes,
        bit_depth=bit_depth,
        orientation=_orientation(own),
    )


def _check_brands(reader: Reader) -> None:
    found = brands(reader)
    if found & _AVIF_BRANDS:
        return
    if found & _HEIC_BRANDS:
        raise not_accepted("HEIC")
    raise not_accepted("A video or another ISO media file")


def primary_item(pitm: Reader) -> int:
    """The number of the item that is the picture."""
    version, _ = pitm.unpack(_VERSION_AND_FLAGS, 0)
    (item,) = pitm.unpack(_U32 if version else _U16, FULL_BOX_HEADER_BYTES)
    return int(item)


def _auxiliary_items(meta: Reader, primary: int) -> Iterator[int]:
    """Items that an `auxl` reference ties to the primary one: alpha, depth, gain maps."""
    for kind, iref in boxes(meta, FULL_BOX_HEADER_BYTES):
        if kind != b"iref":
            continue
        version, _ = iref.unpack(_VERSION_AND_FLAGS, 0)
        item_id = _U32 if version else _U16
        for reference, body in boxes(iref, FULL_BOX_HEADER_BYTES):
            if reference == b"auxl" and primary in _targets(body, item_id):
                (item,) = body.unpack(item_id, 0)
                yield item


def _targets(reference: Reader, item_id: Struct) -> Iterator[int]:
    (count,) = reference.unpack(_U16, item_id.size)
    first = item_id.size + _U16.size
    for at in range(first, first + count * item_id.size, item_id.size):
        (item,) = reference.unpack(item_id, at)
        yield item


def item_properties(meta: Reader, wanted: Collection[int]) -> dict[int, Properties]:
    """The properties of each wanted item, by box type."""
    iprp = find(meta, b"iprp", FULL_BOX_HEADER_BYTES)
    shared = list(boxes(find(iprp, b"ipco")))
    numbers: dict[int, list[int]] = {}
    for kind, ipma in boxes(iprp):
        if kind == b"ipma":
            _collect_associations(ipma, wanted, numbers)
    return {item: _properties(iprp, shared, own) for item, own in numbers.items()}


def _properties(iprp: Reader, shared: list[tuple[bytes, Reader]], numbers: list[int]) -> Properties:
    if any(number > len(shared) for number in numbers):
        raise iprp.damaged(f"it refers to property {max(numbers)} of {len(shared)}")
    return dict(shared[number - 1] for number in numbers if number)  # 0 stands for none


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


def _planes(properties: Properties) -> tuple[int, int]:
    """Channels (1 or 3) and bits of the colour planes."""
    if b"pixi" not in properties:
        return 3, 8
    pixi = properties[b"pixi"]
    count, bit_depth = pixi.unpack(_PLANES, FULL_BOX_HEADER_BYTES)
    if bit_depth not in _BIT_DEPTHS:
        raise pixi.damaged(f"it has {bit_depth} bits per channel; 8, 10 and 12 are allowed")
    return (1 if count == 1 else 3), bit_depth


def _is_alpha(properties: Properties) -> bool:
    auxiliary = properties.get(b"auxC")
    if auxiliary is None:
        return False
    longest = max(map(len, _ALPHA_URNS))
    return auxiliary.window(FULL_BOX_HEADER_BYTES, longest).startswith(_ALPHA_URNS)


def _orientation(properties: Properties) -> int:
    turns, mirror = 0, 0
    if b"irot" in properties:
        turns = properties[b"irot"].unpack(_U8, 0)[0] & 3
    if b"imir" in properties:
        mirror = 1 + (properties[b"imir"].unpack(_U8, 0)[0] & 1)
    return _ORIENTATIONS[turns][mirror]
