"""AVIF: where its coded pictures lie, and how much there is to decode in them.

After ISO/IEC 23008-12 (HEIF), 14496-12 and the AVIF specification. libavif believes a coded picture
of any size, and shrinks it to the one that the file says: 1 KB can be half a gigabyte.
"""

from collections.abc import Iterable
from struct import Struct

from pixelpipe.formats.avif import item_properties, primary_item
from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, brands, find
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.av1 import load
from pixelpipe.formats.screens.avif_items import coded_items, metadata_types
from pixelpipe.formats.screens.avif_tracks import first_samples
from pixelpipe.formats.screens.fault import damaged

_MAX_STEPS = 1 << 16
_SIDES = Struct(">II")
_NO_TYPE = b"skip"

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
    meta = find(reader, b"meta")
    canvas_px = _canvas_px(meta)
    _check_load(coded_items(data, meta), canvas_px)
    if b"avis" in brands(reader):
        _check_load(first_samples(data, find(reader, b"moov"), max_frames), canvas_px)
    return _without_metadata(data, meta)


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


def _canvas_px(meta: Reader) -> int:
    """Pixels that the file says that its picture has."""
    primary = primary_item(find(meta, b"pitm", FULL_BOX_HEADER_BYTES))
    properties = item_properties(meta, {primary}).get(primary, {})
    if b"ispe" not in properties:
        raise meta.damaged("its primary item has no size")
    width, height = properties[b"ispe"].unpack(_SIDES, FULL_BOX_HEADER_BYTES)
    return int(width * height)


def _check_load(samples: Iterable[memoryview], canvas_px: int) -> None:
    coded_px = 0
    for sample in samples:
        found = load(sample)
        coded_px += found.width * found.height * max(found.frames, 1)
        if coded_px > _MAX_TIMES * canvas_px + _SPARE_PX:
            raise damaged(Format.AVIF, f"its picture of {canvas_px} px has {coded_px} px coded")
