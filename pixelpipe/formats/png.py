"""PNG: the header chunk, and the chunks that change what the pixels mean.

After the PNG specification, third edition: IHDR, tRNS (transparency), eXIf (orientation), acTL
(frames).
"""

from struct import Struct

from pixelpipe.formats.exif import UPRIGHT, read_orientation
from pixelpipe.formats.reader import Reader
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo

_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_BIT_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16),
    _RGBA: (8, 16),
}
_CHANNELS = {_GRAY: 1, _RGB: 3, _PALETTE: 3, _GRAY_ALPHA: 4, _RGBA: 4}
_TRANSPARENT_SIZES = {_GRAY: range(2, 3), _RGB: range(6, 7), _PALETTE: range(1, 257)}
_PALETTE_BITS = 8

_CHUNK = Struct(">I4s")
_HEADER = Struct(">IIBB")
_HEADER_AT = 8
_HEADER_BYTES = 13
_CHUNK_OVERHEAD = 12  # length, type, CRC
_ANIMATION = Struct(">I")


def read_png(reader: Reader) -> SourceInfo:
    """Read size, colour type and transparency up to the image data; eXIf also behind it.

    Raises:
        DamagedImageError: The header is not the first chunk or is not allowed, or the file ends
            before its image data.
    """
    width, height, depth, colour = _header(reader)
    transparent = False
    frames = 1
    exif: Reader | None = None
    at = _HEADER_AT + _HEADER_BYTES + _CHUNK_OVERHEAD
    size, kind = reader.unpack(_CHUNK, at)
    while kind != b"IDAT":
        if kind == b"IEND":
            raise reader.damaged("it has no image data")
        if kind == b"tRNS":
            transparent = size in _TRANSPARENT_SIZES.get(colour, ())
        elif kind == b"eXIf":
            exif = reader.block(at + _CHUNK.size, size, "EXIF block")
        elif kind == b"acTL" and size >= _ANIMATION.size:
            (frames,) = reader.unpack(_ANIMATION, at + _CHUNK.size)
        at += size + _CHUNK_OVERHEAD
        size, kind = reader.unpack(_CHUNK, at)
    exif = exif or _exif_behind(reader, at)
    return SourceInfo(
        format=Format.PNG,
        stored_width=width,
        stored_height=height,
        channels=4 if transparent else _CHANNELS[colour],
        bit_depth=_PALETTE_BITS if colour == _PALETTE else depth,
        orientation=read_orientation(exif) if exif else UPRIGHT,
        frames=max(frames, 1),
        # How frames are put together is told among them, too far away to look.
        frames_alpha=frames > 1,
    )


def _header(reader: Reader) -> tuple[int, int, int, int]:
    size, kind = reader.unpack(_CHUNK, _HEADER_AT)
    if kind == b"CgBI":
        raise reader.damaged("it is in Apple's CgBI variant, which is no PNG")
    if kind != b"IHDR" or size != _HEADER_BYTES:
        raise reader.damaged("it does not begin with a header chunk")
    width, height, depth, colour = reader.unpack(_HEADER, _HEADER_AT + _CHUNK.size)
    if depth not in _BIT_DEPTHS.get(colour, ()):
        raise reader.damaged(f"colour type {colour} with {depth} bits is not allowed")
    return width, height, depth, colour


def _exif_behind(reader: Reader, at: int) -> Reader | None:
    """An eXIf chunk after the first IDAT at `at`, if the file reaches so far.

    A big picture has thousands of IDAT chunks: the search ends with the budget, rather than
    refusing the picture.
    """
    while reader.budget.left and at + _CHUNK.size <= reader.size:
        size, kind = reader.unpack(_CHUNK, at)
        if kind == b"IEND":
            break
        end = at + size + _CHUNK_OVERHEAD
        if kind == b"eXIf" and reader.budget.left and end <= reader.size:
            return reader.block(at + _CHUNK.size, size, "EXIF block")
        at = end
    return None
