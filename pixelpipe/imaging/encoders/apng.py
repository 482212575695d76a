"""Animated PNG: of each frame the part that changed, as the encoder of still pictures makes it.

After the PNG specification, third edition, 11.3.6. Pillow takes three times as long and makes one
frame of those that show the same picture.
"""

import zlib
from math import ceil
from struct import Struct

import cv2

from pixelpipe.formats.screens.png import chunks
from pixelpipe.imaging.encoders.png import encode_png
from pixelpipe.imaging.encoders.reel import Reel
from pixelpipe.imaging.pixels import Pixels, channels
from pixelpipe.recipes.task import Rect

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD_BYTES, _CRC_BYTES = 8, 4
_LENGTH = _NUMBER = Struct(">I")
_ANIMATION = Struct(">II")
_CONTROL = Struct(">IIIIIHHBB")
_KEEP, _REPLACE = 0, 0

_MOST_PLAYS = (1 << 31) - 1
_MOST_TICKS = (1 << 16) - 1
# Ticks in a second, finest first.
_SCALES = (1000, 100, 1)


def encode_apng(reel: Reel) -> bytes:
    """Encode frames without a loss.

    Raises:
        InternalError: The codec refuses the pixels.
    """
    parts: list[bytes] = []
    number = 0
    before: Pixels | None = None
    for pixels, delay_ms in zip(reel, reel.timing.delays_ms, strict=True):
        place = _whole(pixels) if before is None else _changed(before, pixels)
        header, data = _still(pixels, place)
        control = (number, place.width, place.height, place.x, place.y, *_delay(delay_ms))
        number += 1
        frame = _chunk(b"fcTL", _CONTROL.pack(*control, _KEEP, _REPLACE))
        if before is None:
            plays = min(reel.timing.loops, _MOST_PLAYS)
            start = _chunk(b"acTL", _ANIMATION.pack(len(reel), plays))
            parts += [_SIGNATURE, header, start, frame, _chunk(b"IDAT", data)]
        else:
            parts += [frame, _chunk(b"fdAT", _NUMBER.pack(number) + data)]
            number += 1
        before = pixels
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _whole(pixels: Pixels) -> Rect:
    height, width = pixels.shape[:2]
    return Rect(0, 0, width, height)


def _changed(before: Pixels, pixels: Pixels) -> Rect:
    """The least rectangle outside which nothing changed; one pixel where nothing did."""
    samples = channels(pixels)
    difference = cv2.absdiff(before, pixels).reshape(len(pixels), -1)
    left, top, width, height = cv2.boundingRect(difference)
    x = left // samples
    return Rect(x, top, max(ceil((left + width) / samples) - x, 1), max(height, 1))


def _still(pixels: Pixels, place: Rect) -> tuple[bytes, bytes]:
    """The header chunk of a part of a picture, and its data."""
    part = pixels[place.y : place.y + place.height, place.x : place.x + place.width]
    file = memoryview(bytes(encode_png(part)))
    header, data = b"", []
    for kind, start, end in chunks(file, len(_SIGNATURE)):
        if kind == b"IHDR":
            header = bytes(file[start:end])
        elif kind == b"IDAT":
            data.append(file[start + _HEAD_BYTES : end - _CRC_BYTES])
    return header, b"".join(data)


def _delay(delay_ms: int) -> tuple[int, int]:
    """Ticks, and how many of them are a second."""
    scale = next((scale for scale in _SCALES if delay_ms * scale <= _MOST_TICKS * 1000), 1)
    return min(round(delay_ms * scale / 1000), _MOST_TICKS), scale


def _chunk(kind: bytes, body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + kind + body + _LENGTH.pack(zlib.crc32(body, zlib.crc32(kind)))
