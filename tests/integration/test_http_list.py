"""`GET /api/jobs`: pages, newest first, without a gap and without a repeat."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import chain
from urllib.parse import quote

import pytest
import pytest_asyncio

from pixelpipe.runtime import Runtime
from tests.http_jobs import Json, begun, document, made, own_photo, refusal, specs
from tests.serving import Client

COUNT = 23


@pytest_asyncio.fixture(scope="module")
async def jobs(runtime: Runtime) -> AsyncIterator[list[Json]]:
    """Filled by the first test that has a client."""
    del runtime
    yield []


@pytest_asyncio.fixture
async def ids(client: Client, jobs: list[Json]) -> list[str]:
    """The module's jobs, newest first: every fifth failed, the others are completed."""
    if not jobs:
        photos = [own_photo()[: -3000 if n % 5 == 0 else None] for n in range(COUNT)]
        jobs += [await begun(client, photo, specs("a")) for photo in photos[:10]]
        jobs += await asyncio.gather(*(made(client, photo, specs("a")) for photo in photos[10:]))
        jobs.sort(key=lambda job: (job["created_at"], job["id"]), reverse=True)
    return [job["id"] for job in jobs]


async def page(client: Client, path: str) -> Json:
    """The page, whose header `Link` says what its body says."""
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    found = await document(answer)
    link = f'<{found["next"]}>; rel="next"' if found["next"] else None
    assert answer.headers.get("Link") == link
    return found


async def pages(client: Client, path: str | None) -> list[list[str]]:
    """Ids of all jobs from the page at `path` on, page by page."""
    found = []
    while path is not None:
        got = await page(client, path)
        found.append([job["id"] for job in got["jobs"]])
        path = got["next"]
    return found


def joined(found: Iterable[list[str]]) -> list[str]:
    return list(chain.from_iterable(found))


@pytest.mark.parametrize("limit", [1, 5, COUNT - 1, COUNT, COUNT + 1, 200])
async def test_pages_leave_nothing_out(client: Client, ids: list[str], limit: int) -> None:
    found = await pages(client, f"/api/jobs?limit={limit}")

    assert joined(found) == ids
    assert {len(each) for each in found[:-1]} <= {limit}
    assert len(found[-1]) > 0


async def test_without_a_limit_a_page_has_fifty(client: Client, ids: list[str]) -> None:
    assert await pages(client, "/api/jobs") == [ids]


async def test_jobs_that_come_meanwhile_are_on_no_later_page(
    client: Client, ids: list[str], jobs: list[Json]
) -> None:
    first = await page(client, "/api/jobs?limit=10")
    jobs.insert(0, await made(client, own_photo(), specs("a")))
    rest = await pages(client, first["next"])

    assert joined(rest) == ids[10:]


async def test_a_job_that_is_deleted_meanwhile_is_no_gap(
    client: Client, ids: list[str], jobs: list[Json]
) -> None:
    """Even if it is the one that the page ended with."""
    first = await page(client, "/api/jobs?limit=3")
    assert (await client.delete(f"/api/jobs/{ids[2]}")).status == 204
    jobs.pop(2)
    rest = await pages(client, first["next"])

    assert joined(rest) == ids[3:]


async def test_states(client: Client, ids: list[str]) -> None:
    failed = joined(await pages(client, "/api/jobs?state=failed&limit=2"))
    done = joined(await pages(client, "/api/jobs?state=completed&limit=2"))
    both = joined(await pages(client, "/api/jobs?state=failed,completed&limit=2"))

    assert len(failed) == 5
    assert both == ids
    assert [each for each in ids if each not in failed] == done
    assert await pages(client, "/api/jobs?state=cancelled") == [[]]


async def test_times(client: Client, ids: list[str], jobs: list[Json]) -> None:
    moment = quote(jobs[7]["created_at"])
    newer = joined(await pages(client, f"/api/jobs?created_after={moment}&limit=3"))
    older = joined(await pages(client, f"/api/jobs?created_before={moment}&limit=3"))

    assert newer == ids[:7]
    assert older == ids[8:]


async def test_a_listed_job_is_the_job(client: Client, ids: list[str]) -> None:
    listed = (await page(client, "/api/jobs?limit=200"))["jobs"]
    single = [await document(await client.get(f"/api/jobs/{each}")) for each in ids]

    assert listed == single


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=ten",
        "limit=",
        "state=done",
        "state=",
        "state=failed,",
        "state=failed&state=completed",
        "cursor=",
        "cursor=AAAA",
        "cursor=%00",
        "created_after=yesterday",
        "created_after=2026-01-31T12:00:00",
        "created_before=",
        "created_before=99999999999999",
        "order=asc",
    ],
)
async def test_a_bad_parameter_is_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/api/jobs?{query}")
    assert await refusal(answer) == (400, "malformed-request")


async def test_a_cursor_cut_short_is_refused(client: Client, ids: list[str]) -> None:
    assert ids
    path = (await page(client, "/api/jobs?limit=1"))["next"]
    answers = [await client.get(path[:-cut]) for cut in range(1, 12)]

    assert {(await refusal(answer)).status for answer in answers} == {400}
