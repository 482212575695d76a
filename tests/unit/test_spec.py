"""Specs that are right: what they hold, and what stands in for what is absent."""

import pytest

from pixelpipe.config import Settings
from pixelpipe.formats.registry import WRITABLE, Format
from pixelpipe.recipes.spec import Fit, FocalPoint, Gravity, Spec, parse_specs

LIMITS = Settings.model_construct()


def parsed(**fields: object) -> Spec:
    (spec,) = parse_specs([{"name": "hero", **fields}], limits=LIMITS)
    return spec


def test_every_field_is_read() -> None:
    spec = parsed(
        resize={
            "width": 1200,
            "height": 630,
            "fit": "contain",
            "gravity": "north",
            "enlarge": True,
        },
        blur={"sigma": 8},
        grayscale=True,
        quad={"band_px": 3, "sigma": 0.5},
        format="webp",
        quality=70,
        background="#fA0",
    )
    assert spec.resize is not None
    assert (spec.resize.width, spec.resize.height) == (1200, 630)
    assert (spec.resize.fit, spec.resize.gravity) == (Fit.CONTAIN, Gravity.NORTH)
    assert spec.resize.enlarge
    assert spec.blur is not None
    assert spec.blur.sigma == 8
    assert spec.quad is not None
    assert (spec.quad.band_px, spec.quad.sigma) == (3, 0.5)
    assert (spec.grayscale, spec.format, spec.quality) == (True, Format.WEBP, 70)
    assert spec.background == "#fA0"


def test_the_name_alone_is_enough() -> None:
    spec = parsed()
    assert spec.name == "hero"
    assert (spec.resize, spec.blur, spec.quad, spec.format) == (None, None, None, None)
    assert (spec.quality, spec.background, spec.grayscale) == (None, None, False)


def test_defaults_of_a_resize_and_of_the_quad() -> None:
    spec = parsed(resize={"width": 10}, quad={})
    assert spec.resize is not None
    assert (spec.resize.fit, spec.resize.gravity) == (Fit.COVER, Gravity.CENTER)
    assert not spec.resize.enlarge
    assert spec.quad is not None
    assert (spec.quad.band_px, spec.quad.sigma) == (24, 12)


def test_null_stands_for_an_absent_part() -> None:
    assert parsed(resize=None, blur=None, quality=None) == parsed()


def test_a_focal_point_is_taken_instead_of_a_gravity() -> None:
    spec = parsed(resize={"width": 1, "gravity": {"x": 0.25, "y": 1}})
    assert spec.resize is not None
    assert spec.resize.gravity == FocalPoint(x=0.25, y=1)


@pytest.mark.parametrize("name", ["a", "7", "instagram-square", "a_b", "x" * 64])
def test_names_that_are_safe_in_addresses_and_files(name: str) -> None:
    assert parse_specs([{"name": name}], limits=LIMITS)[0].name == name


@pytest.mark.parametrize("output", WRITABLE)
def test_every_writable_format_can_be_asked_for(output: Format) -> None:
    assert parsed(format=str(output)).format is output


def test_one_object_stands_for_a_list_of_one() -> None:
    assert parse_specs({"name": "a"}, limits=LIMITS) == (Spec(name="a"),)


def test_the_order_is_kept() -> None:
    specs = parse_specs([{"name": "b"}, {"name": "a"}], limits=LIMITS)
    assert [spec.name for spec in specs] == ["b", "a"]


def test_a_spec_can_be_written_and_read_again() -> None:
    spec = parsed(resize={"width": 5, "gravity": {"x": 0.1, "y": 0.2}}, format="avif")
    assert parse_specs([spec.model_dump(mode="json")], limits=LIMITS) == (spec,)
