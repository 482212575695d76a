"""Values that arrive as text."""

import pytest

from pixelpipe.errors import MalformedRequestError
from pixelpipe.server.fields import json_field, plain_value


def test_json_field_reads_json() -> None:
    assert json_field({"variants": '[{"name": "a"}]'}, "variants") == [{"name": "a"}]


def test_a_field_that_was_not_given_is_none() -> None:
    assert json_field({}, "variants") is None


@pytest.mark.parametrize("text", ["", "[", "nope", "NaN", "[1, Infinity]", "[" * 60000, "9" * 5000])
def test_what_is_not_json_is_refused_by_name(text: str) -> None:
    with pytest.raises(MalformedRequestError, match="'variants' is not JSON"):
        json_field({"variants": text}, "variants")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("24", 24),
        ("-3", -3),
        ("1.5", 1.5),
        ("true", True),
        ("false", False),
        ("jpeg", "jpeg"),
        ("", ""),
        ("1e9", "1e9"),
        ("nan", "nan"),
        ("١٢", "١٢"),
        ("1" * 20, "1" * 20),
        ('{"x": 0.2, "y": 1}', {"x": 0.2, "y": 1}),
        ('{"x": 0.2', '{"x": 0.2'),
        ('{"x": NaN}', '{"x": NaN}'),
    ],
)
def test_plain_value(text: str, value: object) -> None:
    found = plain_value(text)
    assert found == value
    assert type(found) is type(value)
