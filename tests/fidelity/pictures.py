"""Pictures for measuring, as arrays that nobody may write to, like the pages of the arena."""

from functools import cache

import cv2
import numpy as np

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Decode


def read_only(pixels: Pixels) -> Pixels:
    """The same pixels as a view that refuses to be written to."""
    view = pixels.view()
    view.flags.writeable = False
    return view


@cache
def scene(height: int, width: int) -> Pixels:
    """BGR like a photograph: light that fades, things with soft edges, fine texture."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = 120 + 40 * np.sin(x / 97) + 30 * np.cos(y / 61)
    picture = np.dstack([light, light * 0.9, light * 0.8])
    for grain_px, strength in ((64, 40), (32, 25), (16, 16), (8, 10), (4, 6), (2, 3)):
        coarse = rng.normal(size=(height // grain_px + 2, width // grain_px + 2, 3))
        grain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        picture += strength * grain
    for _ in range(30):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        disc = np.zeros((height, width), np.uint8)
        cv2.circle(disc, center, int(rng.integers(4, 9 + width // 8)), 160, -1, cv2.LINE_AA)
        cover = disc[:, :, None] / 255
        picture = picture * (1 - cover) + cover * rng.integers(0, 255, 3)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.6)
    return read_only(np.clip(np.rint(picture), 0, 255).astype(np.uint8))


@cache
def noise(height: int, width: int, channels: int) -> Pixels:
    """Every level at random: the worst case for whatever mixes pixels."""
    shape = (height, width, channels)[: 2 if channels == 1 else 3]
    return read_only(np.random.default_rng(11).integers(0, 256, shape, dtype=np.uint8))


def picture_of(
    pixels: Pixels, reduction: int = 1, source: tuple[int, int] | None = None
) -> Picture:
    """Pixels as if they came from a decode.

    Args:
        pixels: The decoded pixels.
        reduction: By which they were reduced.
        source: Height and width of the unreduced source.
    """
    height, width = pixels.shape[:2]
    source_height, source_width = source or (height, width)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    plan = Decode(Format.JPEG, width, height, channels, 1, reduction, source_width, source_height)
    return Picture(pixels, plan)
