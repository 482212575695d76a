"""Each event once, in order, whenever the reader comes."""

import asyncio

import pytest

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import EventType, Job
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.recorder import Recorder
from tests.journals import Stock, make_job, memory_stock


class Log:
    """A journal with its feed and its writer; the test says which jobs are live."""

    def __init__(self, stock: Stock) -> None:
        self.journal = stock.journal
        self.live: set[str] = set()
        self.lost: list[str] = []
        self.feed = Feed(self.journal, self.live.__contains__)
        self.recorder = Recorder(self.journal, self.feed, self.lose)
        self.recorder.insist()

    def lose(self, job: Job) -> None:
        """A job was lost."""
        self.lost.append(job.id)

    async def job(self, job_id: str) -> Job:
        """A new job, under way: its first event is in the journal."""
        job = make_job(job_id)
        self.live.add(job_id)
        await self.recorder.add(job, None)
        return job

    def end(self, job: Job) -> None:
        """The job is no longer under way, and those who read it learn of that."""
        self.live.discard(job.id)
        self.feed.job_ended(job.id)

    async def read(self, after: int = 0, job_ids: list[str] | None = None) -> list[tuple[str, int]]:
        """What a reader gets before its stream ends."""
        async with asyncio.timeout(5):
            return [
                (event.job_id, event.seq)
                async for batch in self.feed.follow(after, job_ids, EVERYBODYS)
                for event in batch
            ]


@pytest.fixture
def log() -> Log:
    return Log(memory_stock())


async def test_a_reader_gets_what_was_and_what_comes(log: Log) -> None:
    a, b = await log.job("a"), await log.job("b")
    reading = asyncio.create_task(log.read(job_ids=["a"]))
    await asyncio.sleep(0)
    for job in (b, a, b):
        log.recorder.record(job, EventType.JOB_STARTED)
    await log.recorder.record(a, EventType.JOB_STARTED)
    log.end(a)
    assert await reading == [("a", 1), ("a", 2), ("a", 3)]


async def test_a_reader_of_several_jobs_stays_until_none_is_under_way(log: Log) -> None:
    a, b = await log.job("a"), await log.job("b")
    reading = asyncio.create_task(log.read(job_ids=["a", "b"]))
    log.end(a)
    await log.recorder.record(b, EventType.JOB_STARTED)
    assert not reading.done()
    await log.recorder.record(b, EventType.JOB_STARTED)
    log.end(b)
    assert await reading == [("a", 1), ("b", 1), ("b", 2), ("b", 3)]


async def test_a_reader_stays_while_a_job_is_taken_up_again(log: Log) -> None:
    a = await log.job("a")
    reading = asyncio.create_task(log.read(job_ids=["a"]))
    await asyncio.sleep(0)
    log.feed.job_ended("a")  # It is live again by the time that its readers look.
    await asyncio.sleep(0)
    assert not reading.done()
    await log.recorder.record(a, EventType.JOB_STARTED)
    log.end(a)
    assert await reading == [("a", 1), ("a", 2)]


async def test_a_reader_who_comes_after_the_end_gets_the_rest(log: Log) -> None:
    a = await log.job("a")
    await log.recorder.record(a, EventType.JOB_STARTED)
    log.end(a)
    assert await log.read(1, ["a"]) == [("a", 2)]
    assert await log.read(2, ["a"]) == []


async def test_the_reader_of_a_lost_job_is_let_go_without_an_end(log: Log) -> None:
    a = await log.job("a")
    await log.journal.take_over()
    reading = asyncio.create_task(log.read(job_ids=["a"]))
    log.recorder.record(a, EventType.JOB_STARTED)
    await log.recorder.close()
    assert log.lost == ["a"]
    log.end(a)
    assert await reading == [("a", 1)]


