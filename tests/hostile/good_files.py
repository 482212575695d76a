"""Good files, the raw material that the hostile ones are made from."""

import io
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

SIZE = (64, 48)
LEGAL_SIDE = 7000  # 49 MP as a square, just within the limit of 50


@cache
def picture(mode: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """Coloured noise over a gradient, so that no codec packs it into next to nothing."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(5).integers(0, 60, (height, width, 4))
    pixels = noise + np.dstack([x * 190 // width, y * 190 // height, x * 0 + 90, x * 0 + 150])
    return Image.fromarray(pixels.astype(np.uint8), "RGBA").convert(mode)


@cache
def good(form: str, mode: str = "RGB", size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    """A whole file that every decoder reads."""
    stream = io.BytesIO()
    picture(mode, size).save(stream, form, **options)
    return stream.getvalue()


@cache
def animated(form: str, frames: int = 3) -> bytes:
    """A whole animation."""
    stream = io.BytesIO()
    first, *others = (picture("RGB").rotate(120 * number) for number in range(frames))
    first.save(stream, form, save_all=True, append_images=others, duration=50)
    return stream.getvalue()


def solid(form: str, size: tuple[int, int], mode: str = "L", **options: Any) -> bytes:
    """One colour, in a few bytes for many pixels."""
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form, **options)
    return stream.getvalue()
