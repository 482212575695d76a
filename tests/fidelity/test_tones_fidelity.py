"""Brightness, contrast, saturation, sepia and duotone, against exact numbers and Pillow."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from pixelpipe.imaging.operations.adjust import adjust
from pixelpipe.imaging.operations.effects import grayscale
from pixelpipe.imaging.operations.tint import duotone, sepia
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Adjust, Duotone
from tests.fidelity.pictures import noise, read_only, scene
from tests.fidelity.references import Floats

SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
TONES = Duotone((20, 10, 90), (255, 220, 120))


def exactly(pixels: Pixels, asked: Adjust) -> Floats:
    samples = pixels.astype(np.float64)
    luma = (samples @ [0.114, 0.587, 0.299])[..., None] if pixels.ndim == 3 else samples
    samples = luma + asked.saturation * (samples - luma)
    return np.clip((asked.brightness * samples - 128) * asked.contrast + 128, 0, 255)


def rgb(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[..., 2::-1]))


def bgr(image: Image.Image) -> Pixels:
    return np.asarray(image)[..., ::-1]


def apart(made: Pixels, wanted: object) -> float:
    return float(np.abs(made.astype(float) - np.asarray(wanted, float)).max())


@pytest.mark.parametrize("brightness", [0, 0.5, 1, 1.3, 10])
@pytest.mark.parametrize("contrast", [0, 0.7, 1, 2, 10])
def test_without_saturation_every_level_is_the_nearest(brightness: float, contrast: float) -> None:
    asked = Adjust(brightness, contrast)
    for kind in (1, 3):
        pixels = noise(60, 80, kind)
        # Levels that end in a half may be rounded either way.
        assert apart(adjust(pixels, asked), exactly(pixels, asked)) <= 0.5 + 1e-9


@pytest.mark.parametrize("saturation", [0, 0.4, 0.99, 1.5, 10])
@pytest.mark.parametrize("others", [(1, 1), (0.6, 1.4), (3, 0.5), (10, 10)])
def test_with_saturation_every_level_is_near(
    saturation: float, others: tuple[float, float]
) -> None:
    asked = Adjust(*others, saturation)
    pixels = noise(60, 80, 3)
    assert apart(adjust(pixels, asked), exactly(pixels, asked)) <= 1


@pytest.mark.parametrize("saturation", [0, 0.3, 0.7, 1.4, 3, 10])
def test_grays_of_a_coloured_picture_stay_as_they_are(saturation: float) -> None:
    grays = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    assert (adjust(grays, Adjust(1, 1, saturation)) == grays).all()


def test_saturation_of_a_gray_picture_changes_nothing() -> None:
    pixels = noise(30, 40, 1)
    assert (adjust(pixels, Adjust(1, 1, 3)) == pixels).all()


def test_no_saturation_is_grayscale() -> None:
    pixels = scene(90, 120)
    assert apart(adjust(pixels, Adjust(1, 1, 0)), grayscale(pixels)[..., None]) <= 1


@pytest.mark.parametrize("factor", [0, 0.5, 1.6])
def test_near_to_pillow(factor: float) -> None:
    pixels = scene(90, 120)
    brighter = ImageEnhance.Brightness(rgb(pixels)).enhance(factor)
    assert apart(adjust(pixels, Adjust(brightness=factor)), bgr(brighter)) <= 1
    richer = ImageEnhance.Color(rgb(pixels)).enhance(factor)
    assert apart(adjust(pixels, Adjust(saturation=factor)), bgr(richer)) <= 2


@pytest.mark.parametrize("amount", [0.25, 0.8, 1])
def test_sepia_is_that_of_css(amount: float) -> None:
    pixels = noise(60, 80, 3)
    matrix = amount * SEPIA + (1 - amount) * np.eye(3)
    wanted = np.clip(pixels[..., ::-1] @ matrix.T, 0, 255)
    assert apart(sepia(pixels, amount)[..., ::-1], wanted) <= 1
    rows = np.insert(matrix, 3, 0, axis=1).ravel().tolist()
    assert apart(sepia(pixels, amount), bgr(rgb(pixels).convert("RGB", rows))) <= 2


def test_sepia_of_gray_is_that_of_the_same_colours() -> None:
    gray = noise(60, 80, 1)
    colors = read_only(np.dstack([gray, gray, gray]))
    assert apart(sepia(gray, 0.6), sepia(colors, 0.6)) <= 1


def test_duotone_is_that_of_pillow() -> None:
    gray = noise(60, 80, 1)
    wanted = ImageOps.colorize(Image.fromarray(gray), TONES.shadow, TONES.highlight)
    assert apart(duotone(gray, TONES), bgr(wanted)) <= 1
    colors = scene(60, 80)
    assert (duotone(colors, TONES) == duotone(grayscale(colors), TONES)).all()


def test_duotone_of_black_and_white_is_its_two_colours() -> None:
    ends = np.array([[0, 255]], np.uint8)
    assert duotone(ends, TONES).tolist() == [[[90, 10, 20], [120, 220, 255]]]


def test_duotone_from_black_to_white_is_grayscale() -> None:
    pixels = scene(60, 80)
    made = duotone(pixels, Duotone((0, 0, 0), (255, 255, 255)))
    assert (made == grayscale(pixels)[..., None]).all()
