"""HEIC and JPEG XL files, by the encoders that come with the extras."""

import io
from typing import Any

import pillow_heif
from PIL import Image
from pillow_jxl import Encoder

from pixelpipe.formats.registry import Format

_ORIENTATION_TAG = 0x0112
_QUICK = {"preset": "ultrafast"}


def heic(picture: Image.Image, orientation: int = 1, **options: Any) -> bytes:
    """The picture as a HEIC.

    Args:
        picture: As stored.
        orientation: What `irot` and `imir` shall amount to, as in EXIF.
        **options: `quality`, `chroma`, `tile_size` and what else pillow-heif knows.
    """
    content = io.BytesIO()
    coded = pillow_heif.from_pillow(picture)
    if orientation > 1:
        exif = Image.Exif()
        exif[_ORIENTATION_TAG] = orientation
        coded.info["exif"] = exif.tobytes()
    coded.save(content, **{"quality": 80, "enc_params": _QUICK} | options)
    return content.getvalue()


def jxl(picture: Image.Image, **options: Any) -> bytes:
    """The picture as a bare JPEG XL codestream; options are those of the encoder."""
    encoder = _encoder(picture.mode, options)
    return bytes(encoder(picture.tobytes(), *picture.size, jpeg_encode=False))


def packed_jpeg(content: bytes, size: tuple[int, int]) -> bytes:
    """A JPEG as a JPEG XL, out of which it can be made again."""
    return bytes(_encoder("RGB", {})(content, *size, jpeg_encode=True))


def _encoder(mode: str, options: dict[str, Any]) -> Any:
    every: Any = Encoder  # whose stubs are not up to date
    return every(mode=mode, num_threads=0, **{"quality": 90, "effort": 3} | options)


ENCODERS = {Format.HEIC: heic, Format.JXL: jxl}
