"""Alpha: a transparent pixel's colour never shows."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pixelpipe.imaging.alpha import flatten, premultiply, unpremultiply
from pixelpipe.imaging.operations.effects import blur, grayscale
from pixelpipe.imaging.operations.quad import quad_edge_blur
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.resampling.resize import resize
from pixelpipe.recipes.task import Kernel, Rect
from tests.fidelity.pictures import noise, photograph, picture_of, read_only
from tests.fidelity.references import Floats, exact_lanczos, gaussian, psnr


def red_disc_on_nothing(colour_of_nothing: int) -> Pixels:
    y, x = np.mgrid[0:120, 0:150]
    inside = np.hypot(x - 70.5, y - 58) < 45
    pixels = np.zeros((120, 150, 4), np.uint8)
    pixels[..., :3] = colour_of_nothing
    pixels[inside] = (0, 0, 255, 255)
    return read_only(pixels)


WHOLE = Rect(0, 0, 150, 120)
MIXES: list[Callable[[Pixels], Pixels]] = [
    lambda pixels: resize(picture_of(pixels), Rect(0, 0, 150, 120), 100, 80),
    lambda pixels: resize(picture_of(pixels), Rect(0, 0, 150, 120), 67, 53),
    lambda pixels: resize(picture_of(pixels), Rect(1, 3, 140, 111), 31, 26),
    lambda pixels: resize(picture_of(pixels), Rect(10, 10, 100, 100), 222, 222),
    lambda pixels: resize(picture_of(pixels), WHOLE, 67, 53, kernel=Kernel.LANCZOS3),
    lambda pixels: resize(picture_of(pixels), WHOLE, 67, 53, linear=True),
    lambda pixels: resize(picture_of(pixels), WHOLE, 300, 240, kernel=Kernel.LANCZOS3),
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
    # Multiplied by alpha, as it is seen on black, all of it is red.
    if mix is not MIXES[-1]:
        on_black = premultiply(mixed.astype(np.uint8)).astype(int)
        assert (np.abs(on_black[..., 2] - alpha) <= 2).all()
        assert (on_black[..., :2] <= 2).all()
    # Above a trace of alpha, where a rounding weighs much, red is red.
    seen = mixed[(alpha > 8) if mix is not MIXES[-1] else (alpha > 8) & (alpha < 255)]
    assert (seen[:, :2] <= 16).all()
    assert (seen[:, 2] >= 239).all()


def test_alpha_itself_is_resized_like_a_colour() -> None:
    pixels = noise(90, 120, 4)
    resized = resize(picture_of(pixels), Rect(0, 0, 120, 90), 80, 60)
    alone = resize(picture_of(read_only(pixels[..., 3].copy())), Rect(0, 0, 120, 90), 80, 60)
    assert np.abs(resized[..., 3].astype(int) - alone).max() <= 1


def test_an_opaque_picture_is_resized_like_one_without_alpha() -> None:
    pixels = noise(90, 120, 4).copy()
    pixels[..., 3] = 255
    resized = resize(picture_of(read_only(pixels)), Rect(0, 0, 120, 90), 70, 50)
    bgr = read_only(pixels[..., :3].copy())
    assert (resized[..., :3] == resize(picture_of(bgr), Rect(0, 0, 120, 90), 70, 50)).all()
    assert (resized[..., 3] == 255).all()


def test_resized_as_pillow_does_it() -> None:
    pixels = red_disc_on_nothing(200)
    asked = (Rect(0, 0, 150, 120), 60, 48)
    wanted = Image.fromarray(pixels).resize((60, 48), Image.Resampling.LANCZOS)
    for kernel, least in ((Kernel.FAST, 34), (Kernel.LANCZOS3, 50)):
        resized = resize(picture_of(pixels), *asked, kernel=kernel)
        onto_white = flatten(resized, (255, 255, 255))
        assert psnr(onto_white, flatten(np.asarray(wanted), (255, 255, 255))) > least


def cut_out() -> Pixels:
    """A photograph that fades into nothing, where its colour is a loud one."""
    y, x = np.mgrid[0:202, 0:271]
    alpha = np.clip(255 - 4 * (np.hypot(x - 130, y - 101) - 30), 0, 255).astype(np.uint8)
    pixels = np.dstack([photograph(202, 271), alpha])
    pixels[alpha == 0] = (255, 0, 255, 0)
    return read_only(pixels)


def onto(pixels: Pixels, background: tuple[int, int, int]) -> Floats:
    """BGRA pixels on a colour, not rounded."""
    alpha = pixels[..., 3:] / 255
    return np.asarray(pixels[..., :3] * alpha + np.array(background[::-1]) * (1 - alpha))


BACKGROUNDS = ((255, 255, 255), (0, 0, 0), (20, 200, 90))


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("scale", [0.11, 0.31, 0.55, 0.77, 1.6])
def test_an_edge_looks_as_if_it_was_laid_on_its_background_before(
    scale: float, background: tuple[int, int, int]
) -> None:
    """What mixes pixels by their alpha does the same before and after; so no fringe is seen."""
    asked = (Rect(0, 0, 271, 202), round(271 * scale), round(202 * scale))
    laid = onto(cut_out(), background)

    def errors(resized: Pixels, wanted: Floats) -> Floats:
        # Where overshoot was cut off at white, by one and not the other, they may differ.
        held = (wanted > 3) & (wanted < 252) & (resized[..., :3] > 0) & (resized[..., :3] < 255)
        edge = (resized[..., 3] > 0) & (resized[..., 3] < 255) & held.all(axis=2)
        return np.asarray((onto(resized, background) - wanted)[edge])

    resized = resize(picture_of(cut_out()), *asked, kernel=Kernel.LANCZOS3)
    assert np.abs(errors(resized, exact_lanczos(laid, *asked))).max() <= 2
    flat = resize(picture_of(read_only(np.rint(laid).astype(np.uint8))), *asked)
    # Both were rounded some times on their way.
    error = errors(resize(picture_of(cut_out()), *asked), flat.astype(np.float64))
    assert np.abs(error).max() < 6
    assert abs(error.mean()) < 1


@pytest.mark.parametrize("sigma", [0.7, 2, 3, 9, 20])
def test_a_blurred_edge_looks_as_if_it_was_laid_on_its_background_before(sigma: float) -> None:
    blurred = blur(cut_out(), sigma)
    for background in BACKGROUNDS:
        wanted = gaussian(onto(cut_out(), background), sigma)
        error = np.abs(onto(blurred, background) - wanted)
        assert error.max() < 5
        assert np.mean(error <= 2) > 0.995


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


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("scale", [0.33, 0.5, 0.55, 0.75, 0.9, 1.01, 2.0, 2.5])
def test_an_opaque_shape_keeps_its_colour_up_to_its_edge(scale: float, kernel: Kernel) -> None:
    y, x = np.mgrid[0:120, 0:150]
    pixels = np.zeros((120, 150, 4), np.uint8)
    pixels[np.hypot(x - 70.5, y - 58) < 45] = (60, 120, 180, 255)
    size = (round(150 * scale), round(120 * scale))
    made = resize(picture_of(read_only(pixels)), WHOLE, *size, kernel=kernel)
    opaque = made[made[..., 3] == 255][:, :3].astype(int)
    assert np.abs(opaque - (60, 120, 180)).max() <= 2
