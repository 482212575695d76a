"""Nobody reads the events of jobs that are not within his reach."""

import asyncio

import pytest

from pixelpipe.jobs import feed as feeds
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import EventType, Job
from pixelpipe.jobs.reach import EVERYBODYS, Reach
from pixelpipe.jobs.recorder import Recorder
from tests.journals import Stock, make_job, memory_stock

MINE, HIS = Reach("mine"), Reach("his")
PATIENCE_S = 5


class Log:
    """A journal with its feed and its writer."""

    def __init__(self, stock: Stock) -> None:
        self.journal = stock.journal
        self.live: set[str] = set()
        self.feed = Feed(self.journal, self.live.__contains__)
        self.recorder = Recorder(self.journal, self.feed, lambda _: None)

    async def job(self, job_id: str, tenant: str) -> Job:
        """A new job, under way."""
        job = make_job(job_id, tenant=tenant)
        self.live.add(job_id)
        await self.recorder.add(job, None)
        return job

    async def happen(self, job: Job, times: int = 1) -> None:
        """Something happens to the job."""
        for _ in range(times):
            await self.recorder.record(job, EventType.JOB_STARTED)


@pytest.fixture
def log() -> Log:
    return Log(memory_stock())


async def read(
    feed: Feed, reach: Reach, *, after: int = 0, job_ids: list[str] | None = None
) -> list[tuple[str, int]]:
    """What a reader gets before his stream ends."""
    async with asyncio.timeout(PATIENCE_S):
        return [
            (event.job_id, event.seq)
            async for batch in feed.follow(after, job_ids, reach)
            for event in batch
        ]


async def test_a_reader_of_all_gets_what_is_his(log: Log) -> None:
    a, b = await log.job("a", "mine"), await log.job("b", "his")
    reading = [asyncio.create_task(read(log.feed, each)) for each in (MINE, HIS, EVERYBODYS)]
    await asyncio.sleep(0)
    for job in (b, a, b):
        await log.happen(job)
    log.feed.close()
    mine, his, every = await asyncio.gather(*reading)
    assert mine == [("a", 1), ("a", 2)]
    assert his == [("b", 1), ("b", 2), ("b", 3)]
    assert every == [("a", 1), ("b", 1), ("b", 2), ("a", 2), ("b", 3)]


async def test_a_job_that_is_named_has_to_be_within_reach(log: Log) -> None:
    await log.job("a", "mine")
    await log.job("b", "his")
    log.live.clear()
    assert await read(log.feed, MINE, job_ids=["a", "b"]) == [("a", 1)]
    later = Feed(log.journal, log.live.__contains__)
    assert await read(later, MINE, job_ids=["a", "b"]) == [("a", 1)]
    assert await read(later, HIS, job_ids=["a"]) == []
    assert await read(later, EVERYBODYS, job_ids=["a", "b"]) == [("a", 1), ("b", 1)]


async def test_many_events_of_others_are_passed_over(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_SEARCHED", 10)
    a, b = await log.job("a", "mine"), await log.job("b", "his")
    await log.happen(b, 95)
    await log.happen(a)
    await log.happen(b, 33)
    for feed in (log.feed, Feed(log.journal, log.live.__contains__)):
        feed.close()
        assert await read(feed, MINE) == [("a", 1), ("a", 2)]
        assert await read(feed, MINE, after=50) == [("a", 2)]


async def test_a_new_reader_meets_the_recorded_and_the_announced(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was restarted has what came before in the journal alone."""
    monkeypatch.setattr(feeds, "_SEARCHED", 10)
    a, b = await log.job("a", "mine"), await log.job("b", "his")
    await log.happen(b, 25)
    again = Feed(log.journal, log.live.__contains__)
    recorder = Recorder(log.journal, again, lambda _: None)
    reading = asyncio.create_task(read(again, MINE))
    await asyncio.sleep(0)
    for job in (b, a, b):
        await recorder.record(job, EventType.JOB_STARTED)
    again.close()
    assert await reading == [("a", 1), ("a", 2)]


async def test_events_of_others_wake_nobody(log: Log) -> None:
    await log.job("a", "mine")
    b = await log.job("b", "his")
    stream = log.feed.follow(0, None, MINE)
    assert [event.job_id for event in await anext(stream)] == ["a"]
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    (reader,) = log.feed._readers["tenant", "mine"]
    await log.happen(b)
    assert not reader.called
    log.feed.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
