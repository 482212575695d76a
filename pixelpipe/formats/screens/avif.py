"""AVIF: where its coded pictures lie, and how much there is to decode in them.

After ISO/IEC 23008-12 (HEIF), 14496-12 and the AVIF specification. libavif believes a coded picture
of any size, and shrinks it to the one that the file says: 1 KB can be half a gigabyte.
"""

from collections.abc import Iterable

from pixelpipe.formats.avif import items_box, track_size
from pixelpipe.formats.heif import item_properties, stored_size
from pixelpipe.formats.isobmff import brands, find
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.refusal import not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.av1 import load
from pixelpipe.formats.screens.avif_tracks import first_samples
from pixelpipe.formats.screens.fault import damaged
from pixelpipe.formats.screens.heif_items import Items, metadata_types

_MAX_STEPS = 1 << 16
_NO_TYPE = b"skip"
_CODED = b"av01"
_DERIVED = frozenset({b"iden", b"iovl", b"tmap"})

# Colour and alpha, in two layers each; and something for small pictures.
_MAX_TIMES = 4
_SPARE_PX = 1 << 20


def screen_avif(data: memoryview, max_frames: int) -> memoryview:
    """Hand on the whole file, its EXIF and XMP hidden, or refuse it.

    Raises:
        DamagedImageError: Boxes or extents that do not lie in the file, a flood of them, or coded
            pictures that are far larger, or more, than the picture takes.
        FrameLimitError: More frames than `max_frames`.
    """
    reader = Reader(data, "AVIF file", Budget(_MAX_STEPS))
    meta = items_box(reader)
    canvas_px = _check_items(data, meta) if meta else 0
    if b"avis" in brands(reader):
        moov = find(reader, b"moov")
        _check_load(first_samples(data, moov, max_frames), canvas_px or track_size(moov))
    return data if meta is None else _without_metadata(data, meta)


def _check_items(data: memoryview, meta: Reader) -> int:
    """Refuse items that cost too much; how many pixels the picture has."""
    items = Items(data, meta, Format.AVIF)
    if items.kinds.get(items.primary) in _DERIVED:
        raise not_accepted("An AVIF whose picture is derived from others", "a grid is")
    own = item_properties(meta, {items.primary}).get(items.primary, {})
    width, height = stored_size(meta, own)
    _check_load(items.coded(_CODED), width * height)
    return width * height


def _without_metadata(data: memoryview, meta: Reader) -> memoryview:
    """The file with items of no type in place of EXIF and XMP.

    OpenCV reads EXIF as well, and decodes no file of libvips (sharp) that has any.
    """
    places = list(metadata_types(meta))
    if not places:
        return data
    rest = bytearray(data)
    for at in places:
        rest[at : at + len(_NO_TYPE)] = _NO_TYPE
    return memoryview(rest)


def _check_load(samples: Iterable[memoryview], canvas_px: int) -> None:
    coded_px = 0
    for sample in samples:
        found = load(sample)
        coded_px += found.width * found.height * max(found.frames, 1)
        if coded_px > _MAX_TIMES * canvas_px + _SPARE_PX:
            raise damaged(Format.AVIF, f"its picture of {canvas_px} px has {coded_px} px coded")
