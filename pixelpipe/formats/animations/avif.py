"""Animated AVIF: the file as it is, once it is known what lies in its tracks.

After ISO/IEC 14496-12, 8.7 (`stsz`, `stsc`, `stco`), samples one behind the other in chunks; 8.4.2
and 8.6.1 (`mdhd`, `stts`), for how long each is shown.
"""

from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.animations.parts import LONGEST_DELAY_MS, Timing, miscounted
from pixelpipe.formats.avif_sequence import picture_track, read_sequence, tracks
from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, find
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.av1 import load_of_all
from pixelpipe.formats.screens.avif import screen_avif
from pixelpipe.formats.screens.fault import damaged, incomplete

_MAX_STEPS = 1 << 16
_SIZES = Struct(">II")  # of all samples, or 0; how many there are
_COUNT, _COUNT_AT, _ENTRIES_AT = Struct(">I"), FULL_BOX_HEADER_BYTES, FULL_BOX_HEADER_BYTES + 4
_VERSION, _SCALE_AT, _WIDE_SCALE_AT = Struct(">B"), 12, 20
_TIMES = Struct(">II")  # so many frames, each for so long
_RUN = Struct(">II4x")  # the first chunk of a run of chunks, samples in each
_U32, _U64 = Struct(">I"), Struct(">Q")

# Colour and alpha, each with as many hidden frames, which others are made from, and again as many.
_MAX_TIMES = 8
_SPARE_PX = 1 << 20


def read_animation(data: memoryview, count: int, canvas_px: int) -> tuple[memoryview, Timing]:
    """Check an animation, and hide its EXIF and XMP.

    Args:
        data: The file.
        count: How many frames the probe counted.
        canvas_px: Pixels of a frame.

    Raises:
        DamagedImageError: As `screen_avif`; samples that do not lie in the file, or code far more
            than the frames take; or another number of frames.
        FrameLimitError: There are more.
    """
    kept = screen_avif(data, count)
    reader = Reader(data, "AVIF file", Budget(_MAX_STEPS))
    sequence = read_sequence(reader)
    if sequence is None or sequence.frames != count:
        raise miscounted(Format.AVIF, sequence.frames if sequence else 1, count)
    moov = find(reader, b"moov")
    coded_px = 0
    for table in map(_table, tracks(moov)):
        found = load_of_all(_samples(data, table, count))
        coded_px += found.width * found.height * found.frames
    if coded_px > _MAX_TIMES * canvas_px * count + _SPARE_PX:
        raise damaged(Format.AVIF, f"its {count} frames have {coded_px} px coded")
    return kept, Timing(_delays_ms(picture_track(moov), count), sequence.plays)


def _table(track: Reader) -> Reader:
    return find(find(find(track, b"mdia"), b"minf"), b"stbl")


def _delays_ms(track: Reader, count: int) -> tuple[int, ...]:
    header = find(find(track, b"mdia"), b"mdhd")
    (version,) = header.unpack(_VERSION, 0)
    (scale,) = header.unpack(_U32, _WIDE_SCALE_AT if version else _SCALE_AT)
    times = find(_table(track), b"stts")
    (run_count,) = times.unpack(_COUNT, _COUNT_AT)
    delays: list[int] = []
    for at in range(min(run_count, count)):
        samples, ticks = times.unpack(_TIMES, _ENTRIES_AT + at * _TIMES.size)
        delay_ms = round(1000 * ticks / scale) if scale else 0
        delays += [min(delay_ms, LONGEST_DELAY_MS)] * min(samples, count - len(delays))
    if len(delays) != count:
        raise track.damaged("not all frames have a time")
    return tuple(delays)


def _samples(data: memoryview, table: Reader, most: int) -> Iterator[memoryview]:
    """The samples of a track, in their order."""
    sizes = _sizes(find(table, b"stsz"), most)
    for start, samples in _chunks(table, len(sizes)):
        at = start
        for size in sizes[:samples]:
            if at + size > len(data):
                raise incomplete(Format.AVIF)
            yield data[at : at + size]
            at += size
        del sizes[:samples]
    if sizes:
        raise incomplete(Format.AVIF)


def _sizes(stsz: Reader, most: int) -> list[int]:
    same_size, count = stsz.unpack(_SIZES, FULL_BOX_HEADER_BYTES)
    if count > most:
        raise miscounted(Format.AVIF, count, most)
    if same_size:
        return [same_size] * count
    return list(stsz.unpack(Struct(f">{count}I"), FULL_BOX_HEADER_BYTES + _SIZES.size))


def _chunks(table: Reader, most: int) -> Iterator[tuple[int, int]]:
    """Where each chunk begins, and how many samples it has; no more than `most` chunks."""
    runs = find(table, b"stsc")
    (run_count,) = runs.unpack(_COUNT, _COUNT_AT)
    if run_count > most:
        raise incomplete(Format.AVIF)
    firsts = dict(runs.unpack(_RUN, _ENTRIES_AT + at * _RUN.size) for at in range(run_count))
    offsets, layout = _offsets(table)
    (chunk_count,) = offsets.unpack(_COUNT, _COUNT_AT)
    samples = 0
    for chunk in range(min(chunk_count, most)):
        samples = firsts.get(chunk + 1, samples)
        (start,) = offsets.unpack(layout, _ENTRIES_AT + chunk * layout.size)
        yield start, samples


def _offsets(table: Reader) -> tuple[Reader, Struct]:
    """The box of the chunks' offsets, and what one of them looks like."""
    for kind, body in boxes(table):
        if kind in {b"stco", b"co64"}:
            return body, _U32 if kind == b"stco" else _U64
    raise table.damaged("a track has no chunks")
