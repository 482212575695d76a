"""A plan that is given again is the plan that would be made."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from pixelpipe.config import Settings
from pixelpipe.errors import InvalidSpecError
from pixelpipe.formats.registry import Format
from pixelpipe.jobs.plans import Plans
from pixelpipe.jobs.submission import SourceLimits
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.spec import Spec, parse_specs
from pixelpipe.recipes.tasks import UNIVERSAL
from tests.unit.probe_files import png
from tests.unit.test_plan import source

_LIMITS = SourceLimits(1_000_000, 10_000)
_MARK = f"data:;base64,{b64encode(png()).decode()}"


def _specs(*specs: dict[str, Any]) -> tuple[Spec, ...]:
    named = [{"name": f"v{index}", **spec} for index, spec in enumerate(specs)]
    return parse_specs(named, limits=Settings.model_construct())


def test_the_same_for_the_same_source_is_planned_once() -> None:
    plans, specs = Plans(_LIMITS), _specs({"resize": {"width": 100}}, {"format": "png"})
    first = plans.of(source(), specs, UNIVERSAL)
    assert plans.of(source(), specs, UNIVERSAL) is first
    assert first.plan == plan(source(), specs, _LIMITS, UNIVERSAL)


def test_any_other_fact_of_the_source_makes_another_plan() -> None:
    plans, specs, info = Plans(_LIMITS), _specs({"resize": {"width": 100}}, {}), source()
    others = [
        replace(info, stored_width=500),
        replace(info, stored_height=500),
        replace(info, orientation=6),
        replace(info, channels=4),
        replace(info, format=Format.PNG),
    ]
    plans.of(info, specs, UNIVERSAL)
    for other in others:
        assert plans.of(other, specs, UNIVERSAL).plan == plan(other, specs, _LIMITS, UNIVERSAL)


def test_what_the_client_can_show_makes_another_plan() -> None:
    plans, specs = Plans(_LIMITS), _specs({"format": "auto"})
    plans.of(source(), specs, UNIVERSAL)
    modern = frozenset({*UNIVERSAL, Format.WEBP})
    assert plans.of(source(), specs, modern).plan.tasks[0].format is Format.WEBP


def test_other_specs_in_the_place_of_forgotten_ones_have_their_own_plan() -> None:
    plans = Plans(_LIMITS)
    for width in range(20, 400):  # More than are kept, each list freed for the next one.
        specs = _specs({"resize": {"width": width}})
        assert plans.of(source(), specs, UNIVERSAL).plan.tasks[0].width == width


def test_what_cannot_be_planned_is_refused_each_time() -> None:
    plans, specs = Plans(SourceLimits(1_000_000, 50)), _specs({"resize": {"width": 100}})
    for _ in range(2):
        with pytest.raises(InvalidSpecError, match="50"):
            plans.of(source(), specs, UNIVERSAL)


def test_pictures_of_watermarks_are_not_kept() -> None:
    plans, specs = Plans(_LIMITS), _specs({"watermark": {"image": _MARK}})
    first = plans.of(source(), specs, UNIVERSAL)
    again = plans.of(source(), specs, UNIVERSAL)
    assert again == first
    assert again is not first
