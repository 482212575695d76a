"""The same text is read once, and means what it would mean if it were read again."""

import json
from base64 import b64encode

import pytest

from pixelpipe.config import Settings
from pixelpipe.errors import InvalidSpecError, MalformedRequestError, UnknownPresetError
from pixelpipe.recipes.presets import load_presets
from pixelpipe.server.wanted import Wanted
from tests.unit.probe_files import png

_LIMITS = Settings.model_construct()
_PRESETS = load_presets(None)
_SMALL = json.dumps([{"name": "small", "resize": {"width": 100}}])


@pytest.fixture
def wanted() -> Wanted:
    return Wanted(_PRESETS, _LIMITS)


def test_the_same_text_gives_the_same_specs(wanted: Wanted) -> None:
    first = wanted.specs({"variants": _SMALL, "priority": "1"})
    assert wanted.specs({"variants": _SMALL, "name": "other"}) is first


@pytest.mark.parametrize(
    "fields", [{"variants": _SMALL}, {"preset": "social"}, {"variants": _SMALL, "preset": "social"}]
)
def test_each_pair_of_texts_means_what_it_says(wanted: Wanted, fields: dict[str, str]) -> None:
    for others in ({"variants": _SMALL}, {"preset": "social"}, {"preset": "x"}):
        wanted.specs(others)
    variants = json.loads(fields["variants"]) if "variants" in fields else None
    chosen = _PRESETS.choose(fields.get("preset"), variants, _LIMITS)
    assert wanted.specs(fields) == wanted.specs(fields) == chosen


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"variants": "[{"}, MalformedRequestError),
        ({"variants": '[{"name": "a", "blur": 1}]'}, InvalidSpecError),
        ({"preset": "none-such"}, UnknownPresetError),
        ({}, InvalidSpecError),
    ],
)
def test_mistakes_are_told_each_time(
    wanted: Wanted, fields: dict[str, str], error: type[Exception]
) -> None:
    told = []
    for _ in range(2):
        with pytest.raises(error) as raised:
            wanted.specs(fields)
        told.append(str(raised.value))
    assert told[0] == told[1]


def test_other_limits_read_the_text_for_themselves(wanted: Wanted) -> None:
    two = json.dumps([{"name": name} for name in ("a", "b")])
    assert len(wanted.specs({"variants": two})) == 2
    strict = Wanted(_PRESETS, Settings.model_construct(max_variants=1))
    with pytest.raises(InvalidSpecError):
        strict.specs({"variants": two})


def test_only_so_many_texts_are_kept(wanted: Wanted) -> None:
    first = wanted.specs({"variants": _SMALL})
    for width in range(1, 300):
        wanted.specs({"variants": json.dumps([{"name": "a", "resize": {"width": width}}])})
    again = wanted.specs({"variants": _SMALL})
    assert again == first
    assert again is not first


def test_a_mark_goes_into_the_specs_of_its_own_request_alone(wanted: Wanted) -> None:
    variants = json.dumps([{"name": "a", "watermark": {"opacity": 0.5}}])
    for width in (5, 6):
        mark = f"data:;base64,{b64encode(png((width, 4))).decode()}"
        (spec,) = wanted.specs({"variants": variants, "mark": mark})
        assert spec.watermark is not None
        assert spec.watermark.image == mark
