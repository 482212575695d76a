"""An AVIF's image sequence: how many frames, whether with alpha, and how often it is played.

After ISO/IEC 14496-12, 8.3 (`tkhd`), 8.6.6 (`elst`), 8.7.3 (`stsz`), and the AVIF specification,
section 3. Decoders take the sequence, not the still picture, where `avis` is the major brand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from struct import Struct

from pixelpipe.formats.isobmff import FULL_BOX_HEADER_BYTES, boxes, find
from pixelpipe.formats.reader import Reader

_MAJOR_BRAND_AT, _BRAND_BYTES = 8, 4
_VERSION_AND_FLAGS = Struct(">B2xB")
_SAMPLES = Struct(">4xI")
_DURATION, _WIDE_DURATION = Struct(">I"), Struct(">Q")
_DURATION_AT, _WIDE_DURATION_AT = 20, 28
_SEGMENT_AT = 8
_REPEATED_FLAG = 0x01
_MOST_PLAYS = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """What the header of a sequence says.

    Attributes:
        frames: How many there are.
        has_alpha: Whether there is a track of alpha as well.
        plays: How often it is played; 0 without end, also where nothing is said.
    """

    frames: int
    has_alpha: bool
    plays: int


def read_sequence(reader: Reader) -> Sequence | None:
    """The sequence of an AVIF; None for one that is a still picture.

    Raises:
        DamagedImageError: A box that is needed is missing or broken.
    """
    if reader.window(_MAJOR_BRAND_AT, _BRAND_BYTES) != b"avis":
        return None
    moov = find(reader, b"moov")
    pictures = picture_track(moov)
    has_alpha = any(_is_auxiliary(track) for track in tracks(moov))
    return Sequence(_samples(pictures), has_alpha, _plays(pictures))


def tracks(moov: Reader) -> Iterator[Reader]:
    """The tracks in a `moov` box."""
    return (track for kind, track in boxes(moov) if kind == b"trak")


def picture_track(moov: Reader) -> Reader:
    """The track of the frames' colours.

    Raises:
        DamagedImageError: There is none.
    """
    for track in tracks(moov):
        if not _is_auxiliary(track):
            return track
    raise moov.damaged("it has no track of pictures")


def _is_auxiliary(track: Reader) -> bool:
    """Whether it belongs to another one: alpha does."""
    references = _child(track, b"tref")
    return references is not None and _child(references, b"auxl") is not None


def _samples(track: Reader) -> int:
    table = find(find(find(track, b"mdia"), b"minf"), b"stbl")
    (count,) = find(table, b"stsz").unpack(_SAMPLES, FULL_BOX_HEADER_BYTES)
    return int(count)


def _plays(track: Reader) -> int:
    """How often the track's only edit fits its duration."""
    edits = _child(track, b"edts")
    if edits is None:
        return 0
    edit = find(edits, b"elst")
    version, flags = edit.unpack(_VERSION_AND_FLAGS, 0)
    (segment,) = edit.unpack(_WIDE_DURATION if version else _DURATION, _SEGMENT_AT)
    if not (flags & _REPEATED_FLAG and segment):
        return 1
    header = find(track, b"tkhd")
    version, _ = header.unpack(_VERSION_AND_FLAGS, 0)
    layout, at = (_WIDE_DURATION, _WIDE_DURATION_AT) if version else (_DURATION, _DURATION_AT)
    (duration,) = header.unpack(layout, at)
    if duration == (1 << 8 * layout.size) - 1:
        return 0
    return min(max(ceil(int(duration) / int(segment)), 1), _MOST_PLAYS)


def _child(reader: Reader, wanted: bytes) -> Reader | None:
    return next((body for kind, body in boxes(reader) if kind == wanted), None)
