"""AVIF and HEIC: the `colr` properties of the primary item (ISO/IEC 14496-12, section 12.1.5)."""

from struct import Struct

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.color.tags import (
    MAX_PROFILE_BYTES,
    UNTAGGED,
    Cicp,
    ColorTags,
    checked_profile,
)
from pixelpipe.formats.heif import primary_item, property_lists
from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, find
from pixelpipe.formats.reader import Budget, Reader

_MAX_STEPS = 1 << 16
_TYPE_BYTES = 4
_PROFILE_TYPES = frozenset({b"prof", b"rICC"})
_CODED_TYPE = b"nclx"
_CODE_POINTS = Struct(">HH")


def read_heif_color(data: memoryview) -> ColorTags:
    """A profile, or else code points: the codec undoes their matrix and range, and no more."""
    reader = Reader(data, "AVIF or HEIC file", Budget(_MAX_STEPS))
    try:
        meta = find(reader, b"meta")
        primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
        properties = property_lists(meta, {primary}).get(primary, [])
        colors = [_color(body) for kind, body in properties if kind == b"colr"]
    except DamagedImageError:
        return UNTAGGED  # whether that matters is for the screen to say
    return max(colors, key=lambda color: (bool(color.profile), bool(color)), default=UNTAGGED)


def _color(colr: Reader) -> ColorTags:
    kind = colr.raw(0, _TYPE_BYTES)
    if kind in _PROFILE_TYPES and colr.size <= MAX_PROFILE_BYTES:
        return ColorTags(checked_profile(colr.raw(_TYPE_BYTES, colr.size - _TYPE_BYTES)))
    if kind == _CODED_TYPE:
        return ColorTags(coding=Cicp(*colr.unpack(_CODE_POINTS, _TYPE_BYTES)))
    return UNTAGGED
