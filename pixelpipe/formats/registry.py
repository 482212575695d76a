"""The formats that PixelPipe reads and writes, and what each can hold."""

from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec


class Format(StrEnum):
    """An image format, by the name that the API uses."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    HEIC = "heic"
    JXL = "jxl"


@dataclass(frozen=True, slots=True)
class FormatInfo:
    """What a format is called elsewhere, and what it can hold.

    Attributes:
        media_type: The IANA media type.
        extension: The usual file name extension, with its dot.
        holds_alpha: Whether an encoded variant keeps its alpha.
        writable: Whether variants can be encoded to it.
        default_quality: What `quality` is when nobody says; None where it has no meaning.
        extra: Which of the package's extras brings the codec; empty where it is always there.
        module: What that extra installs.
    """

    media_type: str
    extension: str
    holds_alpha: bool
    writable: bool
    default_quality: int | None
    extra: str = ""
    module: str = ""


FORMATS: dict[Format, FormatInfo] = {
    Format.JPEG: FormatInfo("image/jpeg", ".jpg", False, True, 80),
    Format.PNG: FormatInfo("image/png", ".png", True, True, None),
    Format.WEBP: FormatInfo("image/webp", ".webp", True, True, 80),
    Format.AVIF: FormatInfo("image/avif", ".avif", True, True, 60),
    Format.GIF: FormatInfo("image/gif", ".gif", True, False, None),
    Format.TIFF: FormatInfo("image/tiff", ".tif", True, False, None),
    Format.BMP: FormatInfo("image/bmp", ".bmp", True, False, None),
    Format.HEIC: FormatInfo("image/heic", ".heic", True, False, None, "heic", "pillow_heif"),
    Format.JXL: FormatInfo("image/jxl", ".jxl", True, True, 80, "jxl", "pillow_jxl"),
}


def is_installed(format: Format) -> bool:  # noqa: A002 - its name everywhere
    """Whether a format's codec is there."""
    return format in _INSTALLED


# The extras' codecs are looked for and not loaded.
_INSTALLED = {f for f, info in FORMATS.items() if not info.module or find_spec(info.module)}

WRITABLE = tuple(f for f, info in FORMATS.items() if info.writable and is_installed(f))

# Its sides have 14 bits.
WEBP_MAX_SIDE_PX = 16383

# What variants can stay animated in; PNG as APNG.
ANIMATED = frozenset({Format.PNG, Format.WEBP, Format.AVIF})
