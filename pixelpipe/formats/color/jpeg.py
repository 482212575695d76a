"""JPEG: the profile in its APP2 segments (ICC.1:2022, annex B.4)."""

import re
from struct import Struct

from pixelpipe.formats.color.tags import MAX_PROFILE_BYTES, ColorTags, checked_profile

# A marker with a segment, or the end: no stuffed 0xFF, no restart, none that stands alone.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_LENGTH = Struct(">H")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_COMPONENTS_AT, _INK_COMPONENTS = 5, 4
_APP2, _SOS, _EOI = 0xE2, 0xDA, 0xD9
_MAX_SEGMENTS = 4096

_PROFILE = b"ICC_PROFILE\0"
_NUMBERS_BYTES = 2


def read_jpeg_color(data: memoryview) -> ColorTags:
    """Walk the segments up to the first scan; what is broken ends the walk."""
    parts: dict[int, memoryview] = {}
    counts: set[int] = set()
    ink = False
    at = 2
    for _ in range(_MAX_SEGMENTS):
        match = _MARKER.search(data, at)
        if match is None or match.end() + _LENGTH.size > len(data):
            break
        code, body_at = data[match.end() - 1], match.end() + _LENGTH.size
        if code in {_SOS, _EOI}:
            break
        at = match.end() + max(_LENGTH.unpack_from(data, match.end())[0], _LENGTH.size)
        if code == _APP2 and data[body_at : body_at + len(_PROFILE)] == _PROFILE:
            _collect(data[body_at + len(_PROFILE) : at], parts, counts)
        elif code in _FRAMES:
            ink = data[body_at + _COMPONENTS_AT : at][:1] == bytes([_INK_COMPONENTS])
    return ColorTags(checked_profile(_joined(parts, counts)), ink=ink)


def _collect(body: memoryview, parts: dict[int, memoryview], counts: set[int]) -> None:
    """Note a part by its number, from 1, and of how many it says that it is one."""
    if len(body) < _NUMBERS_BYTES or body[0] in parts:
        counts.add(0)  # no profile has no parts: this one is broken
        return
    parts[body[0]] = body[_NUMBERS_BYTES:]
    counts.add(body[1])


def _joined(parts: dict[int, memoryview], counts: set[int]) -> bytes:
    """The profile; empty where a part is missing, or they do not agree how many there are."""
    if counts != {len(parts)} or set(parts) != set(range(1, len(parts) + 1)):
        return b""
    if sum(map(len, parts.values())) > MAX_PROFILE_BYTES:
        return b""
    return b"".join(parts[number] for number in sorted(parts))
