"""The codecs that are tried for the codec limit, each as quick as it can be set.

The quick DCT and the quick upsampling of libjpeg-turbo are among them, though they cost quality.
"""

import io
from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from photograph import is_jpeg
from pixelpipe.imaging.codecs.turbojpeg import decode_planes
from pixelpipe.imaging.encoders.jpeg import encode_jpeg_planes
from pixelpipe.imaging.planes import Planes, padded_planes_in, split

Pixels = NDArray[np.uint8]
Encode = Callable[[Pixels, int], bytes]

_GRAY_DIMENSIONS = 2
# More than a set has variants.
_KEPT_APART = 16
_REDUCED = {
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_COLOR_8),
}


class Decode(Protocol):
    """Decodes a file, a JPEG reduced by 1, 2, 4 or 8, as gray or colour."""

    def __call__(self, content: bytes, reduction: int, *, gray: bool) -> object:
        """The pixels, of whatever type the codec has for them."""


def decoders(content: bytes) -> dict[str, Decode]:
    """Those that can read the file."""
    return _JPEG_DECODERS if is_jpeg(content) else _PNG_DECODERS


def _turbo(content: bytes, reduction: int, *, gray: bool) -> object:
    return _turbo_decode(content, reduction, gray=gray, quick=False)


def _turbo_quick(content: bytes, reduction: int, *, gray: bool) -> object:
    return _turbo_decode(content, reduction, gray=gray, quick=True)


def _turbo_decode(content: bytes, reduction: int, *, gray: bool, quick: bool) -> object:
    height, width = simplejpeg.decode_jpeg_header(content)[:2]
    return simplejpeg.decode_jpeg(
        content,
        "GRAY" if gray else "BGR",
        fastdct=quick,
        fastupsample=quick,
        min_width=-(-width // reduction),
        min_height=-(-height // reduction),
    )


def _turbo_planes(content: bytes, reduction: int, *, gray: bool) -> object:
    """Luma and chroma as they are; None where the file, or the machine, has no such planes."""
    if gray:
        return None
    height, width = (-(-side // reduction) for side in simplejpeg.decode_jpeg_header(content)[:2])
    planes = _room_for_planes(width, height)
    data = np.frombuffer(content, np.uint8)
    return planes if decode_planes(data, (width, height), reduction, planes) else None


def _room_for_planes(width: int, height: int) -> Planes:
    room = np.empty((width + 1) // 2 * ((height + 1) // 2) * 6, np.uint8)
    return padded_planes_in(room, width, height)


def _opencv(content: bytes, reduction: int, *, gray: bool) -> object:
    flags = _REDUCED[reduction][0 if gray else 1] | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(content, np.uint8), flags)


def _pillow(content: bytes, reduction: int, *, gray: bool) -> object:
    image = Image.open(io.BytesIO(content))
    width, height = image.size
    image.draft("L" if gray else "RGB", (width // reduction, height // reduction))
    image.load()
    return image


def _opencv_png(content: bytes, reduction: int, *, gray: bool) -> object:
    del reduction, gray  # A PNG has no cheaper form.
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def _pillow_png(content: bytes, reduction: int, *, gray: bool) -> object:
    del reduction, gray
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


_JPEG_DECODERS: dict[str, Decode] = {
    "simplejpeg": _turbo,
    "simplejpeg quick": _turbo_quick,
    "TurboJPEG planes": _turbo_planes,
    "OpenCV": _opencv,
    "Pillow": _pillow,
}
_PNG_DECODERS: dict[str, Decode] = {"OpenCV": _opencv_png, "Pillow": _pillow_png}


def _turbo_encoder(*, quick: bool) -> Encode:
    def encode(pixels: Pixels, quality: int) -> bytes:
        gray = pixels.ndim == _GRAY_DIMENSIONS
        encoded: bytes = simplejpeg.encode_jpeg(
            pixels[..., None] if gray else pixels,
            quality,
            "GRAY" if gray else "BGR",
            "Gray" if gray else "420",
            fastdct=quick,
        )
        return encoded

    return encode


def _planes_encoder() -> Encode:
    """What is not measured, to take the pixels apart, is done once for each."""
    apart: dict[int, tuple[Pixels, Planes]] = {}

    def encode(pixels: Pixels, quality: int) -> bytes:
        if pixels.ndim == _GRAY_DIMENSIONS:
            return _turbo_encoder(quick=False)(pixels, quality)
        if id(pixels) not in apart:
            height, width = pixels.shape[:2]
            padded = _room_for_planes(width, height)
            split(pixels, padded)
            planes = Planes(padded.luma[:height, :width], padded.blue, padded.red)
            apart[id(pixels)] = (pixels, planes)
            if len(apart) > _KEPT_APART:
                del apart[next(iter(apart))]
        return bytes(encode_jpeg_planes(apart[id(pixels)][1], quality))

    return encode


def _opencv_encoder(*, optimize: bool) -> Encode:
    def encode(pixels: Pixels, quality: int) -> bytes:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, int(optimize)]
        return cv2.imencode(".jpg", pixels, options)[1].tobytes()

    return encode


def _pillow_encoder(*, optimize: bool) -> Encode:
    def encode(pixels: Pixels, quality: int) -> bytes:
        file = io.BytesIO()
        image = Image.fromarray(pixels)
        image.save(file, "JPEG", quality=quality, optimize=optimize, subsampling="4:2:0")
        return file.getvalue()

    return encode


ENCODERS: dict[str, Encode] = {
    "simplejpeg": _turbo_encoder(quick=False),
    "simplejpeg quick": _turbo_encoder(quick=True),
    "simplejpeg planes": _planes_encoder(),
    "OpenCV": _opencv_encoder(optimize=False),
    "OpenCV optimized": _opencv_encoder(optimize=True),
    "Pillow": _pillow_encoder(optimize=False),
    "Pillow optimized": _pillow_encoder(optimize=True),
}
