"""Metadata and profiles put into finished files, without touching their pixels.

A block that a format has no place for, or that is too large for it, is left out: IPTC but for JPEG.
"""

import zlib
from collections.abc import Callable, Iterator
from struct import pack, unpack_from

from pixelpipe.formats.exif import EXIF_PREFIX
from pixelpipe.formats.metadata.jpeg import (
    IPTC_RESOURCE,
    RESOURCE_SIGNATURE,
    RESOURCES_PREFIX,
    XMP_PREFIX,
)
from pixelpipe.formats.metadata.png import XMP_KEYWORD
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.attachments import Attachments
from pixelpipe.imaging.encoders.codec import Encoded

_APP0, _APP1, _APP2, _APP13 = 0xE0, 0xE1, 0xE2, 0xED
_MARKER_BYTES = 2
_SEGMENT_BYTES = 0xFFFF - 2
_PROFILE_PREFIX = b"ICC_PROFILE\0"
_PROFILE_PART_BYTES = _SEGMENT_BYTES - len(_PROFILE_PREFIX) - 2
_MAX_PROFILE_PARTS = 255

_BEHIND_PNG_HEADER = 8 + 25

_RIFF_BYTES, _FIRST_CHUNK_AT = 8, 12
_PROFILE_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x20, 0x10, 0x08, 0x04

_JXL_CODESTREAM = b"\xff\x0a"
_JXL_HEAD = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "


def embed(content: Encoded, target: Format, attachments: Attachments) -> Encoded:
    """Put attachments into a file that has none; an animation stays one.

    Args:
        content: A whole file, as an encoder made it.
        target: JPEG, PNG, WebP or JPEG XL. AVIF's encoder embeds them itself; a profile in JPEG XL
            is for its encoder too, and not put into it here.
        attachments: What goes into it.

    Returns:
        The file; the same one where nothing goes into it.
    """
    embedder = _EMBEDDERS.get(target)
    return embedder(bytes(content), attachments) if attachments and embedder else content


def _in_jpeg(content: bytes, attachments: Attachments) -> bytes:
    at = _MARKER_BYTES
    if content[at + 1] == _APP0:  # JFIF's stays the first
        at += _MARKER_BYTES + unpack_from(">H", content, at + _MARKER_BYTES)[0]
    return b"".join([content[:at], *_segments(attachments), content[at:]])


def _segments(attachments: Attachments) -> Iterator[bytes]:
    resource = RESOURCE_SIGNATURE + pack(">HHI", IPTC_RESOURCE, 0, len(attachments.iptc))
    padding = bytes(len(attachments.iptc) % 2)
    for code, prefix, block, behind in (
        (_APP1, EXIF_PREFIX, attachments.exif, b""),
        (_APP1, XMP_PREFIX, attachments.xmp, b""),
        (_APP13, RESOURCES_PREFIX + resource, attachments.iptc, padding),
    ):
        if block and len(prefix + block + behind) <= _SEGMENT_BYTES:
            yield _segment(code, prefix + block + behind)
    profile = attachments.profile
    parts = [
        profile[at : at + _PROFILE_PART_BYTES] for at in range(0, len(profile), _PROFILE_PART_BYTES)
    ]
    if len(parts) <= _MAX_PROFILE_PARTS:
        for number, part in enumerate(parts, 1):
            yield _segment(_APP2, _PROFILE_PREFIX + bytes([number, len(parts)]) + part)


def _segment(code: int, body: bytes) -> bytes:
    return pack(">BBH", 0xFF, code, len(body) + 2) + body


def _in_png(content: bytes, attachments: Attachments) -> bytes:
    # The profile has to come before the palette, the others may come anywhere.
    chunks = []
    if attachments.profile:
        chunks.append(_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(attachments.profile)))
    if attachments.exif:
        chunks.append(_chunk(b"eXIf", attachments.exif))
    if attachments.xmp:
        chunks.append(_chunk(b"iTXt", XMP_KEYWORD + bytes(5) + attachments.xmp))
    return b"".join([content[:_BEHIND_PNG_HEADER], *chunks, content[_BEHIND_PNG_HEADER:]])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))


def _in_webp(content: bytes, attachments: Attachments) -> bytes:
    header, rest = _extended_header(content)
    given = (
        (_PROFILE_FLAG, attachments.profile),
        (_EXIF_FLAG, attachments.exif),
        (_XMP_FLAG, attachments.xmp),
    )
    flags = header[0] | sum(flag for flag, block in given if block)
    body = b"WEBP" + _riff_chunk(b"VP8X", bytes([flags]) + header[1:])
    body += _riff_chunk(b"ICCP", attachments.profile) + rest
    body += _riff_chunk(b"EXIF", attachments.exif) + _riff_chunk(b"XMP ", attachments.xmp)
    return b"RIFF" + pack("<I", len(body)) + body


def _extended_header(content: bytes) -> tuple[bytes, bytes]:
    """The contents of the VP8X chunk, made where there is none, and what comes behind it."""
    kind, size = unpack_from("<4sI", content, _FIRST_CHUNK_AT)
    at, end = _FIRST_CHUNK_AT + 8, _RIFF_BYTES + unpack_from("<I", content, 4)[0]
    if kind == b"VP8X":
        return content[at : at + size], content[at + size : end]
    if kind == b"VP8L":
        bits = unpack_from("<I", content, at + 1)[0]
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF
        alpha = _ALPHA_FLAG if bits >> 28 & 1 else 0
    else:
        width, height = (side & 0x3FFF for side in unpack_from("<HH", content, at + 6))
        width, height, alpha = width - 1, height - 1, 0
    sides = width.to_bytes(3, "little") + height.to_bytes(3, "little")
    return bytes([alpha, 0, 0, 0]) + sides, content[_FIRST_CHUNK_AT:end]


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + pack("<I", len(body)) + body + bytes(len(body) % 2) if body else b""


def _in_jxl(content: bytes, attachments: Attachments) -> bytes:
    """The codestream, if it is bare, becomes a box beside those of the metadata."""
    if not (attachments.exif or attachments.xmp):
        return content
    boxes = []
    if attachments.exif:
        boxes.append(_box(b"Exif", bytes(4) + attachments.exif))
    if attachments.xmp:
        boxes.append(_box(b"xml ", attachments.xmp))
    if content.startswith(_JXL_CODESTREAM):
        return b"".join([_JXL_HEAD, *boxes, _box(b"jxlc", content)])
    return b"".join([content, *boxes])


def _box(kind: bytes, body: bytes) -> bytes:
    return pack(">I4s", 8 + len(body), kind) + body


_EMBEDDERS: dict[str, Callable[[bytes, Attachments], bytes]] = {
    "jpeg": _in_jpeg,
    "png": _in_png,
    "webp": _in_webp,
    "jxl": _in_jxl,
}
