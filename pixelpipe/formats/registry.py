"""The formats that PixelPipe reads and writes, and what each can hold."""

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """An image format, by the name that the API uses."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"


@dataclass(frozen=True, slots=True)
class FormatInfo:
    """What a format is called elsewhere, and what it can hold.

    Attributes:
        media_type: The IANA media type.
        extension: The usual file name extension, with its dot.
        holds_alpha: Whether an encoded variant keeps its alpha.
        writable: Whether variants can be encoded to it.
        default_quality: What `quality` is when nobody says; None where it has no meaning.
    """

    media_type: str
    extension: str
    holds_alpha: bool
    writable: bool
    default_quality: int | None


FORMATS: dict[Format, FormatInfo] = {
    Format.JPEG: FormatInfo("image/jpeg", ".jpg", False, True, 80),
    Format.PNG: FormatInfo("image/png", ".png", True, True, None),
    Format.WEBP: FormatInfo("image/webp", ".webp", True, True, 80),
    Format.AVIF: FormatInfo("image/avif", ".avif", True, True, 60),
    Format.GIF: FormatInfo("image/gif", ".gif", True, False, None),
    Format.TIFF: FormatInfo("image/tiff", ".tif", True, False, None),
    Format.BMP: FormatInfo("image/bmp", ".bmp", True, False, None),
}

WRITABLE = tuple(f for f, info in FORMATS.items() if info.writable)
