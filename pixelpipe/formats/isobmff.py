"""The box structure that AVIF shares with MP4 and HEIC.

After ISO/IEC 14496-12, section 4.2.
"""

from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.reader import Reader

_HEADER = Struct(">I4s")
_LARGE_SIZE = Struct(">Q")
_SIZE_IS_LARGE, _SIZE_TO_END = 1, 0
_MAX_BRANDS_BYTES = 256

FULL_BOX_HEADER_BYTES = 4  # version and flags


def boxes(reader: Reader, at: int = 0) -> Iterator[tuple[bytes, Reader]]:
    """The boxes that lie one after the other from `at`: type and contents.

    Raises:
        DamagedImageError: A box reaches past the end, or is smaller than its own header.
    """
    while at < reader.size:
        size, kind = reader.unpack(_HEADER, at)
        header_bytes = _HEADER.size
        if size == _SIZE_IS_LARGE:
            (size,) = reader.unpack(_LARGE_SIZE, at + header_bytes)
            header_bytes += _LARGE_SIZE.size
        elif size == _SIZE_TO_END:
            size = reader.size - at
        if size < header_bytes:
            raise reader.damaged(f"the box at offset {at} has a size of {size} bytes")
        yield kind, reader.block(at + header_bytes, size - header_bytes, reader.what)
        at += size


def find(reader: Reader, wanted: bytes, at: int = 0) -> Reader:
    """The contents of the first box of type `wanted`.

    Raises:
        DamagedImageError: There is none.
    """
    for kind, body in boxes(reader, at):
        if kind == wanted:
            return body
    raise reader.damaged(f"it has no {wanted.decode()} box")


def brands(reader: Reader) -> set[bytes]:
    """The major and compatible brands of the file type box that a file begins with."""
    _, body = next(boxes(reader))
    found = body.window(0, _MAX_BRANDS_BYTES)
    major, compatible = found[:4], found[8:]  # the minor version lies between them
    return {major} | {compatible[i : i + 4] for i in range(0, len(compatible), 4)}
