"""JPEG: a file with nothing left of which libjpeg only warns.

Of all its warnings libjpeg tells the first one: junk between segments, which does no harm, would
hide that image data are missing behind it. What is said of a tidied file is about its pixels.
"""

import re
from collections.abc import Iterator
from struct import Struct, error

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete

# A marker with a segment, or the end: no stuffed 0xFF, no restart, none that stands alone.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_LENGTH = Struct(">H")
_START, _END = b"\xff\xd8", b"\xff\xd9"
_FIRST_MARKER_AT = 2

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_SOS, _EOI, _DNL = 0xDA, 0xD9, 0xDC
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD, _DNL})
_APP0, _APP14 = 0xE0, 0xEE
_NAME_AT = 4
_COMPONENTS_AT = 9
_TRANSFORM_AT = 15
_TRANSFORMS = {3: 1, 4: 2}  # YCbCr, YCCK
_WHOLE_SPECTRUM = b"\0\x3f\0"
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"


def tidied(data: memoryview) -> memoryview:
    """The file with its tables, frame and scans only, each right behind the last one, and its end.

    Args:
        data: A screened JPEG.

    Raises:
        DamagedImageError: It ends inside a segment.
    """
    try:
        return memoryview(b"".join([_START, *_parts(data), _END]))
    except error:
        raise incomplete(Format.JPEG) from None


def _parts(data: memoryview) -> Iterator[bytes | memoryview]:
    sequential, components, adobe = False, 0, b""
    at = _FIRST_MARKER_AT
    while (match := _MARKER.search(data, at)) and data[match.end() - 1] != _EOI:
        code, start = data[match.end() - 1], match.start()
        at = match.end() + _LENGTH.unpack_from(data, match.end())[0]
        segment = data[start:at]
        if code in _FRAMES:
            sequential = code in _SEQUENTIAL
            components = segment[_COMPONENTS_AT] if len(segment) > _COMPONENTS_AT else 0
        if code in _FRAMES or code in _TABLES:
            yield segment
        elif code == _APP0 and segment[_NAME_AT:].tobytes().startswith(b"JFIF\0"):
            yield _JFIF
        elif code == _APP14 and segment[_NAME_AT:].tobytes().startswith(b"Adobe"):
            adobe = segment.tobytes()
        elif code == _SOS:
            yield _adobe(adobe, components)
            yield segment[:-3]
            yield _WHOLE_SPECTRUM if sequential else segment[-3:]
            end = _MARKER.search(data, at)
            at, begin = end.start() if end else len(data), at
            yield data[begin:at]


def _adobe(segment: bytes, components: int) -> bytes:
    """The segment with a transform that libjpeg knows: the one that it takes any other for."""
    if len(segment) <= _TRANSFORM_AT or not segment[_TRANSFORM_AT]:
        return segment
    transform = _TRANSFORMS.get(components, 0)
    return segment[:_TRANSFORM_AT] + bytes((transform,)) + segment[_TRANSFORM_AT + 1 :]
