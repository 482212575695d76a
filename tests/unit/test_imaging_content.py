"""Photographs and drawings told apart, as they are and after what a variant does to them."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from pixelpipe.imaging.looks.content import is_drawing
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.pictures import noise, scene

FONT = cv2.FONT_HERSHEY_SIMPLEX


def plain(height: int, width: int, level: int = 255) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


@cache
def logo() -> Pixels:
    picture = plain(400, 560)
    cv2.circle(picture, (200, 200), 150, (200, 80, 20), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (280, 120), (520, 330), (30, 160, 250), -1)
    cv2.putText(picture, "Logo", (130, 230), FONT, 3.2, (255, 255, 255), 12, cv2.LINE_AA)
    return picture


@cache
def text() -> Pixels:
    picture = plain(420, 560)
    line = "The quick brown fox jumps over 0123456789 lazy dogs, and then it sleeps for a while."
    for y in range(16, 420, 16):
        cv2.putText(picture, line, (4, y), FONT, 0.4, (20, 20, 20), 1, cv2.LINE_AA)
    return picture


@cache
def chart() -> Pixels:
    picture = plain(400, 640)
    for y in range(30, 400, 50):
        cv2.line(picture, (0, y), (639, y), (220, 220, 220), 1)
    for bar in range(12):
        color = [(180, 119, 31), (14, 127, 255), (44, 160, 44)][bar % 3]
        cv2.rectangle(picture, (20 + bar * 50, 390 - bar * 30), (55 + bar * 50, 390), color, -1)
    return picture


@cache
def screenshot() -> Pixels:
    """With gradients, as the bars and the banners of a page have them."""
    picture = plain(640, 900, 245)
    picture[:50] = np.linspace(90, 200, 50).astype(np.uint8)[:, np.newaxis, np.newaxis]
    banner = np.linspace(60, 230, 900)[:, np.newaxis] * np.array([1, 0.7, 0.4])
    picture[50:180] = banner.astype(np.uint8)
    for row in range(4):
        cv2.rectangle(picture, (20, 200 + row * 100), (300, 280 + row * 100), (220, 200, 180), -1)
    picture[200:620, 320:880] = text()
    return picture


@cache
def lines() -> Pixels:
    picture = plain(400, 560)
    rng = np.random.default_rng(2)
    for _ in range(45):
        points = np.column_stack([rng.integers(0, 560, 4), rng.integers(0, 400, 4)])
        cv2.polylines(picture, [points.astype(np.int32)], False, (0, 0, 0), 2, cv2.LINE_AA)
    return picture


def photograph() -> Pixels:
    return scene(480, 640)


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    _, content = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def scaled(pixels: Pixels, factor: float, kernel: int = cv2.INTER_AREA) -> Pixels:
    resized = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=kernel)
    return np.asarray(resized, np.uint8)


def grainy(light: np.ndarray, sigma: float) -> Pixels:
    grain = np.random.default_rng(5).normal(0, sigma, light.shape)
    return np.clip(light + grain, 0, 255).astype(np.uint8)


def sky() -> Pixels:
    rows = np.linspace(250, 180, 400)[:, np.newaxis, np.newaxis] * np.array([1, 0.8, 0.6])
    return grainy(np.repeat(rows, 500, axis=1), 1)


def padded() -> Pixels:
    """A photograph on a canvas that is larger than it."""
    canvas = plain(800, 900)
    canvas[100:580, 100:740] = photograph()
    return canvas


def halo() -> Pixels:
    y, x = np.mgrid[0:400, 0:500]
    light = np.hypot(x - 250, y - 200)[:, :, np.newaxis]
    return np.asarray(light * np.array([0.5, 0.7, 0.75]), np.uint8)


DRAWINGS: dict[str, Callable[[], Pixels]] = {
    "logo": logo,
    "text": text,
    "chart": chart,
    "screenshot": screenshot,
    "line art": lines,
    "one colour": lambda: plain(300, 200, 77),
}
PHOTOGRAPHS: dict[str, Callable[[], Pixels]] = {
    "light and things": photograph,
    "grain": lambda: grainy(photograph(), 8),
    "sky": sky,
    "sky from a JPEG": lambda: as_jpeg(sky(), 50),
    "bad JPEG": lambda: as_jpeg(photograph(), 20),
    "overexposed": lambda: np.clip(photograph().astype(int) * 2, 0, 255).astype(np.uint8),
    "dark": lambda: photograph() // 6,
    "blurred": lambda: np.asarray(cv2.GaussianBlur(photograph(), (0, 0), 5), np.uint8),
    "very blurred": lambda: np.asarray(cv2.GaussianBlur(photograph(), (0, 0), 25), np.uint8),
    "enlarged": lambda: scaled(photograph(), 3, cv2.INTER_CUBIC),
    "small": lambda: scaled(photograph(), 0.2),
    "padded": padded,
    "noise": lambda: noise(300, 300, 3),
    "scanned text": lambda: grainy(text().astype(float) - 20, 3),
    "smooth light": halo,
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_drawings(name: str) -> None:
    assert is_drawing(DRAWINGS[name]())


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_drawings_at_other_sizes(name: str) -> None:
    assert is_drawing(scaled(DRAWINGS[name](), 0.5))
    assert is_drawing(scaled(DRAWINGS[name](), 1.4, cv2.INTER_CUBIC))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_photographs(name: str) -> None:
    assert not is_drawing(PHOTOGRAPHS[name]())


def test_gray_pictures_are_told_apart_too() -> None:
    assert is_drawing(np.ascontiguousarray(screenshot()[:, :, 1]))
    assert not is_drawing(np.ascontiguousarray(photograph()[:, :, 1]))


def test_alpha_makes_no_drawing_of_a_photograph() -> None:
    alpha = np.zeros((480, 640), np.uint8)
    cv2.circle(alpha, (320, 240), 200, 255, -1, cv2.LINE_AA)
    photo = np.where(alpha[:, :, np.newaxis] > 0, photograph(), 0).astype(np.uint8)
    assert not is_drawing(np.dstack([photo, alpha]))
    assert is_drawing(np.dstack([logo(), np.full((400, 560), 255, np.uint8)]))


def test_a_part_of_a_picture_is_told_by_itself() -> None:
    page = padded()
    assert not is_drawing(page[100:580, 100:740])
    assert is_drawing(screenshot()[210:610, 330:870])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9, 3), (9, 1, 3), (2, 2, 4), (129, 3, 3)])
def test_a_picture_may_be_tiny(shape: tuple[int, ...]) -> None:
    assert is_drawing(np.full(shape, 9, np.uint8))
