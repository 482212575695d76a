"""Pictures for tests, drawn when asked for."""

import io
from functools import cache
from itertools import count

import numpy as np
from PIL import Image, ImageDraw


@cache
def photo_jpeg(width: int = 320, height: int = 240, quality: int = 90) -> bytes:
    """A JPEG that compresses like a photograph: smooth light with a few things in it."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = [np.hypot(x - width * at, y - height * at) / (width + height) for at in (0.2, 0.5, 0.9)]
    image = Image.fromarray((255 * np.clip(np.dstack(light), 0, 1)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width // 8, height // 8, width // 3, height // 2), fill=(200, 40, 30))
    draw.rectangle((width // 2, height // 2, width - 1, height * 4 // 5), fill=(20, 90, 160))
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


@cache
def noise_jpeg(side_px: int) -> bytes:
    """A square that no codec makes small."""
    noise = np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(noise).save(encoded, "JPEG", quality=80)
    return encoded.getvalue()


_numbers = count()


def unlike(jpeg: bytes) -> bytes:
    """The same picture in bytes that nobody has had before: what is known is not made again."""
    comment = f"number {next(_numbers)}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def opened(content: bytes) -> Image.Image:
    """The decoded picture, by a codec that is not PixelPipe's."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
