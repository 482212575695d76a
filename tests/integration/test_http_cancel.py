"""`DELETE /api/jobs/{id}`: what is unfinished is cancelled, what has ended is removed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import HANG_WIDTH
from tests.http_jobs import (
    Json,
    begun,
    document,
    get,
    made,
    own_photo,
    picture,
    refusal,
    specs,
    status,
    story,
    until,
    until_making,
    until_state,
    until_true,
    variant,
)
from tests.serving import Client, small_settings

WORKERS = 2
SOON_S = 20.0  # Of ten minutes that a task may take.
GONE = (410, "job-gone")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    changes = {"workers": WORKERS, "drain_timeout_s": 0.1}
    return small_settings(tmp_path_factory.mktemp("data"), **changes, task_deadline_s=600)


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, "tests.faults.fault_workers:main") as opened:
        yield opened


async def hanging(client: Client) -> Json:
    """A job that a worker hangs over; the costlier variant is made before that."""
    job = await begun(client, own_photo(), specs("hang", "a"))
    await until_making(client, job["id"], "hang")
    return job


async def stopped(client: Client, runtime: Runtime, job: Json) -> Json:
    """The job, cancelled; its memory is free soon after."""
    answer = await client.delete(f"/api/jobs/{job['id']}")
    assert answer.status == 202, await answer.text()
    async with asyncio.timeout(SOON_S):
        await until(lambda: not runtime.engine.arena.leases)
    cancelled = await document(answer)
    assert cancelled["state"] == "cancelled"
    assert cancelled["ended_at"] is not None
    return cancelled


async def test_a_running_job_is_cancelled(client: Client, runtime: Runtime) -> None:
    job = await hanging(client)
    assert runtime.engine.arena.leases
    watching = asyncio.create_task(story(client, job["id"]))
    cancelled = await stopped(client, runtime, job)
    events = await watching

    assert variant(cancelled, "hang")["state"] == "cancelled"
    assert variant(cancelled, "hang")["error"] is None
    assert cancelled["failures"] == []
    assert events[-1].name == "job.cancelled"
    assert {**events[-1].data, "job": 0, "seq": 0} == {**cancelled, "job": 0, "seq": 0}
    assert await get(client, job["id"]) == cancelled


async def test_a_job_that_hangs_in_its_decoder_is_cancelled(
    client: Client, runtime: Runtime
) -> None:
    job = await begun(client, own_photo(HANG_WIDTH), specs("a", "b"))
    await until_state(client, job["id"], "running")
    cancelled = await stopped(client, runtime, job)

    assert [v["state"] for v in cancelled["variants"]] == ["cancelled"] * 2
    assert (await made(client, own_photo(), specs("a")))["state"] == "completed"


async def test_a_queued_job_is_cancelled(client: Client, runtime: Runtime) -> None:
    held = [await hanging(client) for _ in range(WORKERS)]
    queued = [await begun(client, own_photo(), specs("a")) for _ in range(2 * WORKERS)]
    answers = [await client.delete(f"/api/jobs/{job['id']}") for job in queued]
    cancelled = [await document(answer) for answer in answers]
    for job in held:
        await client.delete(f"/api/jobs/{job['id']}")
    async with asyncio.timeout(SOON_S):
        await until(lambda: not runtime.engine.arena.leases)

    assert [answer.status for answer in answers] == [202] * 2 * WORKERS
    assert {job["state"] for job in cancelled} == {"cancelled"}
    assert {job["decodes"] for job in cancelled} == {0}
    for job in queued:
        assert [event.name for event in await story(client, job["id"])] == [
            "job.accepted",
            "job.cancelled",
        ]


async def test_workers_serve_others_after_many_cancels(client: Client, runtime: Runtime) -> None:
    for _ in range(3):
        jobs = [await hanging(client) for _ in range(WORKERS)]
        await asyncio.gather(*(client.delete(f"/api/jobs/{job['id']}") for job in jobs))
    job = await made(client, own_photo(), specs(*"abcd"))

    assert job["state"] == "completed"
    assert not runtime.engine.arena.leases


async def test_the_variants_of_a_cancelled_job_that_were_made_stay(
    client: Client, runtime: Runtime
) -> None:
    job = await hanging(client)

    async def a_is_made() -> bool:
        return bool(variant(await get(client, job["id"]), "a")["state"] == "completed")

    await until_true(a_is_made)
    cancelled = await stopped(client, runtime, job)

    assert len(await picture(client, cancelled, "a")) == variant(cancelled, "a")["bytes"]
    missing = await client.get(f"/api/jobs/{job['id']}/variants/hang")
    assert await refusal(missing) == (409, "variant-not-ready")
    assert "Retry-After" not in missing.headers


async def test_cancelled_and_then_removed(client: Client, runtime: Runtime) -> None:
    job = await hanging(client)
    await stopped(client, runtime, job)
    answers = [await client.delete(f"/api/jobs/{job['id']}") for _ in range(3)]

    assert [answer.status for answer in answers] == [204] * 3
    assert (await get(client, job["id"]))["deleted_at"] is not None


async def test_what_is_left_of_a_removed_job(client: Client) -> None:
    job = await made(client, own_photo(), specs("a"))
    path = f"/api/jobs/{job['id']}"
    before = await story(client, job["id"])
    removed = await client.delete(path)
    found = await get(client, job["id"])
    listed = (await document(await client.get("/api/jobs?limit=200")))["jobs"]

    assert (removed.status, await removed.read()) == (204, b"")
    assert found.pop("deleted_at") >= job["ended_at"]
    assert found["links"]["archive"] is None
    assert found["variants"][0]["url"] is None
    assert found["state"] == "completed"
    assert job["id"] not in {each["id"] for each in listed}
    assert await story(client, job["id"]) == before
    assert await refusal(await client.get(f"{path}/variants/a")) == GONE
    assert await refusal(await client.get(f"{path}/archive.zip")) == GONE
    assert await refusal(await client.post(f"{path}/retry")) == GONE
    assert await status(client, f"{path}/variants/b") == 404


async def test_the_bytes_of_a_removed_job_leave_the_disk(client: Client, runtime: Runtime) -> None:
    job = await made(client, own_photo(401, 307), specs("a"))  # no other's variant is the same
    digests = [job["source"]["sha256"], job["variants"][0]["sha256"]]
    paths = [runtime.storage.files.path(digest) for digest in digests]
    assert all(path.exists() for path in paths)
    await client.delete(f"/api/jobs/{job['id']}")

    await until(lambda: not any(path.exists() for path in paths))


async def test_bytes_that_another_job_has_too_stay(client: Client) -> None:
    photo = own_photo()
    job, other = [await made(client, photo, specs("a")) for _ in range(2)]
    await client.delete(f"/api/jobs/{job['id']}")
    again = await made(client, photo, specs("a"))

    assert len(await picture(client, other, "a")) == variant(other, "a")["bytes"]
    assert variant(again, "a")["cache"] == "hit"


async def test_an_unknown_job_cannot_be_deleted(client: Client) -> None:
    answer = await client.delete("/api/jobs/AAAAAAAAAAAAAAAAAAAAAA")
    assert await refusal(answer) == (404, "job-not-found")


async def test_cancels_at_any_moment(client: Client, runtime: Runtime) -> None:
    """Each a little later than the one before, from acceptance to the end."""
    ends = set()
    for moment in range(25):
        job = await begun(client, own_photo(), specs("a", "b"))
        await asyncio.sleep(0.002 * moment)
        answer = await client.delete(f"/api/jobs/{job['id']}")
        events = await story(client, job["id"])
        ends.add((answer.status, events[-1].name))
        assert [event.data["seq"] for event in events] == list(range(1, len(events) + 1))
    await until(lambda: not runtime.engine.arena.leases)

    assert (202, "job.cancelled") in ends
    assert ends <= {(202, "job.cancelled"), (204, "job.completed"), (202, "job.completed")}
