"""Several processes over one journal: whichever is asked, the answer is right."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from pixelpipe.errors import NotRetryableError, OwnerSilentError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.peers import Kind
from pixelpipe.jobs.reach import EVERYBODYS
from tests.http_jobs import until
from tests.jobs.gates import PATIENCE_S
from tests.jobs.house import House
from tests.jobs.town import Town, heard, open_town


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path, "1", "2") as opened:
        yield opened


async def test_a_job_can_be_seen_waited_for_and_followed_in_another_process(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32, 48)
    assert (await two.service.get(job.id, EVERYBODYS)).state is JobState.QUEUED
    following = asyncio.create_task(heard(two, job))
    waiting = asyncio.create_task(two.service.wait(job, PATIENCE_S))

    await one.finish(job)

    assert (await waiting).state is JobState.COMPLETED
    events = await following
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events == await heard(one, job)
    assert events[-1].terminal


async def test_each_event_is_told_once_and_in_order_while_both_record(town: Town) -> None:
    one, two = town.houses
    told: list[list[int]] = []

    async def follow(house: House, ids: list[int]) -> None:
        async for batch in house.service.follow(0, None, EVERYBODYS):
            ids += [event.id for event in batch]

    followers = []
    for house in town.houses:
        told.append([])
        followers.append(asyncio.create_task(follow(house, told[-1])))
    jobs = await asyncio.gather(
        *(house.submit(16 + n, number=n) for n in range(6) for house in (one, two))
    )
    for number, job in enumerate(jobs):
        await (one, two)[number % 2].finish(job)
    last = await one.journal.last_event_id()
    async with asyncio.timeout(PATIENCE_S):
        while not all(ids and ids[-1] == last for ids in told):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert told == [list(range(1, last + 1))] * 2
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)


async def test_what_was_recorded_is_told_although_the_notice_was_lost(town: Town) -> None:
    one, two = town.houses
    town.peers[1].deaf = True
    job = await one.submit(32)
    following = asyncio.create_task(heard(two, job))
    await one.finish(job)
    assert (await following)[-1].terminal


async def test_a_job_is_cancelled_from_another_process(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)

    cancelled = await two.service.delete(job.id, EVERYBODYS)

    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    assert (await heard(two, job))[-1].type == "job.cancelled"
    assert await two.service.delete(job.id, EVERYBODYS) is None


async def test_a_cancellation_is_told_again_until_it_is_heard(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)
    town.peers[0].deaf = True
    deleting = asyncio.create_task(two.service.delete(job.id, EVERYBODYS))
    async with asyncio.timeout(PATIENCE_S):
        while not any(notice.kind is Kind.CANCEL for notice in town.peers[1].told):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    town.peers[0].deaf = False
    cancelled = await deleting
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED


async def test_a_process_that_does_not_answer_is_told_of(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)
    town.peers[0].deaf = True
    with pytest.raises(OwnerSilentError):
        await two.service.delete(job.id, EVERYBODYS)
    assert (await one.service.get(job.id, EVERYBODYS)).state is JobState.QUEUED


async def test_of_two_processes_that_retry_a_job_at_once_one_does(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    work = await one.decoded(job)
    work.start(0)
    work.fail(0)
    assert (await one.ended(job)).state is JobState.FAILED

    tried = await asyncio.gather(
        *(house.service.retry(job.id, EVERYBODYS) for house in town.houses),
        return_exceptions=True,
    )

    (taken,) = [each for each in tried if isinstance(each, Job)]
    (refused,) = [each for each in tried if not isinstance(each, Job)]
    assert isinstance(refused, NotRetryableError)
    house = one if tried[0] is taken else two
    await house.finish(taken)
    assert (await two.service.get(job.id, EVERYBODYS)).state is JobState.COMPLETED
    told = await one.told(job)
    assert told.count("job.requeued") == 1


async def test_who_begins_again_takes_up_its_own_jobs_and_leaves_those_of_the_living(
    town: Town,
) -> None:
    one, two = town.houses
    of_one, of_two = await one.submit(32), await two.submit(48, number=1)
    await one.work(of_one)
    await two.work(of_two)
    waiting = asyncio.create_task(one.service.wait(of_two, PATIENCE_S))

    journal = await asyncio.to_thread(two.another_journal)
    again = [job.id for job in await journal.take_over({"1"})]

    assert again == [of_two.id]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_job_that_waits_is_claimed_by_whoever_is_idle(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)
    waiting = asyncio.create_task(one.service.wait(job, PATIENCE_S))
    following = asyncio.create_task(heard(one, job))
    two.engine.spare = 1

    one.engine.on_waiting(job.id)

    await two.finish(await two.stored(job.id))
    assert (await waiting).state is JobState.COMPLETED
    assert [event.seq for event in await following] == [1, 2, 3, 4, 5]
    assert not one.service.running
    assert not one.engine.made


async def test_whoever_becomes_idle_is_offered_what_waits(town: Town) -> None:
    one, two = town.houses
    waits, runs = await one.submit(32), await two.submit(48, number=1)
    await one.work(waits)
    two.engine.spare = 1
    await two.finish(runs)
    await two.finish(await two.stored(waits.id))
    assert (await one.service.get(waits.id, EVERYBODYS)).state is JobState.COMPLETED


async def test_a_job_that_was_begun_is_not_claimed(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    work = await one.decoded(job)
    work.start(0)
    await until(lambda: len(town.peers[0].told) > 1)
    assert (await two.stored(job.id)).state is JobState.RUNNING
    two.engine.spare = 1
    one.engine.on_waiting(job.id)
    work.make(0)
    assert (await one.ended(job)).state is JobState.COMPLETED
    assert not two.engine.works


async def test_of_several_that_are_idle_one_gets_the_job(tmp_path: Path) -> None:
    async with open_town(tmp_path, "1", "2", "3") as town:
        one, *others = town.houses
        job = await one.submit(32)
        await one.work(job)
        for house in others:
            house.engine.spare = 1
        one.engine.on_waiting(job.id)
        async with asyncio.timeout(PATIENCE_S):
            while not any(house.engine.works for house in others):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        (taker,) = [house for house in others if house.engine.works]
        await taker.finish(await taker.stored(job.id))
        assert (await one.told(job)).count("job.started") == 1


async def test_a_job_that_comes_back_is_not_stopped_by_what_was_recorded_before(
    town: Town,
) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)
    two.engine.spare = 1
    one.engine.on_waiting(job.id)
    await two.work(job)
    await until(lambda: not one.service.running)
    two.engine.spare, one.engine.spare = 0, 1
    two.engine.on_waiting(job.id)
    async with asyncio.timeout(PATIENCE_S):
        while not one.service.running:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    one.service._lose(replace(job, epoch=0))  # What the journal refuses of the first time here.

    await one.finish(await one.stored(job.id))
    ended = await two.service.get(job.id, EVERYBODYS)
    assert ended.state is JobState.COMPLETED
    assert ended.epoch == 2
    assert not two.service.running


async def test_what_gets_its_turn_very_soon_is_not_offered(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)
    two.engine.spare = 1
    one.engine.backlog_ms = 5.0
    one.engine.on_waiting(job.id)
    assert not any(notice.kind is Kind.OFFER for notice in town.peers[0].told)
    await one.finish(job)
    assert not two.engine.works
