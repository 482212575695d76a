"""What holds for every operation: sizes, kinds of pixels, and pixels that are not its own."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pixelpipe.imaging.operations.adjust import adjust
from pixelpipe.imaging.operations.canvas import blurred_backdrop
from pixelpipe.imaging.operations.corners import round_corners
from pixelpipe.imaging.operations.pixelate import pixelate
from pixelpipe.imaging.operations.sharpen import sharpen
from pixelpipe.imaging.operations.tint import duotone, sepia
from pixelpipe.imaging.operations.trim import content_box
from pixelpipe.imaging.operations.turning import turned
from pixelpipe.imaging.operations.watermark import lay_watermark
from pixelpipe.imaging.pixels import Pixels, as_pixels, channels
from pixelpipe.recipes.sizing import Gravity
from pixelpipe.recipes.task import Adjust, Canvas, Duotone, Sharpen, Watermark
from tests.fidelity.pictures import noise, read_only

Operation = Callable[[Pixels], Pixels]

MARK = noise(7, 12, 4)
SHAPES = [(1, 1), (1, 9), (4, 1), (2, 2), (37, 64), (65, 129)]


def _watermark(*, tile: bool) -> Watermark:
    return Watermark("", Gravity.SOUTHEAST, 3, 0.4, 0.7, tile)


def _on_canvas(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return blurred_backdrop(pixels, Canvas(width + 5, height + 2, 4, 1))


OPERATIONS: dict[str, Operation] = {
    "turned": lambda pixels: turned(pixels, 6),
    "mirrored": lambda pixels: turned(pixels, 2),
    "backdrop": _on_canvas,
    "brightness": lambda pixels: adjust(pixels, Adjust(1.3, 0.8, 1.0)),
    "saturation": lambda pixels: adjust(pixels, Adjust(1.1, 1.2, 1.7)),
    "sepia": lambda pixels: sepia(pixels, 0.7),
    "duotone": lambda pixels: duotone(pixels, Duotone((9, 30, 120), (250, 200, 90))),
    "sharpen": lambda pixels: sharpen(pixels, Sharpen(1.2, 2)),
    "sharpen widely": lambda pixels: sharpen(pixels, Sharpen(9, 1)),
    "pixelate": lambda pixels: pixelate(pixels, 5),
    "corners": lambda pixels: round_corners(pixels, 11),
    "watermark": lambda pixels: lay_watermark(pixels, MARK, _watermark(tile=False)),
    "tiles": lambda pixels: lay_watermark(pixels, MARK, _watermark(tile=True)),
}
KEEP_ALPHA = ["brightness", "saturation", "sepia", "duotone", "sharpen", "sharpen widely"]

each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())


@each_operation
@pytest.mark.parametrize("kind", [1, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_size_of_any_kind(operation: Operation, kind: int, shape: tuple[int, int]) -> None:
    # Read-only, as in the arena: an operation that wrote to them would fail.
    made = operation(noise(*shape, kind))
    assert made.dtype == np.uint8
    assert made.flags.c_contiguous
    assert made.ndim == (2 if channels(made) == 1 else 3)
    assert channels(made) == 4 or (kind < 4 and operation is not OPERATIONS["corners"])


@each_operation
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_a_part_of_a_picture_is_a_picture(operation: Operation, kind: int) -> None:
    part = noise(90, 121, kind)[11:80, 7:99]
    assert (operation(part) == operation(read_only(np.ascontiguousarray(part)))).all()


@each_operation
def test_it_is_made_of_new_pixels(operation: Operation) -> None:
    pixels = noise(40, 50, 3)
    assert not np.may_share_memory(operation(pixels), pixels)


@pytest.mark.parametrize("name", KEEP_ALPHA)
def test_colours_are_changed_and_alpha_is_not(name: str) -> None:
    pixels = noise(30, 41, 4)
    made = OPERATIONS[name](pixels)
    assert (made[..., 3] == pixels[..., 3]).all()
    assert (made[..., :3] != pixels[..., :3]).any()


@each_operation
def test_an_opaque_picture_is_treated_like_one_without_alpha(operation: Operation) -> None:
    bgr = noise(48, 67, 3)
    made = operation(read_only(as_pixels(cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA))))
    assert (made[..., :3] == operation(bgr)[..., :3]).all()


def test_gray_stays_gray_where_nothing_brings_colour() -> None:
    names = ("turned", "backdrop", "brightness", "saturation", "sharpen", "pixelate")
    assert all(OPERATIONS[name](noise(20, 30, 1)).ndim == 2 for name in names)


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_what_asks_for_nothing_changes_nothing(kind: int) -> None:
    pixels = noise(21, 34, kind)
    assert adjust(pixels, Adjust()) is pixels
    assert sepia(pixels, 0) is pixels
    assert turned(pixels, 1) is pixels
    assert (pixelate(pixels, 1)[..., -1] == pixels[..., -1]).all()
    assert (sharpen(pixels, Sharpen(2, 0)) == pixels).all()


def test_squares_of_one_pixel_are_the_pixels() -> None:
    for kind in (1, 3):
        assert (pixelate(noise(21, 34, kind), 1) == noise(21, 34, kind)).all()


@pytest.mark.parametrize("kind", [1, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_picture_has_content(kind: int, shape: tuple[int, int]) -> None:
    x, y, width, height = content_box(noise(*shape, kind), 40)
    assert 0 <= x < x + width <= shape[1]
    assert 0 <= y < y + height <= shape[0]
