"""Marks: compositing against exact numbers and Pillow, sizes and places counted out."""

import numpy as np
import pytest
from PIL import Image

from pixelpipe.imaging.operations.compositing import lay
from pixelpipe.imaging.operations.watermark import lay_watermark
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.sizing import SMART, Gravity
from pixelpipe.recipes.task import Watermark
from tests.fidelity.pictures import noise, read_only, scene
from tests.fidelity.references import Floats, psnr

RED = (0, 0, 255, 255)
GRAVITIES = [gravity for gravity in Gravity if gravity not in SMART]


def asked(
    gravity: Gravity = Gravity.NORTHWEST,
    *,
    margin_px: int = 0,
    width_share: float | None = None,
    opacity: float = 1.0,
    tile: bool = False,
) -> Watermark:
    return Watermark("", gravity, margin_px, width_share, opacity, tile)


def red_mark(height: int, width: int) -> Pixels:
    return read_only(np.full((height, width, 4), RED, np.uint8))


def red_box(pixels: Pixels) -> tuple[int, int, int, int]:
    """x, y, width and height of what is red; it has to be a rectangle."""
    red = (pixels[..., :3] == RED[:3]).all(axis=2)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    box = int(columns[0]), int(rows[0]), len(columns), len(rows)
    assert red.sum() == box[2] * box[3]
    return box


def over(top: Pixels, bottom: Pixels, opacity: float) -> tuple[Floats, Floats]:
    """Colours and alpha by the formula, in float64; alpha 0 to 255."""
    above = top[..., 3:] / 255 * opacity
    below = bottom[..., 3:] / 255 if bottom.shape[2] == 4 else np.ones_like(above)
    alpha = above + below * (1 - above)
    mixed = top[..., :3] * above + bottom[..., :3] * below * (1 - above)
    return mixed / np.maximum(alpha, 1e-9), 255 * alpha[..., 0]


@pytest.mark.parametrize("opacity", [1.0, 0.5, 0.03])
def test_over_an_opaque_picture(opacity: float) -> None:
    top, onto = noise(70, 90, 4), scene(70, 90).copy()
    wanted, _ = over(top, onto, opacity)
    lay(top, onto, opacity)
    assert np.abs(onto - wanted).max() <= 0.51


@pytest.mark.parametrize("opacity", [1.0, 0.5, 0.03])
def test_over_a_transparent_picture(opacity: float) -> None:
    top, onto = noise(70, 90, 4), noise(70, 91, 4)[:, 1:].copy()
    wanted, alpha = over(top, onto, opacity)
    lay(top, onto, opacity)
    assert np.abs(onto[..., 3] - alpha).max() <= 0.51
    assert np.abs(onto[..., :3] - wanted)[alpha > 1].max() <= 0.52


def test_as_pillow_composes() -> None:
    top, bottom = noise(70, 90, 4), noise(70, 91, 4)[:, 1:].copy()
    composed = Image.alpha_composite(Image.fromarray(bottom, "RGBA"), Image.fromarray(top, "RGBA"))
    wanted = np.asarray(composed).astype(int)
    lay(top, bottom)
    assert np.abs(bottom[..., 3] - wanted[..., 3]).max() <= 1
    assert np.abs(bottom[..., :3] - wanted[..., :3])[wanted[..., 3] > 8].max() <= 2


@pytest.mark.parametrize("kind", [3, 4])
def test_a_transparent_mark_changes_nothing_that_is_seen(kind: int) -> None:
    mark = noise(30, 40, 4).copy()
    mark[..., 3] = 0
    pixels = noise(50, 60, kind)
    for tile in (False, True):
        made = lay_watermark(pixels, read_only(mark), asked(margin_px=5, tile=tile))
        assert (made == pixels)[pixels[..., -1] > (0 if kind == 4 else -1)].all()
        assert (made[..., -1] == pixels[..., -1]).all()


def test_an_opaque_mark_covers_all() -> None:
    mark = noise(30, 40, 4).copy()
    mark[..., 3] = 255
    for kind in (3, 4):
        made = lay_watermark(noise(50, 60, kind), read_only(mark), asked())
        assert (made[:30, :40] == mark[..., :kind]).all()
        assert (made[30:] == noise(50, 60, kind)[30:]).all()


@pytest.mark.parametrize(
    ("gravity", "x", "y"),
    [
        (Gravity.NORTHWEST, 5, 5),
        (Gravity.NORTH, 40, 5),
        (Gravity.NORTHEAST, 75, 5),
        (Gravity.WEST, 5, 35),
        (Gravity.CENTER, 40, 35),
        (Gravity.EAST, 75, 35),
        (Gravity.SOUTHWEST, 5, 65),
        (Gravity.SOUTH, 40, 65),
        (Gravity.SOUTHEAST, 75, 65),
    ],
)
def test_where_it_lies(gravity: Gravity, x: int, y: int) -> None:
    made = lay_watermark(noise(80, 100, 1), red_mark(10, 20), asked(gravity, margin_px=5))
    assert red_box(made) == (x, y, 20, 10)


