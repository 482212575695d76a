"""`Prefer: wait` and `Accept`."""

import pytest

from pixelpipe.formats.registry import Format
from pixelpipe.server.preferences import (
    accepted_formats,
    best_format,
    preferred_wait_s,
    prefers,
)

# What the HTTP client in Java's own library sends.
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
PLAIN = {Format.JPEG, Format.PNG}
OFFERED = [Format.AVIF, Format.WEBP, Format.JPEG]


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ([], None),
        (["wait=10"], 10),
        (["wait=0"], 0),
        (['wait="7"'], 7),
        (["WAIT = 7"], 7),
        (["respond-async, wait=5"], 5),
        (["respond-async", "wait=5"], 5),
        (["wait=5; foo=bar"], 5),
        (["wait=5, wait=9"], 5),
        (["wait=100000"], 300),
        (["wait"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon, wait=3"], 3),
        (["await=5"], None),
    ],
)
def test_preferred_wait(prefer: list[str], wait_s: int | None) -> None:
    assert preferred_wait_s(prefer) == wait_s


@pytest.mark.parametrize(
    ("accept", "picture"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("image/*", True),
        ("image/jpeg", True),
        ("IMAGE/JPEG", True),
        ("image/png", False),
        ("image/avif,image/webp,image/*,*/*;q=0.8", True),
        ("text/html,image/*;q=0.5,*/*;q=0.8", False),
        ("application/json, image/*;q=0.9", False),
        ("application/json;q=0.2, image/*", True),
        ("image/*;q=0", False),
        ("image/jpeg;q=0, image/*", False),
    ],
)
def test_prefers_a_picture(accept: str, *, picture: bool) -> None:
    assert prefers(accept, "image/jpeg", "application/json") is picture


@pytest.mark.parametrize(
    ("accept", "formats"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("image/*", PLAIN),
        ("application/json", PLAIN),
        (CHROMIUM, PLAIN | {Format.AVIF, Format.WEBP}),
        ("image/webp, */*", PLAIN | {Format.WEBP}),
        ("image/webp", {Format.WEBP}),
        ("image/webp;q=0, */*", PLAIN),
        ("image/png;q=0, image/*", {Format.JPEG}),
        ("IMAGE/AVIF", {Format.AVIF}),
        (JAVA, PLAIN),
        ("image/avif;q=0.00000", PLAIN),
        ("image/avif;q=.0, image/*", PLAIN),
    ],
)
def test_what_a_client_can_show(accept: str, formats: set[Format]) -> None:
    assert accepted_formats(accept) == formats


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        (CHROMIUM, Format.AVIF),
        ("image/webp,*/*;q=0.8", Format.WEBP),
        ("*/*", Format.JPEG),
        ("", Format.JPEG),
        ("image/avif;q=0.5, image/webp;q=0.9", Format.WEBP),
        ("image/avif;q=0, image/*", Format.JPEG),
        (JAVA, Format.JPEG),
        ("image/avif;q=.3, image/webp;q=.25", Format.AVIF),
        ("image/avif;q=0.1234567, image/webp;q=0.2", Format.WEBP),
        ("image/avif;q=7, image/webp", Format.AVIF),
        ("image/avif;q=nan;q, image/webp;;;=,,;q", Format.AVIF),
        ("image/png", Format.JPEG),
        ("image/jpeg;q=0,*/*", Format.WEBP),
    ],
)
def test_the_best_of_what_is_offered(accept: str, best: Format) -> None:
    assert best_format(accept, OFFERED) is best


def test_who_takes_nothing_of_it_is_given_the_last() -> None:
    assert best_format("image/png", [Format.AVIF, Format.WEBP]) is Format.WEBP
