"""A journal that cannot be written for a while: nothing is lost, nothing is told twice."""

import asyncio

import pytest

from pixelpipe.errors import StorageFullError
from pixelpipe.jobs.model import JobState
from pixelpipe.jobs.reach import EVERYBODYS
from tests.jobs.gates import PATIENCE_S
from tests.jobs.house import House, restarted, soon
from tests.property.job_model import shown, story_of


async def _until_refused(house: House, writes: int) -> None:
    """Wait until so many more writes found no room."""
    begun = house.gates.failing
    async with asyncio.timeout(PATIENCE_S):
        while house.gates.failing > begun - writes:  # noqa: ASYNC110 - a plain counter
            await asyncio.sleep(0.001)


async def test_jobs_that_run_wait_for_the_journal_and_go_on_in_order(house: House) -> None:
    jobs = [await house.submit(32, 16, number=number) for number in range(2)]
    works = [await house.decoded(job) for job in jobs]
    await house.gates.settled()
    house.gates.failing = 4
    for work in works:
        for index in (0, 1):
            work.start(index)
            work.make(index)
    await _until_refused(house, 2)
    assert not house.service.storable
    for job in jobs:
        await house.ended(job)
        story = story_of(await house.events(job))
        assert story.view["state"] == "completed"
        assert story.shown == shown(await house.stored(job.id))
        assert len(story.ids) == 7
    assert house.service.storable


async def test_new_jobs_are_refused_at_once_while_others_wait(house: House) -> None:
    job = await house.submit(32)
    work = await house.work(job)
    house.gates.failing = 1000
    work.load()
    work.decode()
    await _until_refused(house, 1)
    with pytest.raises(StorageFullError):
        await house.submit(32, number=1)
    house.gates.failing = 0
    work.start(0)
    work.make(0)
    await house.ended(job)
    assert len(story_of(await house.events(job)).ids) == 5
    assert (await house.submit(32, number=1)).state is JobState.QUEUED


async def test_a_refused_job_leaves_nothing(house: House) -> None:
    house.gates.failing = 1
    with pytest.raises(StorageFullError):
        await house.submit(32)
    assert not house.engine.leases
    assert not house.service.running
    await house.look_after()
    assert not await asyncio.to_thread(house.digests)


async def test_the_journal_counts_as_writable_again_when_nothing_waits_for_it(
    house: House,
) -> None:
    house.gates.failing = 1
    with pytest.raises(StorageFullError):
        await house.submit(32)
    await house.gates.settled()
    # Nobody sends jobs to a server that says that it cannot store them.
    assert house.service.storable


async def test_what_could_not_be_recorded_before_the_end_is_done_again(house: House) -> None:
    job = await house.submit(32)
    work = await house.decoded(job)
    await house.gates.settled()
    house.gates.failing = 1000
    work.start(0)
    work.make(0)
    await _until_refused(house, 1)
    await house.service.drain(0)
    assert not house.engine.leases
    await restarted(house)
    assert (await house.service.get(job.id, EVERYBODYS)).state is JobState.RUNNING
    await house.finish(job)
    assert story_of(await house.events(job)).view["state"] == "completed"


async def test_what_comes_after_a_step_that_is_given_up_is_given_up_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelpipe.jobs.recorder._BATCH", 3)
    # It is not tried again of itself: the next attempt is the last.
    monkeypatch.setattr("pixelpipe.jobs.recorder._BACKOFF_FIRST_S", 3600.0)
    monkeypatch.setattr("pixelpipe.jobs.recorder._BACKOFF_MOST_S", 3600.0)
    job = await house.submit(32)
    work = await house.work(job)
    work.load()
    house.gates.failing = 1000
    work.decode()
    work.start(0)
    work.fail(0)
    await _until_refused(house, 1)
    async with asyncio.timeout(PATIENCE_S):
        # A fourth step, that of the job's end.
        while not (await house.service.get(job.id, EVERYBODYS)).ended:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
    house.gates.failing = 1  # There is room again, one step too late.
    await house.service.drain(0)
    assert not (await house.stored(job.id)).ended
    assert await house.told(job) == ["job.accepted"]


async def test_an_end_that_could_not_be_recorded_is_told_to_nobody(house: House) -> None:
    job = await house.submit(32)
    waiting = asyncio.create_task(house.service.wait(job, PATIENCE_S))
    work = await house.decoded(job)
    work.start(0)
    await house.gates.settled()
    house.gates.failing = 1000
    work.fail(0)
    await _until_refused(house, 1)
    await house.service.drain(0)
    assert (await soon(waiting)).state is JobState.RUNNING
    assert (await house.stored(job.id)).state is JobState.RUNNING
