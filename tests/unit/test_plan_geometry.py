"""Every fit, gravity and orientation, by numbers worked out by hand."""

from typing import Any

import pytest

from pixelpipe.config import Settings
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.sizing import SMART
from pixelpipe.recipes.spec import Gravity, Spec
from pixelpipe.recipes.task import Canvas, Rect, Task

LIMITS = Settings.model_construct()


def upright(width: int, height: int, orientation: int = 1) -> SourceInfo:
    """A source whose upright picture has that size, however it is stored."""
    stored = (height, width) if orientation >= 5 else (width, height)
    return SourceInfo(Format.JPEG, *stored, 3, 8, orientation)


def planned(source: SourceInfo, **resize: Any) -> Task:
    spec = Spec.model_validate({"name": "a", "resize": resize})
    return plan(source, [spec], LIMITS).tasks[0]


def output(task: Task) -> tuple[int, int, bool]:
    return task.output_width, task.output_height, task.reduced


# A source of 600x400: a square crop of it is 400x400 with 200 px to spare across, a crop of 3:1 is
# 600x200 with 200 px to spare down; contained in 200x200 it is 200x133 with 67 px to spare down,
# in 300x100 it is 150x100 with 150 px to spare across.
SPARE: dict[str, tuple[tuple[int, int], ...]] = {
    # gravity: left of square crop, top of flat crop, top in square canvas, left in flat canvas
    "northwest": ((0, 0), (0, 0)),
    "north": ((100, 0), (0, 75)),
    "northeast": ((200, 0), (0, 150)),
    "west": ((0, 100), (33, 0)),
    "center": ((100, 100), (33, 75)),
    "east": ((200, 100), (33, 150)),
    "southwest": ((0, 200), (67, 0)),
    "south": ((100, 200), (67, 75)),
    "southeast": ((200, 200), (67, 150)),
}


def test_the_table_has_every_gravity() -> None:
    assert SPARE.keys() == set(Gravity) - SMART


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("gravity", SPARE)
def test_cover_crops_at_the_gravity(gravity: str, orientation: int) -> None:
    source = upright(600, 400, orientation)
    (left, top), _ = SPARE[gravity]
    square = planned(source, width=200, height=200, gravity=gravity)
    assert square.region == Rect(left, 0, 400, 400)
    assert output(square) == (200, 200, False)
    flat = planned(source, width=300, height=100, gravity=gravity)
    assert flat.region == Rect(0, top, 600, 200)
    assert output(flat) == (300, 100, False)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("gravity", SPARE)
