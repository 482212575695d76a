"""Variants made of luma and chroma, measured against a reference and beside mixed pixels."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import cv2
import numpy as np
import pytest

from pixelpipe.imaging.pipeline import make
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.source import Source
from pixelpipe.recipes.task import Rect, Task
from tests.fidelity.pictures import photograph, scene
from tests.fidelity.planar_chain import filled, jpeg_420, made, mixed, planned, shown, stored
from tests.fidelity.references import Floats, area, exact_lanczos, gaussian, psnr, quad_edge_blur
from tests.photographs import opened

SCALES = (0.05, 0.08, 0.125, 0.17, 0.25, 0.3, 0.36, 0.44, 0.5, 0.57, 0.66, 0.8, 0.95, 1, 1.3)
SHAPES = ((448, 608), (451, 603))
DRAWN = ((photograph, SHAPES[0]), (scene, SHAPES[1]))
# By how much planes may be farther from the reference, in dB: what is measured is half of it.
LESS_DB = 0.4


def resized(scale: float, shape: tuple[int, int], **spec: Any) -> dict[str, Any]:
    height, width = (max(16, round(side * scale)) for side in shape)
    return {"resize": {"width": width, "height": height, "fit": "fill", "enlarge": True}} | spec


def by_pillow(content: bytes) -> Pixels:
    return np.asarray(opened(content))[..., ::-1]


def wanted(pixels: Pixels, task: Task) -> Floats:
    """Of the picture as it was before it became a JPEG."""
    return exact_lanczos(pixels, task.region, task.width, task.height)


@pytest.mark.parametrize(("draw", "shape"), DRAWN)
@pytest.mark.parametrize("scale", SCALES)
def test_a_jpeg_is_as_near_to_lanczos_as_of_mixed_pixels(
    scale: float, shape: tuple[int, int], draw: Callable[[int, int], Pixels]
) -> None:
    pixels = draw(*shape)
    content = jpeg_420(pixels)
    job = planned(content, resized(scale, shape, format="jpeg", quality=98))
    assert job.decode.planar
    task = job.tasks[0]
    reference = wanted(pixels, task)
    reached, before = (psnr(shown(made(content, each)[0]), reference) for each in (job, mixed(job)))
    means = area(by_pillow(content), task.region, task.width, task.height)
    assert reached > before - LESS_DB
    assert reached > psnr(by_pillow(jpeg_420(means, 98)), reference)


@pytest.mark.parametrize(("draw", "shape"), DRAWN)
@pytest.mark.parametrize("scale", [0.36, 0.42, 0.5, 0.57, 0.64, 0.8, 0.97])
def test_what_is_mixed_is_nearer_to_lanczos_than_before(
    scale: float, shape: tuple[int, int], draw: Callable[[int, int], Pixels]
) -> None:
    """Chroma is resized once, and not enlarged to the source's size before."""
    pixels = draw(*shape)
    content = jpeg_420(pixels)
    job = planned(content, resized(scale, shape, format="png"))
    assert job.decode.planar
    reference = wanted(pixels, job.tasks[0])
    reached, before = (psnr(shown(made(content, each)[0]), reference) for each in (job, mixed(job)))
    task = job.tasks[0]
    means = area(by_pillow(content), task.region, task.width, task.height)
    assert reached > before
    assert reached > psnr(means, reference)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.05, 0.1, 0.2, 0.3])
def test_what_is_mixed_has_all_its_colours_where_the_decode_is_reduced(
    scale: float, shape: tuple[int, int]
) -> None:
    pixels = photograph(*shape)
    content = jpeg_420(pixels)
    specs = (resized(scale, shape, format=each) for each in ("png", "jpeg"))
    job = planned(content, *specs)
    assert job.decode.reduction > 1
    task = job.tasks[0]
    means = area(by_pillow(content), task.region, task.width, task.height)
    reached = psnr(shown(made(content, job)[0]), wanted(pixels, task))
    assert reached > psnr(means, wanted(pixels, task))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(61, 45), (62, 45), (61, 46), (153, 113), (305, 225), (607, 447)])
