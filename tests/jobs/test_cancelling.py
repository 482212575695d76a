"""A job that is cancelled, at every step of the way: one end, and an answer that says which."""

import asyncio

import pytest

from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.reach import EVERYBODYS
from tests.jobs.gates import PATIENCE_S
from tests.jobs.house import House, key_of, passing, soon, story_in, until_told
from tests.property.job_model import Story


async def _cancelled(house: House, job: Job) -> tuple[Job | None, Story]:
    deleting = asyncio.create_task(house.service.delete(job.id, EVERYBODYS))
    await house.gates.settled()
    house.gates.open()
    answer = await deleting
    await house.gates.settled()
    return answer, await story_in(house, job)


@pytest.mark.parametrize("step", ["queued", "loaded", "decoded", "started"])
async def test_a_job_that_is_cancelled_before_anything_is_made_is_cancelled(
    house: House, step: str
) -> None:
    job = await house.submit(32, 16)
    work = await house.work(job)
    if step != "queued":
        work.load()
        await house.until_loaded(work)
    if step in {"decoded", "started"}:
        work.decode()
    if step == "started":
        work.start(0)
    answer, story = await _cancelled(house, job)
    assert answer
    assert answer.state is JobState.CANCELLED
    assert story.view["state"] == "cancelled"
    assert not house.engine.works


@pytest.mark.parametrize("place", ["put in", "put out", "write in", "write out"])
async def test_a_job_that_is_cancelled_while_its_last_variant_is_kept_has_one_end(
    house: House, place: str
) -> None:
    job = await house.submit(32)
    work = await house.decoded(job)
    work.start(0)
    await house.gates.settled()
    house.gates.closed = {place}
    work.make(0)
    await house.gates.arrival(place)
    answer, story = await _cancelled(house, job)
    assert answer
    assert answer.state == story.view["state"]
    assert story.view["state"] == ("completed" if "write" in place else "cancelled")
    assert sum(event.terminal for event in await house.events(job)) == 1


@pytest.mark.parametrize("place", ["write in", "write out"])
async def test_a_job_that_is_cancelled_when_it_has_just_ended_is_deleted(
    house: House, place: str
) -> None:
    job = await house.submit(32)
    work = await house.decoded(job)
    work.start(0)
    work.make(0)
    await _until_ended(house, job, place)
    answer, story = await _cancelled(house, job)
    assert answer is None
    assert story.view["state"] == "completed"
    assert (await house.stored(job.id)).deleted_at


async def _until_ended(house: House, job: Job, place: str) -> None:
    """Hold the record of the job's end."""
    house.gates.closed = {"write"}
    while True:
        waiting = await house.gates.arrival("write in")
        if (await house.service.get(job.id, EVERYBODYS)).ended:
            break
        house.gates.go_on(waiting)
        await passing(house, "write out")
        await house.gates.settled()
    if place == "write out":
        house.gates.go_on(waiting)
        await house.gates.arrival(place)


async def test_a_job_that_is_cancelled_while_it_is_accepted_is_cancelled(house: House) -> None:
    key = key_of("k")
    house.gates.closed = {"write out"}
    accepting = asyncio.create_task(house.submit(32, key=key))
    await house.gates.arrival("write out")
    known = await house.journal.keyed(key.tenant, key.name)
    assert known
    deleting = asyncio.create_task(house.service.delete(known[0], EVERYBODYS))
    await house.gates.settled()
    house.gates.open()
    job = await accepting
    assert await deleting is job
    assert (await story_in(house, job)).view["state"] == "cancelled"


async def test_a_client_that_goes_while_its_job_is_accepted_leaves_a_job_that_runs(
    house: House,
) -> None:
    key = key_of("k")
    house.gates.closed = {"put in"}
    accepting = asyncio.create_task(house.submit(32, key=key))
    await house.gates.arrival("put in")
    accepting.cancel()
    await asyncio.wait({accepting})
    house.gates.open()
    job = await house.submit(32, key=key)
    await house.finish(job)
    assert len({event.job_id for event in await house.journal.events(0, None, 100)}) == 1


async def test_one_process_alone_reads_nothing_anew_when_it_stops(house: House) -> None:
    await house.finish(await house.submit(16, number=1))
    job = await house.submit(32)
    waiting = asyncio.create_task(house.service.wait(job, PATIENCE_S))
    work = await house.decoded(job)
    work.start(0)
    await until_told(house, job, "variant.started")
    house.gates.closed = {"write out"}
    work.make(0)
    await passing(house, "write out")
    ended = await house.gates.arrival("write out")
    reads = house.gates.calls.get("events", 0)
    draining = asyncio.create_task(house.service.drain(0))
    await house.gates.settled()
    house.gates.closed = set()
    house.gates.go_on(ended)
    assert (await soon(waiting)).state is JobState.COMPLETED
    await soon(draining)
    assert house.gates.calls.get("events", 0) == reads
