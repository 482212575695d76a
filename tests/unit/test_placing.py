"""Where a variant lies in a source that is turned, cut and padded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.imaging.operations.turning import turned
from pixelpipe.recipes.placing import place, turn_code, unturned
from pixelpipe.recipes.sizing import Fit, Gravity, Sizing
from pixelpipe.recipes.task import Canvas, Pad, Rect

WIDTH, HEIGHT = 7, 4
PIXELS = np.arange(WIDTH * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH)


def cut(pixels: np.ndarray, rect: Rect) -> np.ndarray:
    return pixels[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width]


def size(width: int | None, height: int | None, fit: Fit = Fit.COVER) -> Sizing:
    return Sizing(width, height, fit, Gravity.NORTHWEST, enlarge=False)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("horizontally", [False, True])
@pytest.mark.parametrize("vertically", [False, True])
def test_a_turn_is_a_rotation_and_then_mirrors(
    rotate: int, *, horizontally: bool, vertically: bool
) -> None:
    expected = np.rot90(PIXELS, -rotate // 90)
    expected = expected[:, ::-1] if horizontally else expected
    expected = expected[::-1] if vertically else expected
    code = turn_code(rotate, horizontally=horizontally, vertically=vertically)
    assert np.array_equal(turned(PIXELS, code), expected)


@given(st.integers(1, 8), st.data())
def test_what_is_cut_before_the_turn_is_what_is_seen_after_it(
    turn: int, data: st.DataObject
) -> None:
    whole = turned(PIXELS, turn)
    x = data.draw(st.integers(0, whole.shape[1] - 1))
    y = data.draw(st.integers(0, whole.shape[0] - 1))
    width = data.draw(st.integers(1, whole.shape[1] - x))
    height = data.draw(st.integers(1, whole.shape[0] - y))
    seen = Rect(x, y, width, height)
    before = cut(PIXELS, unturned(seen, turn, WIDTH, HEIGHT))
    assert np.array_equal(turned(before, turn), cut(whole, seen))


def test_the_size_is_that_of_the_turned_picture() -> None:
    placed = place(Rect(0, 0, 600, 400), 6, size(200, 300), None)
    assert (placed.width, placed.height) == (300, 200)
    assert placed.region == Rect(0, 0, 600, 400)


def test_gravity_means_the_turned_picture() -> None:
    # Turned clockwise, the lower left corner comes to lie in the upper left.
    placed = place(Rect(0, 0, 600, 400), 6, size(100, 100), None)
    assert placed.region == Rect(0, 0, 400, 400)
    placed = place(Rect(0, 0, 400, 600), 6, size(100, 100), None)
    assert placed.region == Rect(0, 200, 400, 400)


def test_a_region_stays_within_its_bounds() -> None:
    placed = place(Rect(50, 60, 200, 100), 1, size(50, 50), None)
    assert placed.region == Rect(50, 60, 100, 100)


def test_padding_is_added_to_the_finished_size() -> None:
    placed = place(Rect(0, 0, 600, 400), 1, size(300, None), Pad(1, 2, 3, 4))
    assert placed.canvas == Canvas(306, 204, 4, 1)
    assert (placed.width, placed.height) == (300, 200)


def test_padding_comes_around_the_canvas() -> None:
    placed = place(Rect(0, 0, 600, 400), 1, size(300, 300, Fit.CONTAIN), Pad(10, 10, 10, 10))
    assert placed.canvas == Canvas(320, 320, 10, 10)
