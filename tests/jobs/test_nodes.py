"""Jobs go through a queue: one process accepts, others work, whoever is asked answers."""

import asyncio
from pathlib import Path

import pytest

from pixelpipe.errors import QueueFullError, WorkerCrashedError
from pixelpipe.jobs import dispatch
from pixelpipe.jobs.model import Event, Job, JobState, TaskState
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.submission import Submission
from tests.http_jobs import until
from tests.jobs.gates import PATIENCE_S
from tests.jobs.house import House, key_of, photo, specs
from tests.jobs.town import Line, Town, heard, open_town


def working(house: House, job_id: str) -> asyncio.Task[Job]:
    """The house at work on a job that it has taken."""
    return asyncio.create_task(house.run(job_id))


async def test_what_one_accepts_another_makes(town: Town, line: Line) -> None:
    front, one, _ = town.houses
    job = await front.submit(32, 48)
    waiting = asyncio.create_task(front.service.wait(job, PATIENCE_S))
    assert line.ids == [job.id]
    assert not front.engine.works
    assert not front.engine.leases

    work = working(one, line.take())
    await one.finish(await one.stored(job.id))

    assert (await work).state is JobState.COMPLETED
    assert (await waiting).state is JobState.COMPLETED
    told = await front.told(job)
    assert told[:2] == ["job.accepted", "job.started"]
    assert told[-1] == "job.completed"


async def test_a_node_hears_nothing_of_others_and_all_of_its_own_jobs(
    town: Town, line: Line
) -> None:
    front, one, two = town.houses
    mine, other = await front.submit(32, 48), await front.submit(40)
    for house in (one, two):
        await house.service.take(line.take())
    following = asyncio.create_task(heard(one, mine))
    work = await one.decoded(mine)
    await two.finish(await two.stored(other.id))
    for index in work.idle:
        work.start(index)
        work.make(index)
    assert await following == await front.events(mine)
    assert {event.job_id for event in _seen(one)} == {mine.id}


async def test_what_a_node_leaves_another_finishes_and_makes_nothing_twice(
    town: Town, line: Line
) -> None:
    front, one, two = town.houses
    job = await front.submit(32, 48)
    job_id = line.take()
    lost = working(one, job_id)
    at_work = await one.decoded(job)
    for index in (0, 1):
        at_work.start(index)
    at_work.make(0)
    await until(lambda: any(state == "variant.completed" for state in _told(town, job)))
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)

    work = working(two, job_id)
    await two.finish(await two.stored(job.id))

    done = await work
    assert done.state is JobState.COMPLETED
    assert [variant.attempts for variant in done.variants] == [1, 2]
    assert [made for made, _ in (*one.engine.made, *two.engine.made)].count(job.id) == 2
    assert (await front.told(job)).count("variant.completed") == 2


def _told(town: Town, job: Job) -> list[str]:
    """What the front has seen of the job."""
    seen = _seen(town.houses[0])
    return [event.type.value for event in seen if event.job_id == job.id]


def _seen(house: House) -> list[Event]:
    """What was recorded lately, as far as the house knows."""
    return house.service._feed._tail


async def test_a_job_that_waits_is_cancelled_where_that_is_asked_for(
    town: Town, line: Line
) -> None:
    front, *_ = town.houses
    job = await front.submit(32)
    cancelled = await front.service.delete(job.id, EVERYBODYS)
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    assert not line.ids
    assert (await front.told(job))[-1] == "job.cancelled"


async def test_a_job_that_a_node_works_on_is_cancelled_there(town: Town, line: Line) -> None:
    front, one, _ = town.houses
    job = await front.submit(32)
    work = working(one, line.take())
    await one.work(job)
    cancelled = await front.service.delete(job.id, EVERYBODYS)
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    assert (await work).state is JobState.CANCELLED


async def test_a_job_is_cancelled_when_who_waits_at_a_front_goes(town: Town, line: Line) -> None:
    front, one, _ = town.houses
    job = await front.submit(32)
    work = working(one, line.take())
    await one.work(job)
    waiting = asyncio.create_task(front.service.wait(job, PATIENCE_S, cancel_left=True))
    await until(lambda: bool(front.service._others.waiting))
    waiting.cancel()
    assert (await work).state is JobState.CANCELLED


