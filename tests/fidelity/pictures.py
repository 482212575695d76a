"""Pictures for measuring, as arrays that nobody may write to, like the pages of the arena."""

from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.source import Source
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
def photograph(height: int, width: int) -> Pixels:
    """BGR with what photographs have: noise of 1/f, hard edges of any direction, and text."""
    rng = np.random.default_rng(3)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    power = np.maximum(frequency, 1 / max(height, width))
    planes = []
    for _ in range(4):
        waves = rng.normal(size=power.shape) + 1j * rng.normal(size=power.shape)
        plane = np.fft.irfft2(waves / power, s=(height, width))
        planes.append((plane - plane.mean()) / plane.std())
    picture = np.dstack([128 + 36 * planes[0] + 13 * plane for plane in planes[1:]])
    for _ in range(12):
        corners = rng.uniform(0, 16, (4, 2)) * (width, height)
        part = np.zeros((height, width), np.uint8)
        hull = cv2.convexHull(corners.astype(np.int32))
        cv2.fillConvexPoly(part, hull, 179, cv2.LINE_AA, shift=4)
        cover = part[:, :, None] / 255
        picture = picture * (1 - cover) + cover * rng.integers(0, 255, 3)
    image = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for row in range(0, height, 50):
        font = ImageFont.load_default(float(rng.integers(9, 36)))
        ink = tuple(int(level) for level in rng.integers(0, 255, 3))
        draw.text((int(rng.integers(width // 2)), row), "The quick brown fox 0123", ink, font)
    return read_only(np.array(image))


@cache
def zone_plate(side_px: int) -> Pixels:
    """Gray rings that become finer outwards; at the rim they change with every pixel."""
    center, rim = (side_px - 1) / 2, side_px / 2
    y, x = np.mgrid[0:side_px, 0:side_px] - center
    square = x**2 + y**2
    rings = 127.5 + 127.5 * np.cos(np.pi * square / 2 / rim)
    return read_only(np.rint(np.where(square <= rim**2, rings, 127.5)).astype(np.uint8))


@cache
def noise(height: int, width: int, channels: int) -> Pixels:
    """Every level at random: the worst case for whatever mixes pixels."""
    shape = (height, width, channels)[: 2 if channels == 1 else 3]
    return read_only(np.random.default_rng(11).integers(0, 256, shape, dtype=np.uint8))


def plan_of(pixels: Pixels, reduction: int = 1, source: tuple[int, int] | None = None) -> Decode:
    """How pixels were decoded, as if they came from a decode.

    Args:
        pixels: The decoded pixels.
        reduction: By which they were reduced.
        source: Height and width of the unreduced source.
    """
    height, width = pixels.shape[:2]
    source_height, source_width = source or (height, width)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    return Decode(Format.JPEG, width, height, channels, 1, reduction, source_width, source_height)


def picture_of(
    pixels: Pixels, reduction: int = 1, source: tuple[int, int] | None = None
) -> Picture:
    """A picture of these pixels; see `plan_of`."""
    return Picture(pixels, plan_of(pixels, reduction, source))


def source_of(pixels: Pixels, reduction: int = 1, source: tuple[int, int] | None = None) -> Source:
    """A source of these pixels; see `plan_of`."""
    return Source(pixels.reshape(-1), plan_of(pixels, reduction, source))