def test_the_gravities_are_all_those_that_need_no_pixels() -> None:
    for gravity in GRAVITIES:
        assert red_box(lay_watermark(noise(9, 9, 3), red_mark(1, 1), asked(gravity)))[2:] == (1, 1)


@pytest.mark.parametrize(
    ("share", "margin_px", "size"),
    [
        (None, 0, (40, 20)),
        (0.1, 0, (20, 10)),
        (0.5, 0, (100, 50)),
        (0.9, 0, (180, 90)),
        (1, 0, (200, 100)),
        (1, 10, (160, 80)),  # the height that is left decides
        (None, 45, (20, 10)),  # a margin is at most a quarter of a side
    ],
)
def test_how_large_it_becomes(share: float | None, margin_px: int, size: tuple[int, int]) -> None:
    pixels = noise(100, 200, 3) if margin_px < 45 else noise(20, 40, 3)
    made = lay_watermark(pixels, red_mark(20, 40), asked(width_share=share, margin_px=margin_px))
    assert red_box(made)[2:] == size


def test_a_mark_that_is_too_large_is_made_to_fit() -> None:
    made = lay_watermark(noise(50, 60, 3), red_mark(300, 400), asked(Gravity.SOUTH))
    assert red_box(made) == (0, 5, 60, 45)
    made = lay_watermark(noise(1, 1, 3), red_mark(300, 400), asked(Gravity.CENTER, margin_px=9))
    assert red_box(made) == (0, 0, 1, 1)


@pytest.mark.parametrize(("size", "share"), [((60, 80), 0.2), ((60, 80), 1.0)])
@pytest.mark.parametrize("colour_of_nothing", [0, 255])
def test_a_resized_mark_has_no_fringe(
    size: tuple[int, int], share: float, colour_of_nothing: int
) -> None:
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    mark = np.full((*size, 4), colour_of_nothing, np.uint8)
    mark[..., 3] = 0
    mark[np.hypot(x - 40, y - 30) < 25] = (60, 120, 180, 255)
    ground = np.full((150, 200, 3), (60, 120, 180), np.uint8)
    made = lay_watermark(read_only(ground), read_only(mark), asked(width_share=share))
    assert np.abs(made.astype(int) - ground).max() <= 2


def test_a_mark_is_enlarged_as_pillow_does_it() -> None:
    mark = np.dstack([scene(40, 60), scene(40, 60)[::-1, :, 1]])
    made = lay_watermark(
        np.full((120, 180, 3), 90, np.uint8), read_only(mark), asked(width_share=1)
    )
    image = Image.fromarray(mark, "RGBA").resize((180, 120), Image.Resampling.BICUBIC)
    wanted, _ = over(np.asarray(image), np.full((120, 180, 3), 90, np.uint8), 1.0)
    assert psnr(made, wanted) > 38


def test_a_mark_is_shrunk_by_the_mean_of_its_pixels() -> None:
    mark = noise(40, 60, 4).copy()
    mark[..., 3] = 255
    made = lay_watermark(noise(10, 15, 3), read_only(mark), asked())
    wanted = mark[..., :3].reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(made - wanted).max() <= 0.51


@pytest.mark.parametrize("gravity", GRAVITIES)
@pytest.mark.parametrize("gap", [0, 3, 500])
def test_tiles_lie_in_every_direction_from_the_one(gravity: Gravity, gap: int) -> None:
    pixels = scene(90, 121)
    mark = read_only(noise(13, 21, 4))
    made = lay_watermark(pixels, mark, asked(gravity, margin_px=gap, tile=True))
    alone = np.zeros((90, 121, 4), np.uint8)
    first = lay_watermark(alone, mark, asked(gravity, margin_px=gap))
    top = int(np.flatnonzero(first.any(axis=(1, 2)))[0])
    left = int(np.flatnonzero(first.any(axis=(0, 2)))[0])
    layer = np.zeros((90, 121, 4), np.uint8)
    for y in range(90):
        for x in range(121):
            row, column = (y - top) % (13 + gap), (x - left) % (21 + gap)
            if row < 13 and column < 21:
                layer[y, x] = mark[row, column]
    wanted, _ = over(layer, pixels, 1.0)
    assert np.abs(made - wanted).max() <= 0.51


def test_on_gray_it_keeps_its_colours() -> None:
    gray = noise(30, 40, 1)
    made = lay_watermark(gray, red_mark(5, 5), asked())
    assert (made[:5, :5] == RED[:3]).all()
    assert (made[5:] == gray[5:, :, None]).all()
