"""The pipeline: its order, what each step leaves alone, and the size of what comes out."""

from itertools import pairwise

import numpy as np
import pytest

from pixelpipe.errors import ImageTooSmallError
from pixelpipe.formats.registry import WRITABLE, Format
from pixelpipe.imaging import steps
from pixelpipe.imaging.operations.effects import blur, grayscale
from pixelpipe.imaging.operations.quad import quad_edge_blur
from pixelpipe.imaging.pipeline import STEPS, make
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.sizing import Fit, Gravity, Sizing
from pixelpipe.recipes.task import Canvas, Kernel, QuadBlur, Rect, Task, Trim
from tests.fidelity.pictures import noise, picture_of, scene, source_of
from tests.photographs import opened
from tests.tasks import make_task

WHOLE = Rect(0, 0, 121, 90)


def task_of(**changes: object) -> Task:
    """A task that changes nothing but what is asked, written without loss."""
    unchanged = {
        "region": WHOLE,
        "width": 121,
        "height": 90,
        "format": Format.PNG,
        "keep_alpha": True,
    }
    return make_task(**{**unchanged, **changes})  # type: ignore[arg-type] # as make_task has it


def made(pixels: Pixels, **changes: object) -> Pixels:
    """What the pipeline makes, in OpenCV's order."""
    result = make(source_of(pixels), task_of(**changes))
    image = opened(bytes(result.content))
    assert (image.width, image.height) == (result.facts.width, result.facts.height)
    array = np.asarray(image)
    return array[..., [2, 1, 0, 3][: array.shape[2]]] if array.ndim == 3 else array


def test_the_order_of_the_steps() -> None:
    assert [step.__name__ for step in STEPS] == [
        "fit",
        "turn",
        "pad",
        "adjust",
        "tint",
        "grayscale",
        "sharpen",
        "blur",
        "pixelate",
        "quad_edge_blur",
        "watermark",
        "round_corners",
    ]


def test_a_task_that_asks_for_nothing_copies_nothing() -> None:
    pixels = scene(90, 121)
    picture = picture_of(pixels)
    draft = steps.Draft(picture, task_of())
    for step in STEPS:
        draft.pixels = step(draft)
        assert np.shares_memory(draft.pixels, pixels)
    assert (made(pixels) == pixels).all()


def test_fit_takes_the_region() -> None:
    pixels = scene(90, 121)
    result = made(pixels, region=Rect(31, 12, 60, 50), width=60, height=50)
    assert (result == pixels[12:62, 31:91]).all()


def test_variants_of_one_region_and_size_share_the_resized_pixels() -> None:
    picture = picture_of(scene(90, 121))
    sized = {"width": 60, "height": 45}
    bases = [
        steps.fit(steps.Draft(picture, task_of(**sized, **more)))
        for more in ({}, {"grayscale": True}, {"blur_sigma": 2.0})
    ]
    assert bases[0] is bases[1]
    assert bases[1] is bases[2]


def test_pad_lays_the_picture_on_its_canvas() -> None:
    pixels = scene(90, 121)
    canvas = Canvas(140, 120, 9, 20)
    result = made(pixels, canvas=canvas, background=(250, 130, 10, 255))
    assert result.shape == (120, 140, 3)
    assert (result[20:110, 9:130] == pixels).all()
    border = np.ones((120, 140), np.bool_)
    border[20:110, 9:130] = False
    assert (result[border] == (10, 130, 250)).all()


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_canvas_around_alpha_has_the_alpha_of_the_background(alpha: int) -> None:
    pixels = noise(90, 121, 4)
    canvas = Canvas(130, 100, 4, 5)
    result = made(pixels, canvas=canvas, background=(255, 254, 253, alpha))
    assert (result[5:95, 4:125] == pixels).all()
    assert (result[0] == (253, 254, 255, alpha)).all()


def test_gray_stays_gray_on_gray_and_not_on_a_colour() -> None:
    gray = noise(90, 121, 1)
    canvas = Canvas(121, 100, 0, 5)
    on_gray = made(gray, canvas=canvas, background=(9, 9, 9, 255))
    assert on_gray.shape == (100, 121)
    assert (on_gray[0] == 9).all()
    on_blue = made(gray, canvas=canvas, background=(0, 0, 200, 255))
    assert on_blue.shape == (100, 121, 3)
    assert (on_blue[-1] == (200, 0, 0)).all()
    assert (on_blue[5:95, :, 1] == gray).all()


