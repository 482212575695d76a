"""Specs that are wrong: every mistake is told at once, by pointer, in words that help."""

import json
from typing import Any

import pytest

from pixelpipe.config import Settings
from pixelpipe.errors import InvalidSpecError
from pixelpipe.formats.registry import WRITABLE
from pixelpipe.recipes.spec import parse_specs

LIMITS = Settings.model_construct(max_side_px=5000, max_variants=3)
GRAVITIES = "center, north, northeast, east, southeast, south, southwest, west, northwest"
GRAVITIES += ", attention, entropy"
OUTPUTS = ", ".join(WRITABLE)
NAME_WORDS = "1 to 64 of a-z, 0-9, - and _, with a letter or digit at both ends"


def told(raw: object) -> dict[str, str]:
    """What is said about `raw`, by pointer."""
    with pytest.raises(InvalidSpecError) as caught:
        parse_specs(raw, limits=LIMITS)
    return {each["pointer"]: each["detail"] for each in caught.value.extensions["errors"]}


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"resize": {"width": 0}}, "resize/width", "a whole number from 1 to 5000, not 0"),
    ({"resize": {"width": 5001}}, "resize/width", "a whole number from 1 to 5000, not 5001"),
    ({"resize": {"height": "9"}}, "resize/height", 'a whole number from 1 to 5000, not "9"'),
    ({"resize": {"height": 1.5}}, "resize/height", "a whole number from 1 to 5000, not 1.5"),
    ({"resize": {"width": True}}, "resize/width", "a whole number from 1 to 5000, not true"),
    (
        {"resize": {"width": 1, "fit": "crop"}},
        "resize/fit",
        'one of cover, contain, fill, inside, outside, not "crop"',
    ),
    (
        {"resize": {"width": 1, "gravity": "up"}},
        "resize/gravity",
        f'one of {GRAVITIES} or an object with x, y, not "up"',
    ),
    (
        {"resize": {"width": 1, "gravity": {"x": 1.01, "y": 0}}},
        "resize/gravity/x",
        "a number from 0 to 1, not 1.01",
    ),
    ({"resize": {"width": 1, "enlarge": 1}}, "resize/enlarge", "true or false, not 1"),
    (
        {"resize": []},
        "resize",
        "an object with width, height, fit, gravity, enlarge, kernel, linear, not a list",
    ),
    ({"blur": {"sigma": 0.29}}, "blur/sigma", "a number from 0.3 to 250, not 0.29"),
    ({"blur": {"sigma": 251}}, "blur/sigma", "a number from 0.3 to 250, not 251"),
    ({"blur": {"sigma": float("nan")}}, "blur/sigma", "a number from 0.3 to 250, not NaN"),
    ({"blur": 8}, "blur", "an object with sigma, not 8"),
    ({"grayscale": "yes"}, "grayscale", 'true or false, not "yes"'),
    ({"quad": {"band_px": 0}}, "quad/band_px", "a whole number of at least 1, not 0"),
    ({"quad": {"sigma": 101}}, "quad/sigma", "a number from 0.3 to 100, not 101"),
    ({"format": "gif"}, "format", f'one of {OUTPUTS}, auto, not "gif"'),
    ({"format": "jpg"}, "format", f'one of {OUTPUTS}, auto, not "jpg"'),
    ({"quality": 101}, "quality", "a whole number from 1 to 100, not 101"),
    (
        {"background": "#1234"},
        "background",
        'a colour written #rgb or #rrggbb, or blurred, not "#1234"',
    ),
    (
        {"duotone": {"shadow": "black", "highlight": "#fff"}},
        "duotone/shadow",
        'a colour written #rgb or #rrggbb, not "black"',
    ),
    (
        {"watermark": {"image": 1}},
        "watermark/image",
        "a data URL in base64 of a PNG, WebP, JPEG or AVIF of up to 98304 bytes, not 1",
    ),
    ({"rotate": 45}, "rotate", "one of 0, 90, 180, 270, not 45"),
    ({"flip": "up"}, "flip", 'one of horizontal, vertical, both, not "up"'),
    ({"crop": {"width": 0, "height": 1}}, "crop/width", "a whole number from 1 to 5000, not 0"),
    ({"trim": {"threshold": 255}}, "trim/threshold", "a whole number from 0 to 254, not 255"),
    ({"pad": {"top": -1}}, "pad/top", "a whole number from 0 to 10000, not -1"),
    ({"brightness": -1}, "brightness", "a number from 0 to 10, not -1"),
    ({"sepia": 2}, "sepia", "a number from 0 to 1, not 2"),
    ({"sharpen": {"amount": 0}}, "sharpen/amount", "a number above 0, up to 10, not 0"),
    ({"formats": ["gif"]}, "formats/0", f'one of {OUTPUTS}, not "gif"'),
    ({"jpeg": {"subsampling": "411"}}, "jpeg/subsampling", 'one of 420, 422, 444, not "411"'),
    ({"metadata": "gps"}, "metadata", 'one of none, copyright, all, not "gps"'),
]


