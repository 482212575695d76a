"""JPEG XL: what its decoder hands out made straight."""

from pixelpipe.formats.jxl import HEADER_BYTES, parse_head
from pixelpipe.formats.reader import Budget, Reader
from pixelpipe.imaging.alpha import unpremultiply
from pixelpipe.imaging.codecs.stored import Stored
from pixelpipe.imaging.jxl import decode_jxl
from pixelpipe.imaging.pixels import Pixels, has_alpha


def decode_jxl_file(data: Pixels) -> Stored:
    """The first picture of a screened JPEG XL, upright, with the profile that its colours are in.

    Raises:
        DamagedImageError: It cannot be decoded.
    """
    head = data[:HEADER_BYTES].tobytes()
    header = parse_head(head, Reader(memoryview(head), "JPEG XL file", Budget()))
    decoded = decode_jxl(data.tobytes())
    pixels = decoded.pixels
    if header.premultiplied and has_alpha(pixels):
        pixels = unpremultiply(pixels)
    return Stored(pixels, profile=b"" if header.plain else decoded.profile)