async def test_what_is_older_than_memory_comes_from_the_journal(log: Log) -> None:
    a = await log.job("a")
    later = Feed(log.journal, log.live.__contains__)
    recorder = Recorder(log.journal, later, log.lose)
    await recorder.record(a, EventType.JOB_STARTED)
    later.close()
    for after, expected in ((0, [1, 2]), (1, [2]), (2, [])):
        async with asyncio.timeout(5):
            read = [e.seq async for batch in later.follow(after, None, EVERYBODYS) for e in batch]
        assert read == expected


async def test_a_reader_far_behind_loses_nothing_when_memory_is_short(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelpipe.jobs.feed._TAIL_BYTES", 5000)
    a = await log.job("a")
    stream = log.feed.follow(0, ["a"], EVERYBODYS)
    first = await anext(stream)
    for _ in range(50):
        await log.recorder.record(a, EventType.JOB_STARTED)
    log.end(a)
    rest = [event.seq async for batch in stream for event in batch]
    assert [event.seq for event in first] + rest == list(range(1, 52))


async def test_readers_of_everything_end_with_the_feed_and_lose_nothing(log: Log) -> None:
    a = await log.job("a")
    readings = [asyncio.create_task(log.read()) for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(1200):  # more than one batch
        log.recorder.record(a, EventType.JOB_STARTED)
    await log.recorder.close()
    log.feed.close()
    for reading in readings:
        assert await reading == [("a", seq) for seq in range(1, 1202)]


@pytest.mark.parametrize("reader", ["follows", "is far behind"])
async def test_batches_are_of_so_many_bytes_at_most(log: Log, reader: str) -> None:
    """Small in number is not enough: an event of a job with many variants is large."""
    a = await log.job("a")
    for _ in range(50):
        a.problems = ({"detail": "x" * 40_000},)
        await log.recorder.record(a, EventType.JOB_STARTED)
    a.problems = ({"detail": "x" * 600_000},)
    await log.recorder.record(a, EventType.JOB_STARTED)
    log.end(a)
    feed = log.feed if reader == "follows" else Feed(log.journal, log.live.__contains__)
    batches = [list(batch) async for batch in feed.follow(0, ["a"], EVERYBODYS)]
    sizes = [sum(len(event.data) for event in batch) for batch in batches]
    assert [event.seq for batch in batches for event in batch] == [*range(1, 53)]
    assert max(sizes[:-1]) <= 256 * 1024
    assert [len(batch) for batch in batches] == [7, *[6] * 7, 2, 1]


async def test_an_event_shows_the_job_as_it_was_when_it_happened(log: Log) -> None:
    a = await log.job("a")
    log.recorder.record(a, EventType.JOB_STARTED)
    a.decodes = 7
    await log.recorder.record(a, EventType.JOB_STARTED)
    _, first, second = await log.journal.events(0, None, 10)
    assert b'"decodes":0' in first.data
    assert b'"decodes":7' in second.data


async def test_who_stops_waiting_for_an_event_takes_nobody_along(log: Log) -> None:
    a = await log.job("a")
    abandoned = log.recorder.record(a, EventType.JOB_STARTED)
    waited_for = log.recorder.record(a, EventType.JOB_STARTED)
    abandoned.cancel()
    async with asyncio.timeout(5):
        await waited_for
        await log.recorder.record(a, EventType.JOB_STARTED)
    log.end(a)
    assert await log.read(0, ["a"]) == [("a", seq) for seq in range(1, 5)]


async def test_a_defect_of_the_journal_refuses_new_jobs_and_holds_up_the_others(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> object:
        raise OSError("the disk is gone")

    a = await log.job("a")
    with monkeypatch.context() as patch:
        patch.setattr(log.journal, "write", broken)
        step = log.recorder.record(a, EventType.JOB_STARTED)
        with pytest.raises(StorageFailedError):
            await log.recorder.add(make_job("b"), None)
        assert log.recorder.stuck
        assert not step.done()
    async with asyncio.timeout(5):
        event = await step
    assert event
    assert event.seq == 2
    assert not log.recorder.stuck
