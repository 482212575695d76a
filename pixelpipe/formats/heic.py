"""HEIC: the properties of the primary item.

After ISO/IEC 23008-12, annex B: HEVC in the items of HEIF.
"""

from pixelpipe.formats.heif import (
    Properties,
    aperture,
    has_alpha,
    orientation,
    pixel_planes,
    primary_item,
    property_lists,
    read_relations,
    stored_size,
)
from pixelpipe.formats.hevc import read_planes
from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, find
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import check_installed
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_MAX_TARGETS = 1 << 13
_BIT_DEPTHS = range(8, 17)


def read_heic(reader: Reader) -> SourceInfo:
    """Read size, depth, alpha and orientation of the primary item, a `grid` included.

    Raises:
        UnsupportedFormatError: The extra for HEIC is not installed.
        DamagedImageError: A box that is needed is missing or broken.
    """
    check_installed(Format.HEIC)
    meta = find(reader, b"meta")
    primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
    relations = read_relations(meta, _MAX_TARGETS)
    lists = property_lists(meta, relations.close_to(primary))
    properties = {item: dict(each) for item, each in lists.items()}
    own = properties.get(primary, {})
    cut = aperture(own, *stored_size(reader, own))
    planes, bit_depth = _planes(own, properties.get(relations.first_part(primary), {}))
    return SourceInfo(
        format=Format.HEIC,
        stored_width=cut.width,
        stored_height=cut.height,
        channels=4 if has_alpha(relations, primary, properties) else planes,
        bit_depth=bit_depth,
        orientation=orientation(lists.get(primary, ()), in_order=True),
    )


def _planes(own: Properties, part: Properties) -> tuple[int, int]:
    """Channels (1 or 3) and bits of the colour planes."""
    if said := pixel_planes(own, _BIT_DEPTHS):
        return said
    for properties in (own, part):
        if b"hvcC" in properties:
            return read_planes(properties[b"hvcC"])
    return 3, 8
