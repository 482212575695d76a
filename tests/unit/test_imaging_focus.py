"""Attention and entropy: the window holds the subject, wherever in the picture that is."""

from functools import cache
from itertools import product

import cv2
import numpy as np
import pytest
import pyvips

from pixelpipe.imaging.looks.focus import best_region
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.sizing import Gravity
from pixelpipe.recipes.task import Rect
from tests.fidelity.pictures import picture_of

WIDTH, HEIGHT = 420, 300
RADIUS = 34
PLACES = list(product((0.14, 0.5, 0.86), (0.16, 0.5, 0.84)))
WINDOWS = [(160, 160), (120, 300), (420, 110), (240, 135), (110, 196)]
PALE, BROWN = (150, 180, 225), (50, 76, 114)


@cache
def leaves(strength: float = 60) -> Pixels:
    """Foliage: green of every fineness."""
    rng = np.random.default_rng(3)
    light = np.zeros((HEIGHT, WIDTH), np.float32)
    for grain_px, share in ((32, 0.5), (16, 0.4), (8, 0.3), (4, 0.25), (2, 0.2)):
        coarse = rng.normal(size=(HEIGHT // grain_px + 2, WIDTH // grain_px + 2))
        light += share * cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    green = np.array([40, 90, 50]) + strength * light[:, :, np.newaxis] * np.array([0.5, 1, 0.55])
    return np.asarray(np.clip(green, 0, 255), np.uint8)


def face(at: tuple[int, int], color: tuple[int, int, int], strength: float = 60) -> Pixels:
    picture = leaves(strength).copy()
    x, y = at
    dark = tuple(int(level * 0.35) for level in color)
    cv2.ellipse(picture, at, (RADIUS * 3 // 4, RADIUS), 0, 0, 360, color, -1, cv2.LINE_AA)
    for side in (-1, 1):
        eye = (x + side * RADIUS // 3, y - RADIUS // 5)
        cv2.circle(picture, eye, RADIUS // 9, dark, -1, cv2.LINE_AA)
    mouth = (x, y + RADIUS // 2)
    cv2.ellipse(picture, mouth, (RADIUS // 3, RADIUS // 9), 0, 0, 360, (90, 80, 190), -1)
    return picture


def ball(at: tuple[int, int]) -> Pixels:
    """Something red on dull ground."""
    gray = cv2.cvtColor(leaves(30), cv2.COLOR_BGR2GRAY)
    picture = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    cv2.circle(picture, at, RADIUS * 3 // 4, (30, 40, 220), -1, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def writing(at: tuple[int, int]) -> Pixels:
    """A block of text on flat ground."""
    picture = np.full((HEIGHT, WIDTH, 3), 225, np.uint8)
    for line in range(-2, 3):
        start = (at[0] - RADIUS, at[1] + line * 13 + 4)
        cv2.putText(picture, "focus on", start, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1)
    return picture


def spot(place: tuple[float, float]) -> tuple[int, int]:
    return round(place[0] * WIDTH), round(place[1] * HEIGHT)


def held(window: Rect, at: tuple[int, int]) -> float:
    """How much of the square around the subject lies in the window, of what can."""
    box = (at[0] - RADIUS, at[1] - RADIUS, at[0] + RADIUS, at[1] + RADIUS)
    left, right = max(box[0], window.x), min(box[2], window.x + window.width)
    top, bottom = max(box[1], window.y), min(box[3], window.y + window.height)
    return max(0, right - left) * max(0, bottom - top) / (2 * RADIUS) ** 2


def whole(pixels: Pixels) -> Rect:
    return Rect(0, 0, pixels.shape[1], pixels.shape[0])


def found(pixels: Pixels, size: tuple[int, int], focus: Gravity) -> Rect:
    return best_region(picture_of(pixels), whole(pixels), *size, focus)


def by_libvips(pixels: Pixels, size: tuple[int, int], focus: Gravity) -> Rect:
    rgb = np.ascontiguousarray(pixels[:, :, ::-1])
    image = pyvips.Image.new_from_array(rgb).copy(interpretation="srgb")
    crop = image.smartcrop(*size, interesting=str(focus))
    return Rect(-crop.xoffset, -crop.yoffset, *size)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", WINDOWS)
def test_attention_holds_a_face_among_leaves_as_libvips_does(
    place: tuple[float, float], size: tuple[int, int]
) -> None:
    at = spot(place)
    pixels = face(at, PALE, strength=30)
    assert held(found(pixels, size, Gravity.ATTENTION), at) == 1
    assert held(by_libvips(pixels, size, Gravity.ATTENTION), at) > 0.9


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", WINDOWS)
def test_attention_holds_any_face_among_strong_leaves_and_a_red_ball(
    place: tuple[float, float], size: tuple[int, int]
) -> None:
    at = spot(place)
    for pixels in (face(at, PALE), face(at, BROWN), ball(at)):
        assert held(found(pixels, size, Gravity.ATTENTION), at) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", WINDOWS)
def test_attention_and_entropy_hold_the_text_on_flat_ground_as_libvips_does(
    place: tuple[float, float], size: tuple[int, int]
) -> None:
    at = spot(place)
    pixels = writing(at)
    for focus in (Gravity.ATTENTION, Gravity.ENTROPY):
        assert held(found(pixels, size, focus), at) == 1
        assert held(by_libvips(pixels, size, focus), at) > 0.7


@pytest.mark.parametrize("place", PLACES)
def test_a_gray_picture_has_a_subject_too(place: tuple[float, float]) -> None:
    at = spot(place)
    gray = np.ascontiguousarray(writing(at)[:, :, 0])
    for focus in (Gravity.ATTENTION, Gravity.ENTROPY):
        assert held(found(gray, (140, 140), focus), at) == 1


@pytest.mark.parametrize("focus", [Gravity.ATTENTION, Gravity.ENTROPY])
@pytest.mark.parametrize("shape", [(300, 420), (301, 423, 3), (97, 640, 4), (1, 1, 3), (2, 900, 3)])
def test_of_a_flat_picture_the_middle_is_taken(shape: tuple[int, ...], focus: Gravity) -> None:
    pixels = np.full(shape, 90, np.uint8)
    width, height = max(1, shape[1] // 3), max(1, shape[0] * 2 // 3)
    window = found(pixels, (width, height), focus)
    assert abs(2 * window.x + width - shape[1]) <= 1
    assert abs(2 * window.y + height - shape[0]) <= 1


@pytest.mark.parametrize("focus", [Gravity.ATTENTION, Gravity.ENTROPY])
def test_two_equal_subjects_leave_the_window_with_one_of_them(focus: Gravity) -> None:
    left, right = spot((0.2, 0.5)), spot((0.8, 0.5))
    pixels = np.minimum(writing(left), writing(right))
    window = found(pixels, (120, 200), focus)
    assert max(held(window, left), held(window, right)) == 1


@pytest.mark.parametrize("focus", [Gravity.ATTENTION, Gravity.ENTROPY])
def test_what_is_transparent_does_not_count(focus: Gravity) -> None:
    seen, hidden = spot((0.8, 0.3)), spot((0.15, 0.7))
    pixels = np.dstack([writing(seen), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    pixels[:, : WIDTH // 2, :3] = face(hidden, PALE)[:, : WIDTH // 2]
    pixels[:, : WIDTH // 2, 3] = 0
    assert held(found(pixels, (140, 140), focus), seen) == 1
    pixels[..., 3] = 255
    if focus is Gravity.ATTENTION:
        assert held(found(pixels, (140, 140), focus), hidden) == 1


@pytest.mark.parametrize("focus", [Gravity.ATTENTION, Gravity.ENTROPY])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_logo_on_transparent_ground_is_held(focus: Gravity, level: int) -> None:
    at = spot((0.8, 0.2))
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    cv2.circle(pixels, at, RADIUS, (level, level, level, 255), -1, cv2.LINE_AA)
    assert held(found(pixels, (130, 130), focus), at) == 1


def test_the_window_stays_within_its_bounds() -> None:
    at, outside = spot((0.5, 0.5)), spot((0.9, 0.5))
    pixels = np.minimum(writing(at), face(outside, PALE))
    bounds = Rect(101, 53, 190, 181)
    for focus in (Gravity.ATTENTION, Gravity.ENTROPY):
        window = best_region(picture_of(pixels), bounds, 90, 90, focus)
        assert bounds.x <= window.x <= bounds.x + bounds.width - 90
        assert bounds.y <= window.y <= bounds.y + bounds.height - 90
        assert held(window, at) > 0.9


def test_a_window_as_large_as_its_bounds_is_the_bounds() -> None:
    bounds = Rect(7, 11, 199, 101)
    picture = picture_of(leaves())
    assert best_region(picture, bounds, 199, 101, Gravity.ATTENTION) == bounds


@pytest.mark.parametrize("reduction", [2, 4])
def test_a_reduced_picture_gives_the_window_of_the_whole(reduction: int) -> None:
    at = spot((0.8, 0.3))
    large = cv2.resize(face(at, PALE), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    decoded = cv2.resize(large, None, fx=1 / reduction, fy=1 / reduction)
    size = (600, 600)
    bounds = Rect(0, 0, 4 * WIDTH, 4 * HEIGHT)
    reduced = picture_of(np.asarray(decoded, np.uint8), reduction, (4 * HEIGHT, 4 * WIDTH))
    window = best_region(reduced, bounds, *size, Gravity.ATTENTION)
    unreduced = picture_of(np.asarray(large, np.uint8))
    wanted = best_region(unreduced, bounds, *size, Gravity.ATTENTION)
    assert abs(window.x - wanted.x) <= 12
    assert abs(window.y - wanted.y) <= 12


def test_the_window_follows_its_subject_smoothly() -> None:
    places = [
        found(face((x, 150), PALE), (200, 300), Gravity.ATTENTION).x for x in range(150, 271, 4)
    ]
    steps = np.diff(places)
    assert steps.min() >= -3
    assert steps.max() <= 12
    assert places[-1] - places[0] > 80
