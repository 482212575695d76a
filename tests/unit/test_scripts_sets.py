import json

import pytest

from benchmark.sets import SET_NAMES, VariantSet, variant_sets
from peers.sizes import wanted_size
from pixelpipe.config import Settings
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.spec import parse_specs

LIMITS = Settings.model_construct()
SOURCES = [(2725, 2225), (3000, 4000), (2400, 1920), (1920, 1920), (640, 480), (1001, 333)]


def _planned(asked: VariantSet, size: tuple[int, int]) -> Plan:
    source = SourceInfo(Format.JPEG, *size, channels=3, bit_depth=8, orientation=1)
    return plan(source, parse_specs(list(asked.specs), limits=LIMITS), LIMITS)


@pytest.mark.parametrize("size", SOURCES)
@pytest.mark.parametrize("asked", variant_sets(SET_NAMES), ids=lambda asked: asked.name)
def test_peers_make_variants_as_large_as_the_plan_does(
    asked: VariantSet, size: tuple[int, int]
) -> None:
    tasks = _planned(asked, size).tasks

    assert [(task.output_width, task.output_height) for task in tasks] == [
        wanted_size(size, spec) for spec in asked.specs
    ]


@pytest.mark.parametrize("asked", variant_sets(SET_NAMES), ids=lambda asked: asked.name)
def test_a_lossless_set_has_the_same_variants_as_png(asked: VariantSet) -> None:
    lossless = asked.lossless

    assert lossless.name == asked.name
    assert {spec["format"] for spec in lossless.specs} == {"png"}
    assert not any("quality" in spec for spec in lossless.specs)
    for spec, same in zip(asked.specs, lossless.specs, strict=True):
        assert spec == same | {"format": "jpeg", "quality": 80}


def test_sets_are_given_in_the_order_in_which_they_are_named() -> None:
    names = ["bench-srcset", "bench-thumb"]

    assert [each.name for each in variant_sets(names)] == names


def test_the_specs_of_a_set_are_its_json() -> None:
    (asked,) = variant_sets(["bench-full"])

    assert json.loads(asked.json) == list(asked.specs)


def test_a_set_that_is_unknown_is_an_error() -> None:
    with pytest.raises(KeyError, match="bench-none"):
        variant_sets(["bench-none"])
