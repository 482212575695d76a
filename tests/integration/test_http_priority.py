"""Whose turn it is: a flood keeps nobody else waiting, and priority counts among one's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio

from event_stream import read_events
from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import HANG_WIDTH
from tests.http_jobs import (
    PATIENCE_S,
    AnyClient,
    Json,
    begun,
    document,
    own_photo,
    refusal,
    send,
    specs,
    until_state,
)
from tests.serving import Client, small_settings

FLOOD = 60


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    changes = {"workers": 1, "drain_timeout_s": 0.1, "task_deadline_s": 600}
    return small_settings(tmp_path_factory.mktemp("data"), **changes)


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, "tests.faults.fault_workers:main") as opened:
        yield opened


@pytest_asyncio.fixture
async def others(client: Client) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """Clients at addresses of their own."""
    async with AsyncExitStack() as closing:
        sessions = []
        for number in (2, 3, 4):
            connector = aiohttp.TCPConnector(local_addr=(f"127.0.0.{number}", 0))
            session = aiohttp.ClientSession(client.make_url("/"), connector=connector)
            sessions.append(await closing.enter_async_context(session))
        yield sessions


async def held(client: Client) -> Json:
    """A job that keeps the only worker."""
    job = await begun(client, own_photo(HANG_WIDTH), specs("a"))
    await until_state(client, job["id"], "running")
    return job


async def small(client: AnyClient, priority: int = 0) -> str:
    """The id of a small job of the client."""
    photo = own_photo(120, 90)
    answer = await send(client, photo, specs("a"), query={"priority": str(priority)})
    assert answer.status == 202, await answer.text()
    found = await document(answer)
    assert found["priority"] == priority
    job_id: str = found["id"]
    return job_id


async def orders(client: Client, blocker: Json, job_ids: list[str]) -> tuple[list[str], list[str]]:
    """Let the worker go; the jobs in the order in which they start, and in which they end.

    Those that start one after the other may end the other way round: their bytes are stored by
    several threads.
    """
    await client.delete(f"/api/jobs/{blocker['id']}")
    async with asyncio.timeout(PATIENCE_S):
        answer = await client.get("/api/events", params=[("job", job_id) for job_id in job_ids])
        events = [event async for event in read_events(answer.content)]
    starts = [event.data["job"] for event in events if event.name == "job.started"]
    ends = [event.data["job"] for event in events if event.name == "job.completed"]
    assert len(starts) == len(ends) == len(job_ids)
    return starts, ends


async def test_a_flood_keeps_no_other_client_waiting(
    client: Client, others: list[aiohttp.ClientSession]
) -> None:
    greedy, modest, _ = others
    blocker = await held(client)
    flood = [await small(greedy) for _ in range(FLOOD)]
    few = [await small(modest) for _ in range(4)]
    started, ended = await orders(client, blocker, [*flood, *few])

    # By turns; one of the flood has its memory before the others come.
    assert max(ended.index(job_id) for job_id in few) <= 4 * len(few)
    assert [job_id for job_id in started if job_id in few] == few
    assert [job_id for job_id in started if job_id in flood] == flood


async def test_three_clients_take_turns(
    client: Client, others: list[aiohttp.ClientSession]
) -> None:
    blocker = await held(client)
    theirs = [[await small(other) for _ in range(6)] for other in others]
    started, _ = await orders(client, blocker, [job_id for jobs in theirs for job_id in jobs])
    first = started[:12]

    assert [sum(job_id in jobs for job_id in first) for jobs in theirs] == pytest.approx(
        [4, 4, 4], abs=1
    )


async def test_priority_counts_among_one_s_own_jobs(
    client: Client, others: list[aiohttp.ClientSession]
) -> None:
    mine, theirs, _ = others
    blocker = await held(client)
    low = [await small(mine, -3) for _ in range(3)]
    usual = [await small(mine) for _ in range(3)]
    high = [await small(mine, 5) for _ in range(3)]
    other = [await small(theirs) for _ in range(3)]
    started, _ = await orders(client, blocker, [*low, *usual, *high, *other])
    own = [job_id for job_id in started if job_id not in other]

    # The first low one has its memory before the others come.
    assert own == [low[0], *high, *usual, *low[1:]]
    assert max(started.index(job_id) for job_id in other) <= 2 * len(other) + 1


@pytest.mark.parametrize("priority", ["11", "-11", "1.5", "high", "", "1e1", "\u0661"])
async def test_a_priority_that_is_none(client: Client, priority: str) -> None:
    answer = await send(client, own_photo(), specs("a"), query={"priority": priority})
    errors = (await document(answer))["errors"]

    assert await refusal(answer) == (422, "invalid-spec")
    assert [error["pointer"] for error in errors] == ["/priority"]


@pytest.mark.parametrize("path", ["/api/files", "/api/files/async"])
async def test_files_have_a_priority_too(client: Client, path: str) -> None:
    answer = await client.post(path, params={"priority": "12"}, data=own_photo())
    assert await refusal(answer) == (422, "invalid-spec")
    answer = await client.post(path, params={"priority": "+3"}, data=own_photo())
    assert answer.status in {201, 202}
