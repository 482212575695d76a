"""JPEG XL codestreams with headers made field by field, after ISO/IEC 18181-1, annex D."""

import struct
from collections.abc import Sequence
from itertools import pairwise

from pixelpipe.formats.jxl_bits import Bits
from pixelpipe.formats.jxl_header import read_jxl_header
from tests.hostile.kind import bits_from_low
from tests.unit.probe_files import box

Fields = list[tuple[int, int]]

SIGNATURE = box(b"JXL ", b"\r\n\x87\n")
FILE_TYPE = box(b"ftyp", b"jxl \0\0\0\0jxl ")
ALPHA: Fields = [(1, 1)]  # all default
PREMULTIPLIED: Fields = [(0, 1), (0, 2), (0, 1), (0, 2), (0, 2), (0, 2), (1, 1)]
BLACK: Fields = [(0, 1), (2, 2), (2, 4), (0, 1), (0, 2), (0, 2), (0, 2)]
SRGB: Fields = [(1, 1)]
GRAY: Fields = [(0, 1), (0, 1), (1, 2), (1, 2), (0, 1), (2, 2), (11, 4), (1, 2)]
PROFILE: Fields = [(0, 1), (1, 1), (0, 2)]
DEPTHS: dict[int, Fields] = {
    8: [(0, 1), (0, 2)],
    10: [(0, 1), (1, 2)],
    12: [(0, 1), (2, 2)],
    16: [(0, 1), (3, 2), (15, 6)],
    31: [(0, 1), (3, 2), (30, 6)],
    32: [(1, 1), (0, 2), (7, 4)],
}
TOO_DEEP: dict[int, Fields] = {
    48: [(0, 1), (3, 2), (47, 6)],  # whole numbers; the others are floats
    33: [(1, 1), (3, 2), (32, 6), (7, 4)],
    64: [(1, 1), (3, 2), (63, 6), (7, 4)],
}

# 60x40 pixels, without loss: a red frame, a green one, a blue one; each is shown for one tick.
ANIMATION = bytes.fromhex(
    "ff0a09054d0020260804010044004b188b15805dfeff00a2abbc014012893f0804010044004b188b15805dfeff00"
    "8e22b90100d5963f0804050044004b188b15805dfeff00a222b90100d5963f"
)


def side(pixels: int) -> Fields:
    for choice, (size, most) in enumerate(((9, 1 << 9), (13, 1 << 13), (18, 1 << 18))):
        if pixels <= most:
            return [(choice, 2), (pixels - 1, size)]
    return [(3, 2), (pixels - 1, 30)]


def header(  # noqa: PLR0913 - its fields
    size: tuple[int, int],
    *,
    orientation: int = 1,
    depth: int = 8,
    extra: Sequence[Fields] = (),
    xyb: bool = False,
    color: Fields = SRGB,
    animated: bool = False,
    preview: bool = False,
) -> bytes:
    """The signature and a header with every field written out; frames may follow."""
    width, height = size
    count: Fields = [(len(extra), 2)] if len(extra) < 2 else [(2, 2), (len(extra) - 2, 4)]
    ticks: Fields = [(0, 2), (0, 2), (0, 2), (0, 1)] if animated else []
    small: Fields = [(1, 1), (0, 2), (1, 3)] if preview else []
    fields = [(0, 1), *side(height), (0, 3), *side(width)]
    fields += [(0, 1), (1, 1), (orientation - 1, 3), (0, 1), (preview, 1), *small]
    fields += [(animated, 1), *ticks, *(DEPTHS | TOO_DEEP)[depth], (1, 1), *count]
    fields += [field for channel in extra for field in channel]
    fields += [(xyb, 1), *color, (1, 1), (0, 2), (1, 1)]
    return b"\xff\x0a" + bits_from_low(fields)


def frames_of(codestream: bytes) -> bytes:
    """What follows the header of a codestream that has no profile."""
    bits = Bits(codestream, ValueError, 16)  # type: ignore[arg-type] # it is not raised
    read_jxl_header(bits)
    return codestream[-(-bits.at // 8) :]


def contained(*boxes: bytes) -> bytes:
    """Boxes in a container."""
    return SIGNATURE + FILE_TYPE + b"".join(boxes)


def in_parts(codestream: bytes, *cuts: int) -> bytes:
    """A container whose codestream is cut into parts, with something else between them."""
    places = [0, *cuts, len(codestream)]
    parts = []
    for number, (start, end) in enumerate(pairwise(places)):
        last = (end == len(codestream)) << 31
        parts += [box(b"jxlp", struct.pack(">I", number | last), codestream[start:end])]
        parts += [box(b"Exif", bytes(30))]
    return contained(*parts)
