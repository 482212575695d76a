"""`Prefer: wait` and `Accept`."""

import pytest

from pixelpipe.server.preferences import preferred_wait_s, prefers


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
