"""The rough cost of a task, and the room that its bytes may take."""

import io
import random
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from pixelpipe.config import Settings
from pixelpipe.formats.registry import FORMATS, WRITABLE, Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.cost import cost_ms, encoded_bound_bytes, expected_bytes
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.spec import parse_specs
from pixelpipe.recipes.task import Canvas, QuadBlur, Task
from tests.tasks import make_decode

LIMITS = Settings.model_construct()
GRAY, COLOR = make_decode(channels=1), make_decode()


def planned(**spec: object) -> Plan:
    source = SourceInfo(Format.JPEG, 2725, 2225, 3, 8, 1)
    return plan(source, parse_specs([{"name": "a", **spec}], limits=LIMITS), LIMITS)


def cost(**spec: object) -> float:
    made = planned(**spec)
    return cost_ms(made.tasks[0], made.decode)


def task(width: int, height: int, output: Format, quality: int) -> Task:
    return replace(planned().tasks[0], width=width, height=height, format=output, quality=quality)


def test_more_pixels_cost_more() -> None:
    costs = [cost(resize={"width": width}) for width in (100, 640, 1080, 2725)]
    assert costs == sorted(set(costs))


def test_effects_cost_and_a_wider_blur_costs_no_less() -> None:
    plain = cost()
    blurs = [cost(blur={"sigma": sigma}) for sigma in (0.5, 3, 10, 100, 250)]
    assert plain < blurs[0]
    assert blurs == sorted(blurs)
    assert plain < cost(quad={}) < cost(blur={"sigma": 12})


def test_a_band_wider_than_the_picture_costs_no_more_than_the_picture() -> None:
    assert cost(quad={"band_px": 10**9}) == cost(quad={"band_px": 10**6})


def test_formats_are_weighed_as_measured() -> None:
    costs = [cost(format=output) for output in ("jpeg", "png", "avif", "webp")]
    assert costs == sorted(costs)


def test_a_large_blur_outweighs_many_thumbnails() -> None:
    assert cost(blur={"sigma": 25}) > 20 * cost(resize={"width": 320})


def noise(mode: str, width: int, height: int) -> Image.Image:
    """Black and white at random, the worst that a lossy encoder can meet."""
    channels = len(mode) if mode != "L" else 1
    values = random.Random(0).choices((0, 255), k=width * height * channels)
    return Image.frombytes(mode, (width, height), bytes(values))


@pytest.mark.parametrize(("width", "height"), [(97, 101), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("quality", [80, 90, 100])
@pytest.mark.parametrize(
    ("output", "mode"),
    [
        (output, mode)
        for output in WRITABLE
        for mode in ("L", "RGB", "RGBA")
        if mode != "RGBA" or FORMATS[output].holds_alpha
    ],
)
def test_noise_stays_under_the_bound(
    output: Format, mode: str, quality: int, width: int, height: int
) -> None:
    encoded = io.BytesIO()
    options: dict[Format, dict[str, Any]] = {
        Format.JPEG: {"subsampling": 0},
        Format.JXL: {"lossless": quality == 100},
    }
    image = noise(mode, width, height)
    image.save(encoded, str(output), quality=quality, speed=10, method=0, **options.get(output, {}))
    channels = len(image.getbands())
    bound = encoded_bound_bytes(
        task(width, height, output, quality), make_decode(channels=channels)
    )
    assert len(encoded.getbuffer()) <= bound


def test_the_bound_without_its_margin_holds_for_noise_of_many_pixels() -> None:
    encoded = io.BytesIO()
    noise("L", 400, 400).save(encoded, "jpeg", quality=100)
    size, raw = len(encoded.getbuffer()), 400 * 400
    assert (
        raw * 5 // 4 + 16384 < size <= encoded_bound_bytes(task(400, 400, Format.JPEG, 100), GRAY)
    )


def test_the_bound_is_a_quarter_over_the_pixels_at_usual_quality() -> None:
    assert (
        encoded_bound_bytes(task(800, 600, Format.JPEG, 80), COLOR) == 800 * 600 * 15 // 4 + 16384
    )


def test_a_canvas_brings_colour_to_a_gray_picture() -> None:
    gray = task(80, 80, Format.WEBP, 80)
    padded = replace(gray, canvas=Canvas(80, 160, 0, 40))
    assert encoded_bound_bytes(padded, GRAY) == 80 * 160 * 15 // 4 + 16384


@pytest.mark.parametrize("output", WRITABLE)
@pytest.mark.parametrize("quality", [60, 80, 95])
def test_a_picture_is_expected_to_stay_under_its_bound(output: Format, quality: int) -> None:
    wanted = replace(task(1080, 1350, output, quality), quad=QuadBlur(24, 12))
    assert expected_bytes(wanted, COLOR) <= encoded_bound_bytes(wanted, COLOR)
