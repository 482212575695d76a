"""How often an AVIF sequence is played, written into a finished file.

Pillow has libavif write "without end". After ISO/IEC 14496-12, 8.2.2, 8.3.2 and 8.6.6, as libavif
reads and writes it: the edit is repeated until the duration of its track is over. The times at
which the file was made are left out at once, so that the same frames make the same file.
"""

from struct import Struct

from pixelpipe.formats.isobmff import boxes, find
from pixelpipe.formats.reader import Budget, Reader

_DURATION = Struct(">Q")
_TIMES = slice(4, 20)
_MOVIE_DURATION_AT, _TRACK_DURATION_AT, _SEGMENT_AT = 24, 28, 8
_MAX_STEPS = 1 << 16


def with_plays(content: bytes, plays: int) -> bytes:
    """The same file, played so often.

    Args:
        content: A sequence as libavif writes it: each duration has 64 bits.
        plays: 0 for without end.
    """
    written = bytearray(content)
    moov = find(Reader(memoryview(content), "AVIF file", Budget(_MAX_STEPS)), b"moov")
    longest = 0
    for kind, track in boxes(moov):
        if kind == b"trak":
            header = find(track, b"tkhd")
            _forget_times(written, header)
            _forget_times(written, find(find(track, b"mdia"), b"mdhd"))
            if plays:
                edit = find(find(track, b"edts"), b"elst")
                duration = edit.unpack(_DURATION, _SEGMENT_AT)[0] * plays
                _DURATION.pack_into(written, header.start + _TRACK_DURATION_AT, duration)
                longest = max(longest, duration)
    header = find(moov, b"mvhd")
    _forget_times(written, header)
    if plays:
        _DURATION.pack_into(written, header.start + _MOVIE_DURATION_AT, longest)
    return bytes(written)


def _forget_times(written: bytearray, header: Reader) -> None:
    start = header.start
    written[start + _TIMES.start : start + _TIMES.stop] = bytes(_TIMES.stop - _TIMES.start)
