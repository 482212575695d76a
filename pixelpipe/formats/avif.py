"""AVIF: the properties of the primary item, or of the track of a sequence that has no items.

After the AVIF specification and AV1-ISOBMFF, 2.2 and 2.3.
"""

from dataclasses import replace
from struct import Struct

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.avif_sequence import read_sequence
from pixelpipe.formats.heif import (
    Aperture,
    Coding,
    aperture,
    item_properties,
    primary_item,
    read_still,
    stored_size,
)
from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, brands, find
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

BRANDS = frozenset({b"avif", b"avis"})
_MAX_STEPS = 1 << 16
# The third byte of the configuration.
_CONFIGURATION = Struct(">2xB")
_HIGH, _TWELVE, _MONOCHROME = 0x40, 0x20, 0x10
_ENTRIES_AT = FULL_BOX_HEADER_BYTES + 4
_ENTRY_SIDES, _ENTRY_BOXES_AT = Struct(">24xHH"), 78


def read_avif(reader: Reader) -> SourceInfo:
    """Read size, depth, alpha and orientation of the primary item, a `grid` included.

    Raises:
        UnsupportedFormatError: Another kind of file with the same box structure.
        DamagedImageError: A box that is needed is missing or broken.
    """
    if not brands(reader) & BRANDS:
        raise not_accepted("A video or another ISO media file")
    meta = items_box(reader)
    if meta is None:
        return _read_track(reader)
    frames, frames_alpha = _frames(reader)
    still = read_still(reader, meta, _CODING)
    return replace(still, frames=frames, frames_alpha=frames_alpha)


def items_box(reader: Reader) -> Reader | None:
    """The `meta` box; None for a sequence that has none.

    Raises:
        DamagedImageError: There are neither items nor tracks.
    """
    tracks = False
    for kind, body in boxes(reader):
        if kind == b"meta":
            return body
        tracks = tracks or kind == b"moov"
    if not tracks:
        raise reader.damaged("it has no meta box")
    return None


def shown_part(data: memoryview) -> Aperture | None:
    """What is shown of the decoded picture, which has to be cut out; None for all of it.

    Args:
        data: A file that `read_avif` has read.
    """
    meta = items_box(Reader(data, "AVIF file", Budget(_MAX_STEPS)))
    if meta is None:
        return None
    primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
    own = item_properties(meta, {primary}).get(primary, {})
    return aperture(own, *stored_size(meta, own)) if b"clap" in own else None


def track_size(moov: Reader) -> int:
    """Pixels of the first track of pictures."""
    width, height = _first_entry(moov).unpack(_ENTRY_SIDES, 0)
    return int(width * height)


def _configured(av1c: Reader) -> tuple[int, int]:
    (flags,) = av1c.unpack(_CONFIGURATION, 0)
    bit_depth = (12 if flags & _TWELVE else 10) if flags & _HIGH else 8
    return (1 if flags & _MONOCHROME else 3), bit_depth


_CODING = Coding(Format.AVIF, b"av1C", _configured, (8, 10, 12), turns_in_order=False)


def _frames(reader: Reader) -> tuple[int, bool]:
    """How many frames there are, and whether with alpha; a broken sequence is a still picture."""
    try:
        sequence = read_sequence(reader)
    except DamagedImageError:
        return 1, False
    return (max(sequence.frames, 1), sequence.has_alpha) if sequence else (1, False)


def _read_track(reader: Reader) -> SourceInfo:
    """The first track of pictures, which are shown whole and upright."""
    sequence = read_sequence(reader)
    entry = _first_entry(find(reader, b"moov"))
    width, height = entry.unpack(_ENTRY_SIDES, 0)
    planes, bit_depth = _configured(find(entry, b"av1C", _ENTRY_BOXES_AT))
    with_alpha = sequence is not None and sequence.has_alpha
    return SourceInfo(
        format=Format.AVIF,
        stored_width=width,
        stored_height=height,
        channels=4 if with_alpha else planes,
        bit_depth=bit_depth,
        orientation=1,
        frames=max(sequence.frames, 1) if sequence else 1,
    )


def _first_entry(moov: Reader) -> Reader:
    for kind, track in boxes(moov):
        if kind == b"trak" and all(child != b"tref" for child, _ in boxes(track)):
            table = find(find(find(track, b"mdia"), b"minf"), b"stbl")
            return find(find(table, b"stsd"), b"av01", _ENTRIES_AT)
    raise moov.damaged("it has no track of pictures")
