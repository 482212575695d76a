"""JPEG: APP1 with EXIF, APP1 with XMP, and IPTC among Photoshop's resources in APP13.

After CIPA DC-008 (EXIF) 4.7, the XMP specification part 3, 1.1.3, and Adobe's "Photoshop File
Formats", Image Resources.
"""

import re
from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.exif import EXIF_PREFIX
from pixelpipe.formats.metadata.blocks import MAX_BLOCK_BYTES, Blocks, bounded, exif_block

XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
RESOURCES_PREFIX = b"Photoshop 3.0\0"
RESOURCE_SIGNATURE, IPTC_RESOURCE = b"8BIM", 0x0404

# A marker with a segment, or the end: no stuffed 0xFF, no restart, none that stands alone.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_LENGTH = Struct(">H")
_APP1, _APP13, _SOS, _EOI = 0xE1, 0xED, 0xDA, 0xD9
_MAX_SEGMENTS = 4096

_RESOURCE = Struct(">4sHB")
_SIZE = Struct(">I")
_MAX_RESOURCES = 1024


def read_jpeg_blocks(data: memoryview) -> Blocks:
    """The first of each kind before the first scan."""
    exif = xmp = b""
    resources: list[memoryview] = []
    for code, body in _segments(data):
        if code == _APP13 and _begins(body, RESOURCES_PREFIX):
            resources.append(body[len(RESOURCES_PREFIX) :])
        elif code == _APP1 and not exif and _begins(body, EXIF_PREFIX):
            exif = exif_block(body)
        elif code == _APP1 and not xmp and _begins(body, XMP_PREFIX):
            xmp = bounded(body[len(XMP_PREFIX) :])
    return Blocks(exif, xmp, _iptc(resources))


def _segments(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Marker and contents of each segment up to the first scan; what is broken ends the walk."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        match = _MARKER.search(data, at)
        if match is None or match.end() + _LENGTH.size > len(data):
            return
        code, start = data[match.end() - 1], match.end() + _LENGTH.size
        if code in {_SOS, _EOI}:
            return
        at = match.end() + max(_LENGTH.unpack_from(data, match.end())[0], _LENGTH.size)
        yield code, data[start:at]


def _begins(body: memoryview, prefix: bytes) -> bool:
    return body[: len(prefix)] == prefix


def _iptc(parts: list[memoryview]) -> bytes:
    """The data sets among the resources, which may go over several segments."""
    if sum(map(len, parts)) > MAX_BLOCK_BYTES:
        return b""
    return find_resource(b"".join(parts), IPTC_RESOURCE)


def find_resource(resources: bytes, wanted: int) -> bytes:
    """The contents of the first of Photoshop's resources with that number; or nothing."""
    at = 0
    for _ in range(_MAX_RESOURCES):
        if at + _RESOURCE.size > len(resources):
            break
        signature, number, name_bytes = _RESOURCE.unpack_from(resources, at)
        # The name has its length before it, and both together are padded to an even number.
        at += _RESOURCE.size + name_bytes + (name_bytes + 1) % 2
        if signature != RESOURCE_SIGNATURE or at + _SIZE.size > len(resources):
            break
        (size,) = _SIZE.unpack_from(resources, at)
        at += _SIZE.size
        if number == wanted:
            return resources[at : at + size] if at + size <= len(resources) else b""
        at += size + size % 2
    return b""
