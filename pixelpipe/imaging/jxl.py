"""JPEG XL by the extra pillow-jxl-plugin: into pixels, and out of them.

Its own classes are used, and not the plugin for Pillow, which copies all pixels two more times.
They start no thread if there are to be none.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

import cv2
import numpy as np

from pixelpipe.errors import InternalError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete
from pixelpipe.imaging.pixels import BGR, BGRA, GRAY, Pixels, as_pixels, channels

_MODES = {GRAY: "L", BGR: "RGB", BGRA: "RGBA"}
_FROM_RGB = {BGR: cv2.COLOR_RGB2BGR, BGRA: cv2.COLOR_RGBA2BGRA}
_GRAY_AND_ALPHA = 2
_WIDE_WHITE = 65535
_WHITE = 255

# At 1.2 Mpx of a photograph: 5 takes five times as long for half a decibel, 7 nine times. Without
# loss, 3 takes twice as long for a tenth less, 7 thirteen times for an eighth.
_EFFORT, _LOSSLESS_EFFORT = 4, 2
# At 100 the encoder wants to lose nothing, and then refuses to be told otherwise.
_HIGHEST, _HIGHEST_LOSSY = 100, 99.9


@dataclass(frozen=True, slots=True)
class DecodedJxl:
    """A decoded picture.

    Attributes:
        pixels: 8 bits, upright: gray, BGR, or BGRA, with alpha as the file has it.
        profile: The ICC profile that they are in.
    """

    pixels: Pixels
    profile: bytes


def decode_jxl(codestream: bytes) -> DecodedJxl:
    """The picture in a codestream that was screened; of an animation the last frame.

    Raises:
        DamagedImageError: It cannot be decoded.
    """
    decoder = _plugin().Decoder(num_threads=0)
    try:
        is_jpeg, info, content, profile, *_ = decoder(codestream)
    except (RuntimeError, ValueError, NotImplementedError) as refusal:
        raise incomplete(Format.JXL) from refusal
    assert not is_jpeg, "a bare codestream has no way back to a JPEG"
    count = info.num_channels + info.has_alpha_channel
    return DecodedJxl(_pixels(content, info.height, info.width, count), bytes(profile))


def encode_jxl(pixels: Pixels, quality: int, *, lossless: bool = False) -> bytes:
    """Encode pixels as a bare codestream, without metadata, in sRGB.

    Args:
        pixels: Gray, BGR or BGRA.
        quality: 1 to 100, as of a JPEG; counts for nothing where it is lossless.
        lossless: Whether every level is kept.

    Raises:
        InternalError: The codec refuses the pixels.
    """
    count = channels(pixels)
    encoder = _plugin().Encoder(
        mode=_MODES[count],
        lossless=lossless,
        quality=_HIGHEST if lossless else min(quality, _HIGHEST_LOSSY),
        effort=_LOSSLESS_EFFORT if lossless else _EFFORT,
        num_threads=0,
    )
    ordered = pixels if count == GRAY else cv2.cvtColor(pixels, _FROM_RGB[count])
    height, width = pixels.shape[:2]
    try:
        return bytes(encoder(ordered.tobytes(), width, height, jpeg_encode=False))
    except (RuntimeError, ValueError) as refusal:
        raise InternalError("The finished picture could not be encoded as jxl.") from refusal


@cache
def _plugin() -> ModuleType:
    """The extra; who calls it has seen that it is installed.

    Raises:
        InternalError: It cannot be loaded, though it is there.
    """
    try:
        return import_module("pillow_jxl")
    except (ImportError, OSError) as refusal:
        raise InternalError(
            f"The pillow-jxl-plugin that is installed cannot be loaded: {refusal}."
        ) from refusal


def _pixels(content: bytes, height: int, width: int, count: int) -> Pixels:
    """Gray comes as deep as it is, colour always as 8 bits."""
    samples = height * width * count
    kind = {1: np.uint8, 2: np.uint16, 4: np.float32}.get(len(content) // samples)
    if kind is None or len(content) != samples * np.dtype(kind).itemsize:
        raise incomplete(Format.JXL)
    shape = (height, width, count) if count > GRAY else (height, width)
    stored = _to_8_bits(np.frombuffer(content, kind).reshape(shape))
    if count == _GRAY_AND_ALPHA:
        gray, alpha = cv2.split(stored)
        return as_pixels(cv2.merge([gray, gray, gray, alpha]))
    return stored if count == GRAY else as_pixels(cv2.cvtColor(stored, _FROM_RGB[count]))


def _to_8_bits(samples: np.ndarray) -> Pixels:
    if samples.dtype == np.uint8:
        return samples
    white = _WIDE_WHITE if samples.dtype == np.uint16 else 1
    return as_pixels(cv2.convertScaleAbs(np.maximum(samples, 0), alpha=_WHITE / white))
