"""Work that several wait for: who leaves takes nothing away from the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientResponse

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import CRASH_WIDTH, HANG_WIDTH
from tests.http_jobs import (
    Json,
    begun,
    document,
    made,
    own_photo,
    picture,
    specs,
    story,
    until,
    until_making,
    until_state,
    variant,
)
from tests.serving import Client, small_settings

NARROW = "/api/transform?width=50"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    changes = {"workers": 1, "drain_timeout_s": 0.1, "task_deadline_s": 600}
    return small_settings(tmp_path_factory.mktemp("data"), **changes)


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, "tests.faults.fault_workers:main") as opened:
        yield opened


async def holding(client: Client) -> Json:
    """A job that keeps the only worker."""
    job = await begun(client, own_photo(HANG_WIDTH), specs("a"))
    await until_state(client, job["id"], "running")
    return job


async def cancel(client: Client, job: Json) -> None:
    answer = await client.delete(f"/api/jobs/{job['id']}")
    assert answer.status == 202
    assert (await document(answer))["state"] == "cancelled"


def transforming(client: Client, photo: bytes) -> asyncio.Task[ClientResponse]:
    return asyncio.create_task(client.post(NARROW, data=photo))


def callers(runtime: Runtime) -> list[int]:
    """How many wait for each transform that is under way."""
    shared = runtime.service._transforms._renders._shared
    return [each.callers for each in shared.values()]


async def test_when_the_leader_is_cancelled_the_next_one_makes_it(client: Client) -> None:
    photo = own_photo()
    leader = await begun(client, photo, specs("hang"))
    await until_making(client, leader["id"], "hang")
    followers = [await begun(client, photo, specs(name)) for name in ("a", "b", "c")]
    await cancel(client, leader)
    ended = [await until_state(client, job["id"], "completed") for job in followers]

    assert sorted(job["decodes"] for job in ended) == [0, 0, 1]
    assert sorted(job["variants"][0]["cache"] for job in ended) == ["hit", "hit", "miss"]
    assert len({await picture(client, job, job["variants"][0]["name"]) for job in ended}) == 1


async def test_when_a_follower_is_cancelled_the_others_go_on(client: Client) -> None:
    held, photo = await holding(client), own_photo()
    first, second, third = [await begun(client, photo, specs("a", "b")) for _ in range(3)]
    await cancel(client, second)
    await cancel(client, held)
    ended = [await until_state(client, job["id"], "completed") for job in (first, third)]

    assert [job["decodes"] for job in ended] == [1, 0]
    assert [variant(ended[1], name)["cache"] for name in "ab"] == ["hit", "hit"]


async def test_a_queued_leader_that_is_cancelled_leaves_the_work_to_the_next(
    client: Client,
) -> None:
    held, photo = await holding(client), own_photo()
    first, second = [await begun(client, photo, specs("a")) for _ in range(2)]
    await cancel(client, first)
    await cancel(client, held)

    assert (await until_state(client, second["id"], "completed"))["decodes"] == 1


async def test_a_higher_priority_does_not_wait_for_a_lower_one(client: Client) -> None:
    held, photo = await holding(client), own_photo()
    others = [await begun(client, own_photo(), specs("a")) for _ in range(5)]
    low = await begun(client, photo, specs("a"))
    query = {"variants": '[{"name": "a", "resize": {"width": 40}}]', "priority": "9"}
    answer = await client.post("/api/jobs", data=photo, params=query)
    high = await document(answer)
    await cancel(client, held)
    ended = [await until_state(client, job["id"], "completed") for job in (high, low, *others)]

    assert ended[0]["ended_at"] < ended[-1]["ended_at"]
    assert len({await picture(client, job, "a") for job in ended[:2]}) == 1


async def test_one_story_for_each_of_those_who_share(client: Client) -> None:
    photo = own_photo(640, 480)
    jobs = await asyncio.gather(*(begun(client, photo, specs(*"abc")) for _ in range(5)))
    stories = await asyncio.gather(*(story(client, job["id"]) for job in jobs))

    for events in stories:
        names = [event.name for event in events]
        assert names[0] == "job.accepted"
        assert names.count("variant.completed") == 3
        assert names[-1] == "job.completed"
    assert sum(e.name == "job.started" for events in stories for e in events) == 1


async def test_what_the_leader_fails_at_is_not_passed_on_as_done(client: Client) -> None:
    photo = own_photo()
    held = await holding(client)
    bad = await begun(client, photo, specs("defect"))
    good = await begun(client, photo, specs("good"))
    await cancel(client, held)

    assert (await until_state(client, bad["id"], "failed"))["decodes"] == 1
    assert (await until_state(client, good["id"], "completed"))["decodes"] == 1


async def test_a_decoder_that_crashes_is_not_tried_for_each_who_waits(client: Client) -> None:
    """Two strikes are for the source, however many jobs have it."""
    held, photo = await holding(client), own_photo(CRASH_WIDTH)
    jobs = [await begun(client, photo, specs("a")) for _ in range(4)]
    await cancel(client, held)
    ended = [await until_state(client, job["id"], "failed") for job in jobs]

    assert sum(job["decodes"] for job in ended) == 2


async def test_transforms_at_the_same_time_share_one_work(client: Client, runtime: Runtime) -> None:
    held, photo = await holding(client), own_photo()
    tasks = [transforming(client, photo) for _ in range(10)]
    await until(lambda: callers(runtime) == [10])
    await cancel(client, held)
    answers = await asyncio.gather(*tasks)
    states = [answer.headers["Cache-Status"] for answer in answers]

    assert [answer.status for answer in answers] == [200] * 10
    assert len({await answer.read() for answer in answers}) == 1
    assert sorted(states) == ["PixelPipe; fwd=miss"] + ["PixelPipe; hit"] * 9


async def test_a_client_that_leaves_frees_the_worker(client: Client, runtime: Runtime) -> None:
    left = transforming(client, own_photo(HANG_WIDTH))
    await until(lambda: not runtime.engine.pool.idle and callers(runtime) == [1])
    left.cancel()
    job = await made(client, own_photo(), specs("a"))

    assert job["state"] == "completed"
    assert callers(runtime) == []
    assert not runtime.engine.arena.leases


async def test_a_client_that_leaves_does_not_stop_another(client: Client, runtime: Runtime) -> None:
    held, photo = await holding(client), own_photo()
    first, second = transforming(client, photo), transforming(client, photo)
    await until(lambda: callers(runtime) == [2])
    first.cancel()
    await until(lambda: callers(runtime) == [1])
    await cancel(client, held)
    answer = await second

    assert answer.status == 200
    assert (await client.post(NARROW, data=photo)).status == 200
    assert not runtime.engine.arena.leases


async def test_when_all_clients_have_left_the_same_can_be_asked_for_again(
    client: Client, runtime: Runtime
) -> None:
    held, photo = await holding(client), own_photo()
    tasks = [transforming(client, photo) for _ in range(3)]
    await until(lambda: callers(runtime) == [3])
    for task in tasks:
        task.cancel()
    await until(lambda: callers(runtime) == [])
    again = transforming(client, photo)
    await until(lambda: callers(runtime) == [1])
    await cancel(client, held)

    assert (await again).status == 200
    assert not runtime.engine.arena.leases
