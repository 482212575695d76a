"""The picture of a job: what its variants share, and that nothing of it is ever written to."""

import numpy as np
import pytest

from pixelpipe.imaging import picture as module
from pixelpipe.imaging.picture import Side
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.resampling.halves import halve, halve_again
from pixelpipe.imaging.resampling.resize import resize
from pixelpipe.recipes.task import Rect
from tests.fidelity.pictures import noise, picture_of, scene

AS_IT_IS = Side(0, 0, 0.0)


def halves(pixels: Pixels, *, across: bool, down: bool) -> np.ndarray:
    """Means in floating point; the last of an odd side counts for two."""
    result = pixels.astype(float)
    for axis, wanted in ((0, down), (1, across)):
        if wanted:
            result = np.moveaxis(result, axis, 0)
            if len(result) % 2:
                result = np.concatenate([result, result[-1:]])
            result = np.moveaxis((result[::2] + result[1::2]) / 2, 0, axis)
    return result


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (2, 2), (5, 6), (6, 5), (31, 47)])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("across", "down"), [(True, True), (True, False), (False, True)])
def test_a_half_is_the_mean(
    shape: tuple[int, int], channels: int, *, across: bool, down: bool
) -> None:
    pixels = noise(*shape, channels)
    wanted = halves(pixels, across=across, down=down)
    assert (halve(pixels, across=across, down=down) == np.floor(wanted + 0.5)).all()


def test_every_second_half_rounds_down() -> None:
    pixels = np.array([[10, 11], [12, 13]], np.uint8)
    rounded = [int(halve_again(pixels, before, across=True, down=False)[0, 0]) for before in (0, 1)]
    assert rounded == [11, 10]


def test_the_pixels_are_a_view_and_not_a_copy() -> None:
    pixels = scene(90, 121)
    picture = picture_of(pixels)
    assert np.shares_memory(picture.pixels, pixels)
    assert np.shares_memory(picture.view(Rect(5, 6, 40, 30)), pixels)
    assert np.shares_memory(picture.level(AS_IT_IS, AS_IT_IS), pixels)


def test_a_region_at_its_own_size_is_a_view() -> None:
    pixels = scene(90, 121)
    region = Rect(11, 7, 50, 40)
    resized = resize(picture_of(pixels), region, 50, 40)
    assert np.shares_memory(resized, pixels)
    assert (resized == pixels[7:47, 11:61]).all()


def test_the_view_of_a_reduced_picture_covers_the_region() -> None:
    half = scene(45, 61)
    view = picture_of(half, reduction=2, source=(90, 121)).view(Rect(3, 0, 118, 89))
    assert view.shape == (45, 60, 3)


def test_levels_are_made_once() -> None:
    picture = picture_of(scene(90, 121))
    x, y = Side(2, 0, -0.05), Side(1, 0, 0.0)
    first = picture.level(x, y)
    assert first.shape == (45, 31, 3)
    assert picture.level(x, y) is first
    assert picture.level(Side(1, 0, 0.0), y) is picture.level(Side(1, 0, 0.0), y)


def test_a_level_begins_where_the_region_does() -> None:
    pixels = noise(40, 50, 3)
    level = picture_of(pixels).level(Side(1, 3, 0.0), Side(1, 1, 0.0))
    assert (level == halve(pixels[1:, 3:], across=True, down=True)).all()


def test_the_memo_forgets_what_was_not_asked_for_the_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MEMO_BYTES", 250)
    picture = picture_of(scene(90, 121))
    made: list[str] = []

    def ask(key: str, size: int = 100) -> None:
        def make() -> Pixels:
            made.append(key)
            return np.zeros(size, np.uint8)

        picture.shared(key, make)

    for key in "abacab":
        ask(key)
    assert made == ["a", "b", "c", "b"]
    ask("too large", 251)
    ask("b")
    assert made[-1] == "too large"
