"""WebP: the ICCP chunk of an extended file."""

from struct import Struct

from pixelpipe.formats.color.tags import MAX_PROFILE_BYTES, UNTAGGED, ColorTags, checked_profile

_CHUNK = Struct("<4sI")
_FIRST_CHUNK_AT = 12
_MAX_CHUNKS = 64


def read_webp_color(data: memoryview) -> ColorTags:
    """The profile; the specification puts it before the picture, where it is looked for."""
    at = _FIRST_CHUNK_AT
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK.size > len(data):
            break
        kind, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if kind == b"ICCP" and size <= MAX_PROFILE_BYTES:
            return ColorTags(checked_profile(bytes(data[at : at + size])))
        if kind in {b"VP8 ", b"VP8L", b"ANMF", b"ICCP"}:
            break
        at += size + size % 2
    return UNTAGGED
