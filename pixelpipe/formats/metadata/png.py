"""PNG: eXIf, XMP in iTXt, and who made the picture in one of the three kinds of text.

After the PNG specification, third edition, 11.3.3, and the XMP specification part 3, 1.1.5.
"""

import zlib
from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.metadata.blocks import MAX_BLOCK_BYTES, Blocks, bounded, exif_block
from pixelpipe.formats.metadata.exif_block import with_rights
from pixelpipe.formats.metadata.rights import Rights, clean

XMP_KEYWORD = b"XML:com.adobe.xmp"

_CHUNK = Struct(">I4s")
_CHUNK_OVERHEAD = 12  # length, type, CRC
_FIRST_CHUNK_AT = 8
# The data of large pictures are cut into thousands.
_MAX_CHUNKS = 1 << 16
_MAX_TEXTS = 256

_AUTHOR, _COPYRIGHT = b"author", b"copyright"
_WANTED = frozenset({_AUTHOR, _COPYRIGHT, XMP_KEYWORD.lower()})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_COMPRESSED = 1


def read_png_blocks(data: memoryview) -> Blocks:
    """The first of each kind; what texts say of rights counts where EXIF does not."""
    exif = b""
    texts: dict[bytes, bytes] = {}
    looked_at = 0
    for kind, body in _chunks(data):
        if kind == b"eXIf" and not exif:
            exif = exif_block(body)
        elif kind in _TEXTS and looked_at < _MAX_TEXTS and len(body) <= MAX_BLOCK_BYTES:
            looked_at += 1
            keyword, _, rest = bytes(body).partition(b"\0")
            if (name := keyword.lower()) in _WANTED and name not in texts:
                texts[name] = _text(kind, rest)
    author, notice = (clean(_decoded(texts.get(name, b""))) for name in (_AUTHOR, _COPYRIGHT))
    if author or notice:
        exif = with_rights(exif, Rights((author,) if author else (), notice))
    return Blocks(exif, texts.get(XMP_KEYWORD.lower(), b""))


def _chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Type and contents of each chunk; what is broken ends the walk."""
    at = _FIRST_CHUNK_AT
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK_OVERHEAD > len(data):
            return
        size, kind = _CHUNK.unpack_from(data, at)
        end = at + _CHUNK_OVERHEAD + size
        if kind == b"IEND" or end > len(data):
            return
        yield kind, data[at + _CHUNK.size : end - 4]
        at = end


def _text(kind: bytes, rest: bytes) -> bytes:
    """What stands behind the keyword and its zero."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:])
    _, _, text = rest[2:].partition(b"\0")[2].partition(b"\0")  # language, translated keyword
    return _inflated(text) if rest[:1] == bytes([_COMPRESSED]) else bounded(text)


def _inflated(body: bytes) -> bytes:
    """Inflate a text; empty if it is broken, or larger than anybody writes."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(body, MAX_BLOCK_BYTES)
    except zlib.error:
        return b""
    return text if inflater.eof else b""


def _decoded(text: bytes) -> str:
    """UTF-8, as iTXt has it and many put into tEXt, or else Latin-1."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
