"""Alpha: a transparent pixel's colour never shows."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pixelpipe.imaging.alpha import flatten, premultiply, unpremultiply
from pixelpipe.imaging.effects import blur, grayscale
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.quad import quad_edge_blur
from pixelpipe.imaging.resize import resize
from pixelpipe.recipes.task import Rect
from tests.fidelity.pictures import noise, picture_of, read_only
from tests.fidelity.references import psnr


def red_disc_on_nothing(colour_of_nothing: int) -> Pixels:
    y, x = np.mgrid[0:120, 0:150]
    inside = np.hypot(x - 70.5, y - 58) < 45
    pixels = np.zeros((120, 150, 4), np.uint8)
    pixels[..., :3] = colour_of_nothing
    pixels[inside] = (0, 0, 255, 255)
    return read_only(pixels)


MIXES: list[Callable[[Pixels], Pixels]] = [
    lambda pixels: resize(picture_of(pixels), Rect(0, 0, 150, 120), 100, 80),
    lambda pixels: resize(picture_of(pixels), Rect(0, 0, 150, 120), 67, 53),
    lambda pixels: resize(picture_of(pixels), Rect(1, 3, 140, 111), 31, 26),
    lambda pixels: resize(picture_of(pixels), Rect(10, 10, 100, 100), 222, 222),
    lambda pixels: blur(pixels, 2),
    lambda pixels: blur(pixels, 9),
    lambda pixels: quad_edge_blur(pixels, 24, 6),
]


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("colour_of_nothing", [0, 255])
def test_no_fringe(mix: Callable[[Pixels], Pixels], colour_of_nothing: int) -> None:
    mixed = mix(red_disc_on_nothing(colour_of_nothing)).astype(int)
    alpha = mixed[..., 3]
    assert ((alpha > 0) & (alpha < 255)).any()
    # Above a trace of alpha, where a rounding weighs much, red is red.
    seen = mixed[(alpha > 8) if mix is not MIXES[-1] else (alpha > 8) & (alpha < 255)]
    assert (seen[:, :2] <= 16).all()
    assert (seen[:, 2] >= 239).all()


def test_alpha_itself_is_resized_like_a_colour() -> None:
    pixels = noise(90, 120, 4)
    resized = resize(picture_of(pixels), Rect(0, 0, 120, 90), 80, 60)
    alone = resize(picture_of(read_only(pixels[..., 3].copy())), Rect(0, 0, 120, 90), 80, 60)
    assert (resized[..., 3] == alone).all()


def test_an_opaque_picture_is_resized_like_one_without_alpha() -> None:
    pixels = noise(90, 120, 4).copy()
    pixels[..., 3] = 255
    resized = resize(picture_of(read_only(pixels)), Rect(0, 0, 120, 90), 70, 50)
    bgr = read_only(pixels[..., :3].copy())
    assert (resized[..., :3] == resize(picture_of(bgr), Rect(0, 0, 120, 90), 70, 50)).all()
    assert (resized[..., 3] == 255).all()


def test_resized_as_pillow_does_it() -> None:
    pixels = red_disc_on_nothing(200)
    resized = resize(picture_of(pixels), Rect(0, 0, 150, 120), 60, 48)
    wanted = Image.fromarray(pixels, "RGBA").resize((60, 48), Image.Resampling.LANCZOS)
    onto_white = flatten(resized, (255, 255, 255))
    assert psnr(onto_white, flatten(np.asarray(wanted), (255, 255, 255))) > 34


def test_outside_the_bands_of_the_quad_nothing_changes_where_nothing_is_seen() -> None:
    pixels = noise(60, 80, 4).copy()
    pixels[::3, ::2, 3] = 0
    result = quad_edge_blur(read_only(pixels), 5, 2)
    assert (result[:25, :35] == pixels[:25, :35]).all()
    assert (result[35:, 45:] == pixels[35:, 45:]).all()
    assert (result[25:35] != pixels[25:35]).any()


def test_premultiplying_rounds_to_the_nearest() -> None:
    levels, alphas = np.meshgrid(np.arange(256), np.arange(256))
    pixels = np.dstack([levels, levels, levels, alphas]).astype(np.uint8)
    wanted = np.floor(levels * alphas / 255 + 0.5)
    assert (premultiply(pixels)[..., 0] == wanted).all()
    kept = unpremultiply(premultiply(pixels))
    assert (kept[255] == pixels[255]).all()
    assert (kept[0] == 0).all()


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (12, 200, 77)])
def test_flattening_rounds_to_the_nearest(background: tuple[int, int, int]) -> None:
    pixels = noise(50, 60, 4)
    colour = pixels[..., :3].astype(float)
    alpha = pixels[..., 3:].astype(float) / 255
    wanted = colour * alpha + np.array(background[::-1]) * (1 - alpha)
    assert np.abs(flatten(pixels, background) - wanted).max() <= 0.5 + 1e-9


def test_grayscale_keeps_alpha() -> None:
    pixels = noise(20, 30, 4)
    gray = grayscale(pixels)
    assert (gray[..., 3] == pixels[..., 3]).all()
    assert (gray[..., 0] == gray[..., 1]).all()
    assert (gray[..., 1] == gray[..., 2]).all()
    assert (gray[..., 0] == grayscale(read_only(pixels[..., :3].copy()))).all()
