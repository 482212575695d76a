"""Who takes a job, and is overtaken before he is told that he has it."""

import asyncio
from dataclasses import replace

import pytest

from pixelpipe.jobs.model import Job, JobState, new_job_id
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.records import LostJobError
from pixelpipe.jobs.submission import Caller, Submission, Wishes
from tests.jobs.house import House, passing, photo, soon, specs, until_told
from tests.jobs.town import Line, Town


async def _had_before(house: House) -> Job:
    """A job that somebody has had and lost: who claims it now looks at how it stands."""
    job = await house.submit(32)
    assert await house.journal.claim(job.id, 0)
    return job


async def _ends(house: House, job: Job) -> list[str]:
    ends = ("job.started", "variant.completed", "job.completed", "job.cancelled")
    return [told for told in await house.told(job) if told in ends]


async def test_who_claimed_a_job_does_not_take_anothers_later_claim_for_his_own(
    town: Town, line: Line
) -> None:
    front, one, two = town.houses
    job = await _had_before(front)
    line.take()
    one.gates.closed = {"claim out"}
    first = asyncio.create_task(one.run(job.id))
    await one.gates.arrival("claim out")
    second = asyncio.create_task(two.run(job.id))
    work = await two.decoded(job)
    work.start(0)
    await until_told(front, job, "variant.started")
    one.gates.open()
    assert (await soon(first)).state is JobState.RUNNING
    assert not one.service.running
    work.make(0)
    assert (await soon(second)).state is JobState.COMPLETED
    assert await _ends(front, job) == ["job.started", "variant.completed", "job.completed"]


async def test_a_cancellation_that_is_overtaken_by_a_claim_is_told_to_whoever_has_the_job(
    town: Town, line: Line
) -> None:
    front, one, _ = town.houses
    job = await _had_before(front)
    line.ids.clear()  # On its way to the queue once more.
    front.gates.closed = {"claim out"}
    deleting = asyncio.create_task(front.service.delete(job.id, EVERYBODYS))
    await front.gates.arrival("claim out")
    await line.put(job)
    running = asyncio.create_task(one.run(line.take()))
    (await one.decoded(job)).start(0)
    await until_told(front, job, "variant.started")
    front.gates.open()
    cancelled = await soon(deleting)
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    assert (await soon(running)).state is JobState.CANCELLED
    assert await _ends(front, job) == ["job.started", "job.cancelled"]


async def test_a_job_that_is_taken_just_before_it_is_cancelled_is_cancelled_there(
    town: Town, line: Line
) -> None:
    front, one, _ = town.houses
    job = await front.submit(32)
    line.ids.clear()  # It has not got there yet.
    front.gates.closed = {"claim in"}
    deleting = asyncio.create_task(front.service.delete(job.id, EVERYBODYS))
    await front.gates.arrival("claim in")
    await line.put(job)
    running = asyncio.create_task(one.run(line.take()))
    await one.decoded(job)
    front.gates.open()
    cancelled = await soon(deleting)
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    assert (await soon(running)).state is JobState.CANCELLED


async def test_who_takes_a_job_twice_in_one_process_runs_it_once(town: Town, line: Line) -> None:
    front, one, _ = town.houses
    job = await front.submit(32)
    job_id = line.take()
    one.gates.closed = {"claim out"}
    runs = [asyncio.create_task(one.run(job_id))]
    claimed = await one.gates.arrival("claim out")
    one.gates.closed = set()
    runs.append(asyncio.create_task(one.run(job_id)))  # It was lost, as far as the queue knows.
    await one.gates.settled()
    one.gates.go_on(claimed)
    await one.finish(job)
    assert {(await soon(run)).state for run in runs} == {JobState.COMPLETED}
    assert await _ends(front, job) == ["job.started", "variant.completed", "job.completed"]


async def _accept(house: House, job_id: str) -> Job:
    content = photo()
    async with house.service.receive(len(content)) as upload:
        await upload.write(content)
        wanted = Submission(upload, "photo.jpg", specs(32), 0.0, Caller(), Wishes())
        return await house.service.accept(replace(wanted, job_id=job_id), held=True)


async def test_a_job_that_is_being_accepted_is_not_accepted_once_more(town: Town) -> None:
    _, one, _ = town.houses
    job_id = new_job_id()
    one.gates.closed = {"write in"}
    first = asyncio.create_task(_accept(one, job_id))
    await one.gates.arrival("write in")
    first.cancel()  # Its worker has lost it; what was begun goes on.
    with pytest.raises(LostJobError):
        await _accept(one, job_id)
    await passing(one, "write in")
    await one.gates.settled()
    assert not one.engine.leases
    assert (await one.stored(job_id)).state is JobState.QUEUED


async def test_a_job_that_is_accepted_once_more_while_it_is_claimed_runs_to_its_end(
    town: Town, line: Line
) -> None:
    front, one, _ = town.houses
    job = await _had_before(front)
    line.take()
    one.gates.closed = {"claim out", "write in"}
    running = asyncio.create_task(one.run(job.id))
    claimed = await one.gates.arrival("claim out")
    # Whoever had it before us here, and looked before it was there.
    accepting = asyncio.create_task(_accept(one, job.id))
    await one.gates.settled()
    one.gates.go_on(claimed)
    await one.gates.settled()
    one.gates.open()
    with pytest.raises(LostJobError):
        await soon(accepting)
    await one.finish(job)
    assert (await soon(running)).state is JobState.COMPLETED


async def test_a_job_that_begins_here_while_it_is_withdrawn_is_cancelled(
    town: Town, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    front, *_ = town.houses  # One that works as well.
    job = await front.submit(32)
    line.ids.clear()  # It has not got there yet.
    front.gates.closed = {"claim in"}
    withdraw, withdrawn = line.withdraw, asyncio.Event()
    running: list[asyncio.Task[Job]] = []

    async def late(job_id: str) -> bool:
        found = await withdraw(job_id)
        await line.put(job)
        running.append(asyncio.create_task(front.run(line.take())))
        await front.gates.arrival("claim in")
        withdrawn.set()
        return found

    monkeypatch.setattr(line, "withdraw", late)
    deleting = asyncio.create_task(front.service.delete(job.id, EVERYBODYS))
    await soon(withdrawn.wait())
    await front.gates.settled()
    front.gates.open()
    cancelled = await soon(deleting)
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    assert (await soon(running[0])).state is JobState.CANCELLED