def test_effects_come_after_each_other() -> None:
    pixels = scene(90, 121)
    quad = QuadBlur(10, 3.0)
    result = made(pixels, grayscale=True, blur_sigma=1.5, quad=quad)
    assert (result == quad_edge_blur(blur(grayscale(pixels), 1.5), 10, 3.0)).all()


def test_alpha_is_flattened_where_it_is_not_kept() -> None:
    pixels = noise(90, 121, 4)
    result = made(pixels, keep_alpha=False, background=(255, 0, 0, 255))
    alpha = pixels[..., 3:] / 255
    wanted = pixels[..., :3] * alpha + np.array([0, 0, 255]) * (1 - alpha)
    assert np.abs(result - wanted).max() <= 0.5 + 1e-9


def test_too_small_for_the_quad() -> None:
    with pytest.raises(ImageTooSmallError):
        make(source_of(scene(90, 121)), task_of(width=1, height=1, quad=QuadBlur(24, 12.0)))


@pytest.mark.parametrize("target", WRITABLE)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_step_works_on_read_only_pixels(target: Format, channels: int) -> None:
    pixels = noise(90, 121, channels)
    before = pixels.copy()
    task = task_of(
        region=Rect(3, 5, 111, 83),
        width=57,
        height=44,
        canvas=Canvas(60, 60, 1, 7),
        grayscale=True,
        blur_sigma=4.0,
        quad=QuadBlur(6, 2.0),
        format=target,
        keep_alpha=target != Format.JPEG,
        background=(1, 2, 3, 255),
    )
    result = make(source_of(pixels), task)
    assert (result.facts.width, result.facts.height) == (60, 60)
    assert opened(bytes(result.content)).size == (60, 60)
    assert result.process_ms > 0
    assert result.encode_ms > 0
    assert (pixels == before).all()


def test_sizes_are_exact() -> None:
    picture = source_of(scene(90, 121))
    for width, height in pairwise((1, 7, 30, 44, 45, 60, 61, 89, 120, 121, 122, 243)):
        result = make(picture, task_of(region=Rect(1, 2, 118, 87), width=width, height=height))
        assert opened(bytes(result.content)).size == (width, height)


def test_a_reduced_decode_makes_the_same_sizes() -> None:
    half = source_of(scene(45, 61), reduction=2, source=(90, 121))
    for region in (WHOLE, Rect(1, 0, 120, 90), Rect(0, 13, 121, 77)):
        result = make(half, task_of(region=region, width=40, height=31))
        assert opened(bytes(result.content)).size == (40, 31)


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("width", [20, 33, 90])
def test_nothing_around_a_crop_is_seen(kernel: Kernel, width: int) -> None:
    pixels = np.full((90, 121, 3), 255, np.uint8)
    inside = Rect(31, 17, 45, 45)
    pixels[17:62, 31:76] = (0, 0, 200)
    result = made(pixels, region=inside, bounds=inside, width=width, height=width, kernel=kernel)
    assert np.array_equal(np.unique(result.reshape(-1, 3), axis=0), [[0, 0, 200]])


def test_nothing_of_a_trimmed_border_is_left() -> None:
    pixels = np.full((90, 121, 3), 255, np.uint8)
    pixels[17:62, 31:76] = (0, 0, 200)
    trim = Trim(10, Sizing(20, None, Fit.COVER, Gravity.CENTER, enlarge=False), None)
    result = made(pixels, trim=trim, bounds=WHOLE)
    assert result.shape == (20, 20, 3)
    assert np.array_equal(np.unique(result.reshape(-1, 3), axis=0), [[0, 0, 200]])


@pytest.mark.parametrize("change", [{"corner_radius_px": 20}, {"blur_sigma": 20.0}])
def test_what_changes_a_small_one_more_is_described_for_each_size(
    change: dict[str, object],
) -> None:
    source = source_of(scene(121, 90))
    large = task_of(width=484, height=360, keep_alpha=True, **change)
    small = task_of(width=40, height=30, keep_alpha=True, **change)
    made_after_another = make(source, large), make(source, small)
    alone = make(source_of(scene(121, 90)), small)
    assert made_after_another[1].facts == alone.facts
    assert made_after_another[0].facts.thumbhash != alone.facts.thumbhash


def test_a_tiny_one_does_not_say_what_large_ones_look_like() -> None:
    source = source_of(scene(121, 90))
    large, tiny = task_of(width=121, height=90), task_of(width=4, height=3)
    make(source, tiny)
    assert make(source, large).facts == make(source_of(scene(121, 90)), large).facts
