"""The pictures that are sent: a photograph, a small one, and three that cost more to read right.

All but a photograph of the user's are drawn, the same each time. Their shorter sides are at least
1920 px, but for the small one's, so that no variant of their sets is larger than its source.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmark.display_p3 import display_p3
from benchmark.errors import BenchError
from photograph import draw_photograph, draw_scene, is_jpeg, with_comment

PHOTO, SMALL = "photo", "small"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_IHDR_END = len(_PNG_START) + 25
_ORIENTATION, _TURNED_RIGHT = 0x0112, 6
# A camera measures 12 bits; more of them would be noise, which only makes a file larger.
_CAMERA_WHITE, _CAMERA_STEP = 4095, 16


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is sent.

    Attributes:
        name: One of `PICTURES`.
        what: What it is, in words.
        content: Its file, JPEG or PNG.
    """

    name: str
    what: str
    content: bytes

    def numbered(self, text: str) -> bytes:
        """The same picture in other bytes: a comment (JPEG), or a text chunk (PNG)."""
        if is_jpeg(self.content):
            return with_comment(self.content, text)
        return with_text_chunk(self.content, text)


def with_text_chunk(png: bytes, text: str) -> bytes:
    """The same picture in other bytes: a tEXt chunk behind IHDR (PNG 3rd edition, 11.3.3.2).

    Raises:
        ValueError: `png` is not a PNG.
    """
    if not png.startswith(_PNG_START):
        raise ValueError("only a PNG takes a text chunk")
    chunk = b"tEXtComment\0" + text.encode("latin-1")
    length, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return png[:_IHDR_END] + length + chunk + check + png[_IHDR_END:]


def photograph(path: Path | None, size_px: tuple[int, int]) -> Picture:
    """The photograph at `path`; without one, it is drawn in this size.

    Raises:
        BenchError: It cannot be read, or is no JPEG.
    """
    content = draw_photograph(*size_px) if path is None else _read(path)
    width, height = Image.open(io.BytesIO(content)).size
    what = f"{path.name if path else 'drawn'}, {width} x {height}, {len(content):,} B"
    return Picture(PHOTO, what, content)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}") from None
    if not is_jpeg(content):
        raise BenchError(f"{path} is no JPEG; the codec limit is one of JPEG")
    return content


def drawn(name: str, shrink: int = 1) -> Picture:
    """The drawn picture of this name.

    Args:
        name: One of `DRAWN`.
        shrink: By how much its sides are shorter than usual.
    """
    kind = _DRAWINGS[name]
    width, height = kind.width // shrink, kind.height // shrink
    content = kind.draw(width, height)
    return Picture(name, f"{kind.what}, {width} x {height}, {len(content):,} B", content)


def _small(width: int, height: int) -> bytes:
    """As a page or a message has them, about 60 kB."""
    return draw_photograph(width, height, quality=93)


def _wide_gamut(width: int, height: int) -> bytes:
    """In the colours of Display P3, lying on its side as a telephone stores it."""
    upright = _levels(_scene(width, height), 255).astype(np.uint8)
    stored = Image.fromarray(cv2.cvtColor(np.rot90(upright), cv2.COLOR_BGR2RGB))
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURNED_RIGHT
    encoded = io.BytesIO()
    stored.save(encoded, "JPEG", quality=90, exif=exif, icc_profile=display_p3())
    return encoded.getvalue()


def _deep(width: int, height: int) -> bytes:
    """16 bits a sample."""
    levels = _levels(_scene(width, height), _CAMERA_WHITE)
    return _png((levels * _CAMERA_STEP).astype(np.uint16))


def _soft(width: int, height: int) -> bytes:
    """Transparent outside an ellipse, whose edge is soft over hundreds of pixels."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    cover = np.clip((1.05 - np.hypot(rows, columns)) * 4, 0, 1).astype(np.float32)
    return _png(_levels(np.dstack([_scene(width, height), cover]), 255).astype(np.uint8))


def _scene(width: int, height: int) -> np.ndarray:
    """BGR in 0..1, drawn at half the size and enlarged.

    What a camera takes is that soft: the octave of its finest detail has a tenth of the power of
    the one below. The drawing itself has as much in both, which no photograph has.
    """
    drawn_small = draw_scene(width // 2, height // 2)
    scene = cv2.resize(drawn_small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(scene, 0, 1))


def _levels(picture: np.ndarray, white: int) -> np.ndarray:
    return np.asarray(np.rint(picture * white))


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


@dataclass(frozen=True, slots=True)
class _Drawing:
    what: str
    width: int
    height: int
    draw: Callable[[int, int], bytes]


_DRAWINGS = {
    SMALL: _Drawing("JPEG", 640, 480, _small),
    "p3": _Drawing("JPEG of Display P3, EXIF orientation 6", 3000, 4000, _wide_gamut),
    "deep": _Drawing("PNG of 16 bits", 2400, 1920, _deep),
    "alpha": _Drawing("PNG with soft alpha", 1920, 1920, _soft),
}
DRAWN = tuple(_DRAWINGS)
PICTURES = (PHOTO, *DRAWN)
