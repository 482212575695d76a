"""Each event once, in order, whenever the reader comes."""

import asyncio
from datetime import UTC, datetime

import pytest

from pixelpipe.errors import StorageFailedError
from pixelpipe.formats.registry import Format
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import Event, EventType, Job, Source
from pixelpipe.jobs.recorder import Recorder
from pixelpipe.storage.memory import MemoryJournal


class Log:
    """A journal with its feed and its writer."""

    def __init__(self) -> None:
        self.journal = MemoryJournal(history=10)
        self.feed = Feed(self.journal)
        self.recorder = Recorder(self.journal, self.feed)

    async def job(self, job_id: str) -> Job:
        source = Source("photo.jpg", Format.JPEG, 4, 3, 100, "0" * 64)
        job = Job(job_id, datetime.now(UTC), source, [])
        await self.journal.add(job)
        return job

    async def read(self, after: int = 0, job_ids: list[str] | None = None) -> list[tuple[str, int]]:
        async with asyncio.timeout(5):
            return [
                (event.job_id, event.seq)
                async for batch in self.feed.follow(after, job_ids)
                for event in batch
            ]


@pytest.fixture
def log() -> Log:
    return Log()


async def test_a_reader_gets_what_was_and_what_comes(log: Log) -> None:
    a, b = await log.job("a"), await log.job("b")
    await log.recorder.record(a, EventType.JOB_ACCEPTED)
    reading = asyncio.create_task(log.read(job_ids=["a"]))
    await asyncio.sleep(0)
    for job in (b, a, b):
        log.recorder.record(job, EventType.JOB_STARTED)
    await log.recorder.record(a, EventType.JOB_COMPLETED)
    assert await reading == [("a", 1), ("a", 2), ("a", 3)]


async def test_a_reader_of_several_jobs_stays_until_all_have_ended(log: Log) -> None:
    a, b = await log.job("a"), await log.job("b")
    reading = asyncio.create_task(log.read(job_ids=["a", "b"]))
    await log.recorder.record(a, EventType.JOB_COMPLETED)
    await log.recorder.record(b, EventType.JOB_STARTED)
    assert not reading.done()
    await log.recorder.record(b, EventType.JOB_FAILED)
    assert await reading == [("a", 1), ("b", 1), ("b", 2)]


async def test_a_reader_who_comes_after_the_end_gets_the_rest(log: Log) -> None:
    a = await log.job("a")
    await log.recorder.record(a, EventType.JOB_ACCEPTED)
    await log.recorder.record(a, EventType.JOB_COMPLETED)
    assert await log.read(1, ["a"]) == [("a", 2)]
    assert await log.read(2, ["a"]) == []


async def test_readers_of_everything_end_with_the_feed_and_lose_nothing(log: Log) -> None:
    a = await log.job("a")
    readings = [asyncio.create_task(log.read()) for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(1200):  # more than one batch
        log.recorder.record(a, EventType.JOB_STARTED)
    await log.recorder.close()
    log.feed.close()
    for reading in readings:
        assert await reading == [("a", seq) for seq in range(1, 1201)]


async def test_an_event_shows_the_job_as_it_was_when_it_happened(log: Log) -> None:
    a = await log.job("a")
    log.recorder.record(a, EventType.JOB_ACCEPTED)
    a.decodes = 7
    await log.recorder.record(a, EventType.JOB_STARTED)
    first, second = await log.journal.events(0, None, 10)
    assert b'"decodes":0' in first.data
    assert b'"decodes":7' in second.data


async def test_who_stops_waiting_for_an_event_takes_nobody_along(log: Log) -> None:
    a = await log.job("a")
    abandoned = log.recorder.record(a, EventType.JOB_ACCEPTED)
    waited_for = log.recorder.record(a, EventType.JOB_STARTED)
    abandoned.cancel()
    async with asyncio.timeout(5):
        await waited_for
        await log.recorder.record(a, EventType.JOB_COMPLETED)
    assert await log.read(0, ["a"]) == [("a", 1), ("a", 2), ("a", 3)]


async def test_a_journal_that_fails_fails_its_writers_and_goes_on(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> list[Event]:
        raise OSError("the disk is gone")

    a = await log.job("a")
    with monkeypatch.context() as patch:
        patch.setattr(log.journal, "append", broken)
        with pytest.raises(StorageFailedError):
            await log.recorder.record(a, EventType.JOB_ACCEPTED)
    async with asyncio.timeout(5):
        await log.recorder.record(a, EventType.JOB_STARTED)
