"""Files that are known but not accepted, and how that is said."""

from pixelpipe.errors import UnsupportedFormatError
from pixelpipe.formats.registry import FORMATS, Format, is_installed

_FOREIGN = (
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


def not_accepted(what: str, allowed: str = "") -> UnsupportedFormatError:
    """The error for something that is known but not read.

    Args:
        what: Begins the sentence: "PDF", "A JPEG with 12 bits per sample".
        allowed: Ends it: what is accepted instead; the formats that are, unless it is said.
    """
    installed = ", ".join(each for each in FORMATS if is_installed(each))
    allowed = allowed or f"the accepted formats are {installed}"
    return UnsupportedFormatError(f"{what} is not accepted; {allowed}.")


_NAMES = {Format.HEIC: "HEIC", Format.JXL: "JPEG XL"}


def check_installed(format: Format) -> None:  # noqa: A002 - its name everywhere
    """Refuse a file whose codec is an extra that is not installed.

    Raises:
        UnsupportedFormatError: It names the extra.
    """
    if not is_installed(format):
        extra = f"it needs the extra pixelpipe[{FORMATS[format].extra}]"
        raise not_accepted(_NAMES[format], f"{extra}, which is not installed")


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
