"""The tracks of an AVIF sequence: how many frames, and where the first ones lie.

After ISO/IEC 14496-12, 8.7 (`stsz`, `stsc`, `stco`).
"""

from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, find
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import check_frames, incomplete

_SIZES = Struct(">II")  # of all samples, or 0; how many there are
_U32, _U64 = Struct(">I"), Struct(">Q")
_RUN = Struct(">4xI4x")  # samples in each chunk of a run of chunks
_RUN_BYTES = 12
_ENTRIES_AT = FULL_BOX_HEADER_BYTES + _U32.size


def first_samples(data: memoryview, moov: Reader, max_frames: int) -> Iterator[memoryview]:
    """The first sample of each track.

    Args:
        data: The file.
        moov: Its `moov` box.
        max_frames: Most samples that a track may have.

    Raises:
        DamagedImageError: A track without samples, or with one that is not in the file.
        FrameLimitError: A track has more samples.
    """
    for kind, track in boxes(moov):
        if kind == b"trak":
            table = find(find(find(track, b"mdia"), b"minf"), b"stbl")
            size = _first_size(table, max_frames)
            start = _first_offset(table)
            if start + size > len(data):
                raise incomplete(Format.AVIF)
            yield data[start : start + size]


def _first_size(table: Reader, max_frames: int) -> int:
    stsz = find(table, b"stsz")
    same_size, count = stsz.unpack(_SIZES, FULL_BOX_HEADER_BYTES)
    check_frames(Format.AVIF, count, max_frames)
    if same_size:
        # Then nothing but the chunks bounds the samples that a decoder makes a list of.
        check_frames(Format.AVIF, _samples_in_chunks(table, max_frames), max_frames)
        return int(same_size)
    (first,) = stsz.unpack(_U32, FULL_BOX_HEADER_BYTES + _SIZES.size)
    return int(first)


def _samples_in_chunks(table: Reader, max_frames: int) -> int:
    """An upper bound: as if all chunks were as full as the fullest."""
    (chunks,) = _offsets(table)[0].unpack(_U32, FULL_BOX_HEADER_BYTES)
    runs_box = find(table, b"stsc")
    (runs,) = runs_box.unpack(_U32, FULL_BOX_HEADER_BYTES)
    check_frames(Format.AVIF, runs, max_frames)
    places = range(_ENTRIES_AT, _ENTRIES_AT + runs * _RUN_BYTES, _RUN_BYTES)
    return int(chunks) * max((runs_box.unpack(_RUN, at)[0] for at in places), default=0)


def _first_offset(table: Reader) -> int:
    box, layout = _offsets(table)
    (start,) = box.unpack(layout, _ENTRIES_AT)
    return int(start)


def _offsets(table: Reader) -> tuple[Reader, Struct]:
    """The box of the chunks' offsets, and what one of them looks like."""
    for kind, body in boxes(table):
        if kind == b"stco":
            return body, _U32
        if kind == b"co64":
            return body, _U64
    raise table.damaged("a track has no chunks")