async def test_who_waits_at_a_front_that_stops_gets_the_job_as_it_stands(town: Town) -> None:
    front, *_ = town.houses
    job = await front.submit(32)
    waiting = asyncio.create_task(front.service.wait(job, PATIENCE_S))
    await until(lambda: bool(front.service._others.waiting))
    await front.service.drain(0)
    assert (await waiting).state is JobState.QUEUED


async def test_what_was_cancelled_or_has_ended_is_not_run(town: Town, line: Line) -> None:
    front, one, _ = town.houses
    job = await front.submit(32)
    job_id = line.ids[0]
    await front.service.delete(job.id, EVERYBODYS)
    assert (await one.run(job_id)).state is JobState.CANCELLED
    assert not one.engine.works


async def test_a_job_that_kills_node_after_node_fails(town: Town, line: Line) -> None:
    front, one, _ = town.houses
    job = await front.submit(32, 48)
    ended = await one.run(line.take(), WorkerCrashedError("Node after node died of it."))
    assert ended.state is JobState.FAILED
    assert {variant.state for variant in ended.variants} == {TaskState.FAILED}
    seen = await front.service.get(job.id, EVERYBODYS)
    assert seen.problems[0]["detail"] == "Node after node died of it."


async def test_failed_variants_go_through_the_queue_again(town: Town, line: Line) -> None:
    front, one, two = town.houses
    job = await front.submit(32)
    await one.run(line.take(), WorkerCrashedError("x"))
    line.taken.clear()
    retried = await front.service.retry(job.id, EVERYBODYS)
    assert retried.state is JobState.QUEUED
    work = working(two, line.take())
    await two.finish(await two.stored(job.id))
    assert (await work).state is JobState.COMPLETED


async def test_a_job_whose_node_has_not_told_the_queue_of_its_end_is_queued_after_that(
    town: Town, line: Line
) -> None:
    front, one, two = town.houses
    job = await front.submit(32)
    await one.run(line.take(), WorkerCrashedError("x"))
    await front.service.retry(job.id, EVERYBODYS)
    assert not line.ids
    line.taken.clear()
    await until(lambda: line.ids == [job.id])
    work = working(two, line.take())
    await two.finish(await two.stored(job.id))
    assert (await work).state is JobState.COMPLETED


async def test_what_could_not_be_queued_is_accepted_and_queued_later(
    town: Town, line: Line
) -> None:
    front, *_ = town.houses
    line.away = True
    job = await front.submit(32)
    assert not line.ids
    line.away = False
    await until(lambda: line.ids == [job.id])


async def test_an_open_job_that_is_in_no_queue_is_found(
    tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_town(tmp_path, "front", "one", line=line) as town:
        jobs = [await town.houses[0].submit(32, number=number) for number in range(3)]
    line.ids.clear()
    monkeypatch.setattr(dispatch, "_LOOK_S", 0.01)
    async with open_town(tmp_path, "front", "one", line=line):
        await until(lambda: sorted(line.ids) == sorted(job.id for job in jobs))


async def test_no_more_may_wait_than_the_limit(town: Town, line: Line) -> None:
    front, *_ = town.houses
    line.limit = 2
    for number in range(2):
        await front.submit(32, number=number)
    with pytest.raises(QueueFullError, match="2 jobs are waiting, and no more than 2 may"):
        await front.submit(32, number=3)


async def test_what_was_recorded_but_refused_is_queued_when_its_sender_comes_back(
    town: Town, line: Line
) -> None:
    front, *_ = town.houses
    job = await front.submit(32, key=key_of("once"))
    line.ids.clear()  # As if the answer of the journal had been lost, and the sender told so.
    again = await town.houses[1].submit(32, key=key_of("once"))
    assert again.id == job.id
    assert line.ids == [job.id]


async def test_what_was_taken_from_a_full_queue_is_accepted(town: Town, line: Line) -> None:
    front, *_ = town.houses
    line.limit = 1
    await front.submit(32)
    content = photo(7)
    async with front.service.receive(len(content)) as upload:
        await upload.write(content)
        wanted = Submission(upload, "photo.jpg", specs(32), 0.0)
        held = await front.service.accept(wanted, held=True)
    assert line.ids == [job for job in line.ids if job != held.id]
    assert not front.engine.leases
