"""Keys as clients write them, and what makes two requests the same."""

import pytest
from multidict import CIMultiDict

from pixelpipe.errors import MalformedRequestError
from pixelpipe.recipes.spec import Spec
from pixelpipe.server.idempotency import idempotency_key, request_fingerprint

UUID = "8e03978e-40d5-43dd-bc93-6894a57f9324"
DIGEST = "0" * 64


def key_of(*values: str) -> str | None:
    return idempotency_key(CIMultiDict([("idempotency-key", value) for value in values]))


def specs(*wanted: dict[str, object]) -> list[Spec]:
    return [Spec.model_validate({"name": f"v{n}", **w}) for n, w in enumerate(wanted)]


def test_no_key_is_none() -> None:
    assert key_of() is None


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (f'"{UUID}"', UUID),
        (UUID, UUID),
        (f'  "{UUID}"\t', UUID),
        ('"with space, and comma"', "with space, and comma"),
        (r'"say \"hi\" \\ bye"', 'say "hi" \\ bye'),
        (r"a\b", r"a\b"),
        (r'"a\\b"', r"a\b"),
        ("order/17;retry=no:'x'", "order/17;retry=no:'x'"),
        ("k", "k"),
        ("x" * 255, "x" * 255),
        (f'"{"x" * 255}"', "x" * 255),
        ('"' + '\\"' * 255 + '"', '"' * 255),
    ],
)
def test_a_key_in_quotes_and_the_same_without_are_one(value: str, key: str) -> None:
    assert key_of(value) == key


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        ([UUID, UUID], "more than once"),
        ([f'"{UUID}"', UUID], "more than once"),
        ([""], "is empty"),
        (["  "], "is empty"),
        (['""'], "is empty"),
        (["x" * 256], "has 256 characters; 255 are allowed"),
        ([f'"{"x" * 256}"'], "has 256 characters"),
        ([f'"{UUID}'], "in double quotes"),
        ([f'{UUID}"'], "in double quotes"),
        (['"'], "in double quotes"),
        (['"a" "b"'], "in double quotes"),
        (['"a", "b"'], "in double quotes"),
        (["a,b"], "in double quotes"),
        (["a b"], "in double quotes"),
        (['"a";v=1'], "in double quotes"),
        ([r'"a\b"'], "in double quotes"),
        (['"a\\"'], "in double quotes"),
        (['"a\tb"'], "in double quotes"),
        (['"a\n"'], "in double quotes"),
        (["a\n"], "in double quotes"),
        (["schlüssel"], "in double quotes"),
        (['"schlüssel"'], "in double quotes"),
        (["a\udcffb"], "in double quotes"),
        (["a\x7f"], "in double quotes"),
    ],
)
def test_what_is_no_key_is_refused_in_plain_words(values: list[str], detail: str) -> None:
    with pytest.raises(MalformedRequestError, match=detail):
        key_of(*values)


def test_the_same_request_has_the_same_fingerprint() -> None:
    whole = {"resize": {"width": 80, "fit": "cover"}, "blur": {"sigma": 8}, "grayscale": False}
    brief = {"blur": {"sigma": 8.0}, "resize": {"width": 80}}
    first = request_fingerprint("jobs", DIGEST, specs(whole), {"name": "a.jpg", "webhook": "x"})
    again = request_fingerprint("jobs", DIGEST, specs(brief), {"webhook": "x", "name": "a.jpg"})
    assert first == again


def test_a_fingerprint_survives_restarts_and_upgrades() -> None:
    wanted = specs({"resize": {"width": 80, "fit": "inside"}, "format": "webp"}, {"quality": 70})
    options = {"name": "Grüße\udcff.jpg"}
    assert request_fingerprint("jobs", DIGEST, wanted, options) == (
        "5d03630bafad9215702704ad94855cfd2af89fdcd75ec063c82b62dc32d675fa"
    )


@pytest.mark.parametrize(
    ("route", "digest", "wanted", "options"),
    [
        ("files", DIGEST, [{"quality": 70}, {}], {"name": "a"}),
        ("jobs", "1" * 64, [{"quality": 70}, {}], {"name": "a"}),
        ("jobs", DIGEST, [{"quality": 71}, {}], {"name": "a"}),
        ("jobs", DIGEST, [{}, {"quality": 70}], {"name": "a"}),
        ("jobs", DIGEST, [{"quality": 70}], {"name": "a"}),
        ("jobs", DIGEST, [{"quality": 70, "resize": {"width": 5}}, {}], {"name": "a"}),
        ("jobs", DIGEST, [{"quality": 70}, {}], {"name": "b"}),
        ("jobs", DIGEST, [{"quality": 70}, {}], {"name": "a", "webhook": ""}),
        ("jobs", DIGEST, [{"quality": 70}, {}], {}),
    ],
)
def test_another_request_has_another_fingerprint(
    route: str, digest: str, wanted: list[dict[str, object]], options: dict[str, str]
) -> None:
    first = request_fingerprint("jobs", DIGEST, specs({"quality": 70}, {}), {"name": "a"})
    assert request_fingerprint(route, digest, specs(*wanted), options) != first