def test_the_last_row_and_column_of_odd_sides_are_right(
    size: tuple[int, int], shape: tuple[int, int]
) -> None:
    pixels = photograph(*shape)
    content = jpeg_420(pixels)
    resize = {"width": size[0], "height": size[1], "fit": "fill", "enlarge": True}
    job = planned(content, {"resize": resize, "quality": 98})
    assert job.decode.planar
    reference = wanted(pixels, job.tasks[0])
    error, before = (
        np.abs(shown(made(content, each)[0]) - reference) for each in (job, mixed(job))
    )
    for edge in (np.s_[-1], np.s_[:, -1], np.s_[0], np.s_[:, 0]):
        assert np.sqrt(np.mean(error[edge] ** 2)) < 1.25 * np.sqrt(np.mean(before[edge] ** 2)) + 1


def cover(shape: tuple[int, ...], at: Floats, sigma: Floats) -> Floats:
    """A soft spot at that place, x and y, as wide as that in either direction."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    square: Floats = ((x - at[0]) / sigma[0]) ** 2 + ((y - at[1]) / sigma[1]) ** 2
    return np.asarray(np.exp(-square / 2))


def shift(plane: Pixels, at: Floats, sigma: Floats) -> Floats:
    """How far a spot is from where it should be, by least squares over all its slopes."""
    spot = cover(plane.shape, at, sigma)
    parts = np.stack([np.ones_like(spot), spot, *np.gradient(spot)[::-1]], axis=-1).reshape(-1, 4)
    found, *_ = np.linalg.lstsq(parts, plane.ravel().astype(np.float64))
    return np.asarray(np.abs(found[2:] / found[1]))


@pytest.mark.parametrize("gravity", ["center", "north", "southeast"])
@pytest.mark.parametrize("source", [(480, 640), (361, 501)])
def test_chroma_is_not_shifted_against_luma(source: tuple[int, int], gravity: str) -> None:
    height, width = source
    at, sigma = np.array([width / 2 + 0.3, height / 2 - 0.2]), np.full(2, min(source) / 14)
    red_on_gray = 70 + np.array([-60, -40, 180]) * cover(source, at, sigma)[..., np.newaxis]
    content = jpeg_420(np.asarray(np.rint(red_on_gray), np.uint8), 98)
    for size in ((320, 200), (321, 201), (101, 77), (51, 39), (33, 33)):
        resize = {"width": size[0], "height": size[1], "gravity": gravity, "fit": "cover"}
        job = planned(content, {"resize": resize, "quality": 99})
        assert job.decode.planar
        task, region = job.tasks[0], job.tasks[0].region
        scale = np.array([task.width / region.width, task.height / region.height])
        there, wide = (at - (region.x, region.y)) * scale, sigma * scale
        planes = stored(made(content, job)[0])
        # Levels are whole numbers, which costs a twentieth of a sample.
        assert shift(planes.luma, there, wide).max() < 0.1
        for plane in (planes.blue, planes.red):
            assert shift(plane, there / 2, wide / 2).max() < 0.07


def planes_of(content: bytes, **spec: Any) -> tuple[Floats, Floats, Floats]:
    planes = stored(made(content, planned(content, {"quality": 100, **spec}))[0])
    return tuple(np.asarray(each, np.float64) for each in (planes.luma, planes.blue, planes.red))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("sigma", "size"), [(0.3, (160, 120)), (2.5, (161, 121)), (20, (159, 120))]
)
def test_a_blur_of_planes_is_a_gaussian_of_each(size: tuple[int, int], sigma: float) -> None:
    content = jpeg_420(photograph(301, 403))
    resize = {"resize": {"width": size[0], "height": size[1], "fit": "fill"}}
    plain = planes_of(content, **resize)
    blurred = planes_of(content, **resize, blur={"sigma": sigma})
    for index, (plane, sharp) in enumerate(zip(blurred, plain, strict=True)):
        error = np.abs(plane - gaussian(sharp, sigma / (2 if index else 1)))
        # A file of the best quality still rounds.
        assert np.percentile(error, 99) <= 2.5
        assert error.mean() < 1


@pytest.mark.parametrize(
    ("size", "band_px", "sigma"),
    [((160, 120), 24, 12), ((161, 121), 10, 3), ((161, 120), 100, 6), ((164, 121), 24, 12)],
)
def test_a_quad_blur_of_planes_is_that_of_each(
    size: tuple[int, int], band_px: int, sigma: float
) -> None:
    content = jpeg_420(photograph(301, 403))
    resize = {"resize": {"width": size[0], "height": size[1], "fit": "fill"}}
    plain = planes_of(content, **resize)
    blurred = planes_of(content, **resize, quad={"band_px": band_px, "sigma": sigma})
    for index, (plane, sharp) in enumerate(zip(blurred, plain, strict=True)):
        of_px = 2 if index else 1
        reference, _ = quad_edge_blur(sharp, band_px // of_px, sigma / of_px)  # type: ignore[arg-type]
        error = np.abs(plane - reference)
        assert np.percentile(error, 99) <= 3
        assert error.mean() < 1


@pytest.mark.parametrize(
    "spec",
    [
        {"blur": {"sigma": 3}},
        {"blur": {"sigma": 20}},
        {"quad": {"band_px": 24, "sigma": 12}},
        {"grayscale": True},
    ],
)
def test_effects_are_those_of_mixed_pixels(spec: dict[str, Any]) -> None:
    content = jpeg_420(photograph(301, 403))
    for resize in ({"width": 200, "height": 148}, {"width": 400, "height": 300}):
        job = planned(content, {"resize": {**resize, "fit": "fill"}, "quality": 98, **spec})
        assert job.decode.planar
        planar, plain = (shown(made(content, each)[0]) for each in (job, mixed(job)))
        assert psnr(cv2.blur(planar, (2, 2)), cv2.blur(plain, (2, 2))) > 32
        assert psnr(cv2.cvtColor(planar, 6), cv2.cvtColor(plain, 6)) > 42


def test_variants_are_the_same_whichever_is_made_first() -> None:
    content = jpeg_420(photograph(301, 403))
    resize = {"width": 201, "height": 150, "fit": "fill"}
    job = planned(
        content,
        {"resize": resize},
        {"resize": resize, "format": "png"},
        {"resize": {**resize, "width": 90}, "quad": {}},
        {"resize": resize, "grayscale": True},
    )
    assert job.decode.planar
    room = filled(content, job.decode)
    alone = [make(Source(room, job.decode), task) for task in job.tasks]
    for order in permutations(range(len(job.tasks))):
        source = Source(room, job.decode)
        for index in order:
            again = make(source, job.tasks[index])
            assert bytes(again.content) == bytes(alone[index].content)
            assert again.facts == alone[index].facts


def test_a_crop_is_described_by_what_it_shows() -> None:
    pixels = np.full((200, 300, 3), (200, 30, 20), np.uint8)
    pixels[:, 150:] = (20, 180, 40)
    content = jpeg_420(pixels)
    crop = {"x": 160, "y": 10, "width": 131, "height": 101}
    job = planned(content, {"crop": crop}, {})
    assert job.decode.planar
    cropped, whole = made(content, job)
    plain = made(content, mixed(job))
    assert close(cropped.facts.dominant, "#28b414")
    assert {close(each, "#28b414") or close(each, "#141ec8") for each in whole.facts.palette}
    assert cropped.facts.blurhash == plain[0].facts.blurhash


def close(color: str, other: str) -> bool:
    levels = np.array([list(bytes.fromhex(each[1:])) for each in (color, other)])
    return int(np.ptp(levels, axis=0).max()) <= 4


@pytest.mark.parametrize("box", [Rect(0, 0, 65, 64), Rect(34, 18, 101, 77), Rect(202, 136, 99, 65)])
def test_a_crop_that_keeps_its_size_keeps_its_samples(box: Rect) -> None:
    content = jpeg_420(photograph(201, 301))
    crop = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    job = planned(content, {"crop": crop, "quality": 100}, {"quality": 100})
    assert job.decode.planar
    part, whole = (stored(each) for each in made(content, job))
    luma = whole.luma[box.y :, box.x :][: box.height, : box.width]
    assert np.abs(part.luma.astype(int) - luma).max() <= 3
    for plane, all_of_it in ((part.blue, whole.blue), (part.red, whole.red)):
        there = all_of_it[box.y // 2 :, box.x // 2 :][: plane.shape[0], : plane.shape[1]]
        assert np.abs(plane.astype(int) - there).max() <= 3
