"""Which jobs keep luma and chroma apart, and which variants stay so."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from pixelpipe.config import Settings
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.planar import stays_planar
from pixelpipe.recipes.spec import parse_specs
from tests.tasks import make_decode
from tests.unit.probe_files import png

MARK = f"data:image/png;base64,{b64encode(png()).decode()}"
LIMITS = Settings.model_construct()
SMALL = {"width": 300, "height": 200}


def planned(*specs: dict[str, Any], size: tuple[int, int] = (640, 480), turned: int = 1) -> Plan:
    source = SourceInfo(Format.JPEG, *size, 3, 8, turned, halved_chroma=True)
    named = [{"name": f"v{index}", **spec} for index, spec in enumerate(specs)]
    return plan(source, parse_specs(named, limits=LIMITS), LIMITS)


def is_planar(*specs: dict[str, Any], size: tuple[int, int] = (640, 480), turned: int = 1) -> bool:
    return planned(*specs, size=size, turned=turned).decode.planar


def stays(**spec: Any) -> bool:
    return stays_planar(planned(spec).tasks[0])


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"format": "jpeg", "quality": 50, "max_bytes": 5000, "metadata": "all"},
        {"resize": {"width": 301}},
        {"resize": {"width": 1200, "enlarge": True}},
        {"resize": {"width": 640, "height": 200, "fit": "fill"}},
        {"resize": {**SMALL, "gravity": "southeast"}},
        {"resize": {"width": 17, "height": 16, "fit": "fill"}},
        {"crop": {"x": 2, "y": 10, "width": 65, "height": 64}},
        {"grayscale": True, "blur": {"sigma": 3}},
        {"quad": {"band_px": 24, "sigma": 12}},
    ],
)
def test_a_plain_jpeg_of_half_the_colours_stays_so(spec: dict[str, Any]) -> None:
    assert is_planar(spec)
    assert stays(**spec)


@pytest.mark.parametrize(
    "spec",
    [
        {"format": "png"},
        {"format": "webp"},
        {"format": "auto"},
        {"formats": ["jpeg", "webp"]},
        {"jpeg": {"progressive": True}},
        {"jpeg": {"optimize": True}},
        {"jpeg": {"subsampling": "444"}},
        {"jpeg": {"subsampling": "422"}},
        {"rotate": 90},
        {"flip": "horizontal"},
        {"pad": {"top": 2}},
        {"brightness": 1.1},
        {"sepia": 0.5},
        {"duotone": {"shadow": "#000", "highlight": "#fff"}},
        {"sharpen": {}},
        {"pixelate": {"size_px": 4}},
        {"watermark": {"image": MARK}},
        {"corners": {"radius_px": 5}},
        {"quad": {"band_px": 23, "sigma": 12}},
    ],
)
def test_what_is_mixed_starts_from_planes_where_it_shrinks(spec: dict[str, Any]) -> None:
    smaller = {"resize": {"width": 300, "height": 230, "fit": "fill"}} | spec
    assert is_planar(smaller)
    assert not stays(**smaller)
    assert is_planar(smaller, {"format": "jpeg"})
    whole = {**smaller, "resize": {"width": 640, "height": 300, "fit": "fill"}}
    assert not is_planar(whole)
    assert not is_planar({"format": "jpeg"}, whole)


@pytest.mark.parametrize(("width", "height"), [(302, 200), (303, 200), (300, 202), (300, 203)])
def test_parts_that_cut_a_sample_of_chroma_are_blurred_mixed(width: int, height: int) -> None:
    resize = {"resize": {"width": width, "height": height, "fit": "fill"}}
    assert stays(**resize)
    assert not stays(**resize, quad={})
    assert is_planar({**resize, "quad": {}})


@pytest.mark.parametrize(
    "spec",
    [
        {"resize": {**SMALL, "kernel": "lanczos3"}},
        {"resize": {**SMALL, "linear": True}},
        {"resize": {**SMALL, "gravity": "attention"}},
        {"resize": {**SMALL, "gravity": "entropy"}},
        {"trim": {}},
        {"profile": "keep"},
        {"resize": {"width": 640, "height": 15, "fit": "fill"}},
        {"resize": {"width": 15, "height": 300, "fit": "fill"}},
        {"crop": {"x": 0, "y": 0, "width": 63, "height": 200}},
        {"crop": {"x": 0, "y": 0, "width": 200, "height": 63}},
        {"crop": {"x": 1, "y": 0, "width": 200, "height": 100}},
        {"crop": {"x": 0, "y": 3, "width": 200, "height": 100}},
    ],
)
def test_one_variant_that_needs_mixed_pixels_mixes_them_for_all(spec: dict[str, Any]) -> None:
    assert not is_planar({"format": "jpeg", **spec})
    assert not is_planar({"format": "jpeg"}, {"format": "jpeg", **spec}, {"resize": SMALL})


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_reduced_planes_are_for_what_stays_planar_alone(reduction: int) -> None:
    """Colours that are a quarter of the pixels already would be too few for any other."""
    resize = {"resize": {"width": 640 // reduction // 2, "height": 240 // reduction, "fit": "fill"}}
    job = planned(resize)
    assert (job.decode.planar, job.decode.reduction) == (True, reduction)
    mixes = planned(resize, {**resize, "format": "png"})
    assert (mixes.decode.planar, mixes.decode.reduction) == (False, reduction)


def test_only_a_source_that_says_so_has_planes() -> None:
    for info in (
        SourceInfo(Format.JPEG, 640, 480, 3, 8, 1),
        SourceInfo(Format.JPEG, 640, 480, 1, 8, 1),
        SourceInfo(Format.PNG, 640, 480, 3, 8, 1),
    ):
        assert not plan(info, parse_specs([{"name": "v"}], limits=LIMITS), LIMITS).decode.planar


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_turned_has_even_sides(orientation: int) -> None:
    upright = orientation == 1
    for width, height in ((640, 481), (641, 480), (641, 481)):
        assert is_planar({}, size=(width, height), turned=orientation) is upright
    assert is_planar({}, size=(640, 482), turned=orientation)
    # A reduced sample of chroma is for four pixels.
    reduced = {"resize": {"width": 150, "height": 150, "fit": "fill"}}
    assert is_planar(reduced, size=(644, 484), turned=orientation)
    assert is_planar(reduced, size=(646, 486), turned=orientation) is upright


@pytest.mark.parametrize("gravity", ["center", "east", "south", "northwest", {"x": 0.3, "y": 0.9}])
@pytest.mark.parametrize("width", [211, 97, 40, 20])
def test_regions_begin_on_a_sample_of_chroma(gravity: object, width: int) -> None:
    job = planned({"resize": {"width": width, "height": 77, "gravity": gravity}}, size=(1001, 751))
    region, step_px = job.tasks[0].region, 2 * job.decode.reduction
    assert job.decode.planar
    assert (region.x % step_px, region.y % step_px) == (0, 0)
    assert region.x + region.width <= 1001
    assert region.y + region.height <= 751


def test_planes_take_half_the_room_and_odd_sides_are_rounded_up() -> None:
    planar = replace(make_decode(121, 90), planar=True)
    assert planar.frame_bytes == 122 * 90 * 3 // 2
    assert replace(planar, height=91, sidecar_bytes=5).pixels_bytes == 122 * 92 * 3 // 2 + 5
