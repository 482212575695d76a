"""TIFF: the profile in tag 34675 of the first directory (ICC.1:2022, annex B.3)."""

from struct import error, unpack_from

from pixelpipe.formats.color.tags import MAX_PROFILE_BYTES, UNTAGGED, ColorTags, checked_profile

_ICC_PROFILE = 34675
_BYTE_TYPES = frozenset({1, 7})
_DIRECTORY_AT = 4
_ENTRY_BYTES = 12
_MAX_ENTRIES = 512


def read_tiff_color(data: memoryview) -> ColorTags:
    """The profile, if the directory can be read so far."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    try:
        (directory,) = unpack_from(order + "I", data, _DIRECTORY_AT)
        (count,) = unpack_from(order + "H", data, directory)
        first = directory + 2
        stop = first + min(count, _MAX_ENTRIES) * _ENTRY_BYTES
        for at in range(first, stop, _ENTRY_BYTES):
            tag, kind, size, start = unpack_from(order + "HHII", data, at)
            if tag == _ICC_PROFILE and kind in _BYTE_TYPES and size <= MAX_PROFILE_BYTES:
                return ColorTags(checked_profile(bytes(data[start : start + size])))
    except error:
        pass  # it ends early: whether that matters is for the screen to say
    return UNTAGGED
