"""Requests that are too many, over HTTP."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientResponse

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime
from tests.api_keys import Held, keep_keys, make_key
from tests.guarded import Guarded, guarded
from tests.http_jobs import refusal
from tests.serving import small_settings

# A day, so that no window ends while the test runs, but for once in a day.
PLAIN, OWN, OTHER = make_key("plain"), make_key("own", rate="3/day"), make_key("other")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("data")
    keep_keys(folder, PLAIN, OWN, OTHER)
    return small_settings(folder, auth="on", rate_limit="5/day")


@pytest_asyncio.fixture
async def house(runtime: Runtime) -> AsyncIterator[Guarded]:
    async with guarded(runtime) as opened:
        yield opened


async def get(house: Guarded, held: Held, path: str = "/api/presets") -> ClientResponse:
    return await house.client.get(path, headers=held.header)


async def allowed(house: Guarded, held: Held, times: int = 10) -> int:
    """How many of so many requests are answered."""
    return sum([(await get(house, held)).status == 200 for _ in range(times)])


async def test_each_key_has_its_own_requests(house: Guarded) -> None:
    assert await allowed(house, PLAIN) == 5
    assert await allowed(house, OWN) == 3
    assert await allowed(house, OTHER) == 5


async def test_a_session_counts_with_its_key(house: Guarded) -> None:
    assert await allowed(house, OWN, 2) == 2
    answers = [
        (await house.client.get("/api/presets", headers=house.session(OWN))).status
        for _ in range(3)
    ]
    assert answers == [200, 429, 429]


async def test_a_refusal_says_when_to_come_back(house: Guarded) -> None:
    await allowed(house, OWN, 3)
    answer = await get(house, OWN)
    assert await refusal(answer) == (429, "rate-limited")
    after_s = int(answer.headers["Retry-After"])
    assert 1 <= after_s <= 86_401
    assert answer.headers["RateLimit"] == f'"default";r=0;t={after_s}'


async def test_answers_say_how_many_are_left(house: Guarded) -> None:
    answers = [await get(house, PLAIN) for _ in range(5)]
    for left, answer in zip((4, 3, 2, 1, 0), answers, strict=True):
        assert answer.headers["RateLimit-Policy"] == '"default";q=5;w=86400'
        assert re.fullmatch(rf'"default";r={left};t=[0-9]+', answer.headers["RateLimit"])


async def test_what_is_open_is_not_counted(house: Guarded) -> None:
    for path in ("/healthz", "/readyz", "/", "/api/session"):
        answer = await get(house, OWN, path)
        assert answer.status == 200
        assert "RateLimit" not in answer.headers
    assert await allowed(house, OWN) == 3


async def test_links_count_by_address(house: Guarded) -> None:
    job_path = "/api/jobs/AAAAAAAAAAAAAAAAAAAAAA/archive.zip"
    url = f"{job_path}?{house.link(PLAIN, job_path)}"
    answers = [(await house.client.get(url)).status for _ in range(7)]
    assert answers == [404] * 5 + [429] * 2
    assert await allowed(house, PLAIN) == 5


async def test_wrong_keys_are_held_off_and_good_ones_are_not(house: Guarded) -> None:
    wrong = make_key()
    answers = [await get(house, wrong, path) for path in ["/api/presets", "/readyz"] * 15]
    assert [answer.status for answer in answers] == [401] * 20 + [429] * 10
    assert "Retry-After" in answers[-1].headers
    answer = await house.client.post("/api/session", headers=wrong.header)
    assert await refusal(answer) == (429, "rate-limited")
    assert (await get(house, PLAIN)).status == 200
