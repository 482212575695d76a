"""Files that are known but not accepted, and how that is said."""

from pixelpipe.errors import UnsupportedFormatError
from pixelpipe.formats.registry import FORMATS

_ACCEPTED = "the accepted formats are " + ", ".join(FORMATS)

_FOREIGN = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"\0\0\x01\0", "ICO"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"8BPS", "Photoshop PSD"),
    (b"qoif", "QOI"),
    (b"%PDF", "PDF"),
    (b"\x59\xa6\x6a\x95", "Sun Raster"),
    *((b"P%d" % digit, "PNM") for digit in range(1, 8)),
)

HEAD_BYTES = 512


def not_accepted(what: str, allowed: str = _ACCEPTED) -> UnsupportedFormatError:
    """The error for something that is known but not read.

    Args:
        what: Begins the sentence: "HEIC", "A JPEG with 12 bits per sample".
        allowed: Ends it: what is accepted instead.
    """
    return UnsupportedFormatError(f"{what} is not accepted; {allowed}.")


def refuse(head: bytes) -> UnsupportedFormatError:
    """The error for a file of no accepted format.

    Args:
        head: The first `HEAD_BYTES` of it, or all that there are.
    """
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return not_accepted(name)
    if b"<svg" in head:
        return not_accepted("SVG")
    return not_accepted("This file")
