"""JPEG XL: a codestream, bare or in a container of boxes.

After ISO/IEC 18181-1 and 18181-2.
"""

from collections.abc import Iterator
from struct import Struct

from pixelpipe.formats.isobmff import boxes
from pixelpipe.formats.jxl_bits import Bits
from pixelpipe.formats.jxl_header import ALPHA, BLACK, JxlHeader, read_jxl_header
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.refusal import check_installed, not_accepted
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

HEADER_BYTES = 8192
MAGIC = b"\xff\x0a"

_WHOLE, _PART = b"jxlc", b"jxlp"
_PART_NUMBER = Struct(">I")
# A decoder takes 8 bytes for each pixel of each, in whatever few bytes they are stored.
_MAX_EXTRA_CHANNELS = 4
_SIDEWAYS = frozenset({5, 6, 7, 8})
_UPRIGHT = 1


def read_jxl(reader: Reader) -> SourceInfo:
    """Read size, depth and alpha. The decoder turns pictures upright itself.

    Raises:
        UnsupportedFormatError: The extra for JPEG XL is not installed; or colours are inks.
        DamagedImageError: The header is broken, or too long.
    """
    check_installed(Format.JXL)
    head = b""
    for part in codestream(reader):
        head += part.window(0, HEADER_BYTES - len(head))
        if len(head) == HEADER_BYTES:
            break
    header = parse_head(head, reader)
    sides = (header.width, header.height)
    width, height = sides[::-1] if header.orientation in _SIDEWAYS else sides
    return SourceInfo(
        format=Format.JXL,
        stored_width=width,
        stored_height=height,
        channels=4 if ALPHA in header.extra_kinds else 1 if header.gray else 3,
        bit_depth=header.bits,
        orientation=_UPRIGHT,
    )


def codestream(reader: Reader) -> Iterator[Reader]:
    """The parts of the codestream, in order.

    Raises:
        DamagedImageError: A box is broken, or reaches past the end.
    """
    if reader.window(0, len(MAGIC)) == MAGIC:
        yield reader
        return
    for kind, body in boxes(reader):
        if kind == _WHOLE:
            yield body
            return
        if kind == _PART:
            yield body.block(_PART_NUMBER.size, body.size - _PART_NUMBER.size, reader.what)
            (number,) = body.unpack(_PART_NUMBER, 0)
            if number >> 31:
                return


def parse_head(head: bytes, reader: Reader) -> JxlHeader:
    """The header in the beginning of a codestream.

    Raises:
        UnsupportedFormatError: Colours are inks, or there are far too many channels.
        DamagedImageError: It is broken, or too long.
    """
    if not head.startswith(MAGIC):
        raise reader.damaged("it has no codestream")
    header = read_jxl_header(Bits(head[len(MAGIC) :], reader.damaged))
    if BLACK in header.extra_kinds:
        raise not_accepted("A JPEG XL in CMYK", "one in RGB or gray is")
    if len(header.extra_kinds) > _MAX_EXTRA_CHANNELS:
        many = f"A JPEG XL of {len(header.extra_kinds)} channels beside colours"
        raise not_accepted(many, f"one of up to {_MAX_EXTRA_CHANNELS} is")
    return header