def test_contain_pads_at_the_gravity(gravity: str, orientation: int) -> None:
    source = upright(600, 400, orientation)
    _, (top, left) = SPARE[gravity]
    square = planned(source, width=200, height=200, fit="contain", gravity=gravity)
    assert square.region == Rect(0, 0, 600, 400)
    assert (square.width, square.height) == (200, 133)
    assert square.canvas == Canvas(200, 200, 0, top)
    flat = planned(source, width=300, height=100, fit="contain", gravity=gravity)
    assert (flat.width, flat.height) == (150, 100)
    assert flat.canvas == Canvas(300, 100, left, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("gravity", SPARE)
@pytest.mark.parametrize(
    ("fit", "size"), [("fill", (200, 200)), ("inside", (200, 133)), ("outside", (300, 200))]
)
def test_the_other_fits_take_the_whole_picture_whatever_the_gravity(
    fit: str, size: tuple[int, int], gravity: str, orientation: int
) -> None:
    source = upright(600, 400, orientation)
    task = planned(source, width=200, height=200, fit=fit, gravity=gravity)
    assert task.region == Rect(0, 0, 600, 400)
    assert output(task) == (*size, False)
    assert task.canvas is None


@pytest.mark.parametrize("fit", ["cover", "contain", "fill", "inside", "outside"])
@pytest.mark.parametrize(
    ("side", "size"),
    [
        ({"width": 300}, (300, 200)),
        ({"height": 100}, (150, 100)),
        ({"width": 100}, (100, 67)),  # 66.67
        ({"width": 99}, (99, 66)),
        ({"height": 133}, (200, 133)),  # 199.5
        ({"width": 1}, (1, 1)),  # 0.67
    ],
)
def test_one_side_alone_keeps_the_ratio(
    fit: str, side: dict[str, int], size: tuple[int, int]
) -> None:
    task = planned(upright(600, 400), fit=fit, **side)
    assert output(task) == (*size, False)
    assert (task.region, task.canvas) == (Rect(0, 0, 600, 400), None)


def test_without_a_resize_the_size_is_that_of_the_source() -> None:
    task = plan(upright(600, 400, 6), [Spec(name="a")], LIMITS).tasks[0]
    assert task.region == Rect(0, 0, 600, 400)
    assert output(task) == (600, 400, False)


@pytest.mark.parametrize(
    ("x", "left"),
    [
        (0, 0),
        (0.25, 0),  # 150 - 200 is outside
        (1 / 3, 0),
        (0.4, 40),
        (0.5, 100),
        (0.6, 160),
        (0.9, 200),
        (1, 200),
    ],
)
def test_a_focal_point_is_the_middle_of_a_crop_as_far_as_it_goes(x: float, left: int) -> None:
    task = planned(upright(600, 400, 8), width=200, height=200, gravity={"x": x, "y": 0.1})
    assert task.region == Rect(left, 0, 400, 400)


def test_a_focal_point_means_its_decimal_digits() -> None:
    task = planned(upright(25, 10), width=5, height=5, gravity={"x": 0.3, "y": 0})
    assert task.region.x == 3  # 7.5 - 5, halves up; the binary 0.3 is a little less


@pytest.mark.parametrize(("y", "top"), [(0, 0), (0.4, 13), (0.5, 33), (1, 67)])
def test_a_focal_point_says_where_a_contained_picture_lies(y: float, top: int) -> None:
    gravity = {"x": 0.5, "y": y}
    task = planned(upright(600, 400), width=200, height=200, fit="contain", gravity=gravity)
    assert task.canvas == Canvas(200, 200, 0, top)  # 80 - 66.5 = 13.5, 100 - 66.5 = 33.5


def test_an_odd_spare_pixel_goes_where_sharp_puts_it() -> None:
    crop = planned(upright(601, 400), width=200, height=200)
    assert crop.region.x == 101  # (201 + 1) // 2
    padded = planned(upright(600, 400), width=200, height=200, fit="contain")
    assert padded.canvas is not None
    assert padded.canvas.top == 33  # 67 // 2


def test_crops_are_rounded_to_whole_pixels() -> None:
    task = planned(upright(2725, 2225), width=1600, height=900)
    assert task.region == Rect(0, 346, 2725, 1533)  # 1532.8; (692 + 1) // 2
    task = planned(upright(1000, 3), width=300, height=2)
    assert task.region == Rect(275, 0, 450, 3)


def test_contain_without_padding_has_no_canvas() -> None:
    assert planned(upright(600, 400), width=300, height=200, fit="contain").canvas is None


# A source of 100x50.
@pytest.mark.parametrize(
    ("resize", "expected", "region"),
    [
        # the scale: 50/1350 = 1/27
        ({"width": 1080, "height": 1350}, (40, 50, True), Rect(30, 0, 40, 50)),
        # the scale: 100/851; 315k = 37.01
        ({"width": 851, "height": 315}, (100, 37, True), Rect(0, 7, 100, 37)),
        # the scale: 1/2
        ({"width": 200, "height": 100}, (100, 50, True), Rect(0, 0, 100, 50)),
        # the scale: 1/10; at least one pixel
        ({"width": 1000, "height": 3}, (100, 1, True), Rect(0, 25, 100, 1)),
        ({"width": 3, "height": 500}, (1, 50, True), Rect(50, 0, 1, 50)),
        # one side is enough
        ({"width": 50, "height": 50}, (50, 50, False), Rect(25, 0, 50, 50)),
        ({"width": 51, "height": 51}, (50, 50, True), Rect(25, 0, 50, 50)),
        # the scale: 1/2; 25k = 12.5
        ({"width": 200, "height": 25, "fit": "fill"}, (100, 12, True), Rect(0, 0, 100, 50)),
        ({"width": 300, "height": 400, "fit": "inside"}, (100, 50, True), Rect(0, 0, 100, 50)),
        ({"width": 300, "height": 20, "fit": "inside"}, (40, 20, False), Rect(0, 0, 100, 50)),
        ({"width": 30, "height": 51, "fit": "outside"}, (100, 50, True), Rect(0, 0, 100, 50)),
        ({"width": 30, "height": 20, "fit": "outside"}, (40, 20, False), Rect(0, 0, 100, 50)),
        ({"width": 101}, (100, 50, True), Rect(0, 0, 100, 50)),
        ({"height": 51}, (100, 50, True), Rect(0, 0, 100, 50)),
        ({"width": 100}, (100, 50, False), Rect(0, 0, 100, 50)),
    ],
)
def test_a_source_too_small_is_not_enlarged(
    resize: dict[str, Any], expected: tuple[int, int, bool], region: Rect
) -> None:
    task = planned(upright(100, 50), **resize)
    assert output(task) == expected
    assert task.region == region


@pytest.mark.parametrize(
    ("width", "height", "picture", "canvas", "reduced"),
    [
        (200, 200, (100, 50), Canvas(100, 100, 0, 25), True),  # k = 1/2
        (400, 100, (100, 50), Canvas(200, 50, 50, 0), True),  # k = 1/2
        (150, 100, (100, 50), Canvas(100, 66, 0, 8), True),  # k = 2/3
        (100, 300, (100, 50), Canvas(100, 300, 0, 125), False),  # the picture just fits
    ],
)
def test_a_canvas_shrinks_until_its_picture_is_not_enlarged(
    width: int, height: int, picture: tuple[int, int], canvas: Canvas, *, reduced: bool
) -> None:
    task = planned(upright(100, 50), width=width, height=height, fit="contain")
    assert (task.width, task.height) == picture
    assert (task.canvas, task.reduced) == (canvas, reduced)


@pytest.mark.parametrize(
    ("resize", "size", "region"),
    [
        ({"width": 1080, "height": 1350}, (1080, 1350), Rect(30, 0, 40, 50)),
        ({"width": 150, "height": 150, "fit": "fill"}, (150, 150), Rect(0, 0, 100, 50)),
        ({"width": 300, "height": 400, "fit": "inside"}, (300, 150), Rect(0, 0, 100, 50)),
        ({"width": 30, "height": 51, "fit": "outside"}, (102, 51), Rect(0, 0, 100, 50)),
        ({"width": 150, "height": 200, "fit": "contain"}, (150, 200), Rect(0, 0, 100, 50)),
        ({"height": 75}, (150, 75), Rect(0, 0, 100, 50)),
    ],
)
def test_enlarging_gives_the_size_that_was_asked_for(
    resize: dict[str, Any], size: tuple[int, int], region: Rect
) -> None:
    task = planned(upright(100, 50), enlarge=True, **resize)
    assert output(task) == (*size, False)
    assert task.region == region


def test_an_enlarged_crop_has_at_least_one_pixel() -> None:
    task = planned(upright(3, 2), width=1, height=500, enlarge=True)
    assert (task.region.width, task.region.height) == (1, 2)