@pytest.mark.parametrize(("fields", "path", "words"), CASES)
def test_the_detail_says_what_is_allowed(fields: dict[str, Any], path: str, words: str) -> None:
    assert told([{"name": "a", **fields}]) == {f"/variants/0/{path}": f"must be {words}"}


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", "a.b", "a/b", "..", "a b", "é", "a\n", "x" * 65]
)
def test_names_that_could_leave_their_place_are_refused(name: str) -> None:
    shown = json.dumps(name, ensure_ascii=False)
    detail = told([{"name": name}])["/variants/0/name"]
    assert detail.startswith(f"must be {NAME_WORDS}, not {shown[:40]}")


def test_what_is_missing_is_named_with_what_it_must_be() -> None:
    assert told([{"blur": {}}]) == {
        "/variants/0/name": f"is missing; it must be {NAME_WORDS}",
        "/variants/0/blur/sigma": "is missing; it must be a number from 0.3 to 250",
    }


def test_a_resize_needs_a_side() -> None:
    assert told([{"name": "a", "resize": {"fit": "cover"}}]) == {
        "/variants/0/resize": "needs a width, a height or both"
    }


def test_unknown_fields_are_named_with_the_known_ones() -> None:
    assert told([{"name": "a", "blur": {"sigma": 1, "sgima": 2}}]) == {
        "/variants/0/blur/sgima": "is not a known field; known here: sigma"
    }


def test_unknown_fields_inside_a_focal_point_point_to_it() -> None:
    assert told([{"name": "a", "resize": {"width": 1, "gravity": {"x": 0, "y": 0, "z": 0}}}]) == {
        "/variants/0/resize/gravity/z": "is not a known field; known here: x, y"
    }


def test_pointers_are_escaped() -> None:
    assert list(told([{"name": "a", "~x/y": 1}])) == ["/variants/0/~0x~1y"]


def test_every_mistake_of_every_spec_is_told_at_once() -> None:
    bad = [
        {"name": "a", "quality": 0, "format": "bmp"},
        "b",
        {"name": "a", "blur": {"sigma": "1"}, "nope": 1},
    ]
    assert told(bad).keys() == {
        "/variants/0/quality",
        "/variants/0/format",
        "/variants/1",
        "/variants/2/blur/sigma",
        "/variants/2/nope",
        "/variants/2/name",
    }


def test_a_repeated_name_points_to_the_one_before() -> None:
    assert told([{"name": "a"}, {"name": "b"}, {"name": "a"}]) == {
        "/variants/2/name": "must be unique; /variants/0 has the same name"
    }


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ([], ", not 0"),
        ([{"name": str(n)} for n in range(4)], ", not 4"),
        ("hero", ""),
        (None, ""),
    ],
)
def test_the_list_itself(raw: object, why: str) -> None:
    assert told(raw) == {"/variants": f"must be a list of 1 to 3 specs{why}"}


def test_pointers_begin_where_the_caller_says() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_specs([{"name": "a", "quality": 0}], limits=LIMITS, at=())
    assert caught.value.extensions["errors"][0]["pointer"] == "/0/quality"


def test_the_sentence_names_the_first_mistake_and_counts_the_others() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_specs([{"name": "a", "quality": 0, "format": "x", "blur": 1}], limits=LIMITS)
    assert caught.value.detail == (
        "/variants/0/blur must be an object with sigma, not 1 (2 more in `errors`)."
    )


def test_half_a_character_can_be_told_in_utf_8() -> None:
    raw = json.loads('[{"name": "\\ud800", "\\udfff": 1}]')
    for pointer, detail in told(raw).items():
        assert (pointer + detail).encode()


def test_long_values_are_cut() -> None:
    assert len(told([{"name": "a", "format": "x" * 9999}])["/variants/0/format"]) < 150
