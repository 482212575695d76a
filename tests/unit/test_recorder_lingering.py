"""Steps that nobody waits for are recorded with others; in order, and none of them for ever."""

import asyncio
from collections.abc import Sequence

from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import EventType, Job
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.recorder import Recorder
from pixelpipe.jobs.records import Entry, Outcome, Record
from tests.journals import make_job, memory_stock

_FOR_EVER_S = 3600.0


class _Counted:
    """A journal that keeps what each write brought."""

    def __init__(self, journal: Journal) -> None:
        self.writes: list[list[EventType | None]] = []
        self._journal = journal

    async def write(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        self.writes.append([each.event for each in records if isinstance(each, Record)])
        return await self._journal.write(records)


async def _recorder(linger_s: float) -> tuple[Recorder, _Counted, Job]:
    journal = memory_stock().journal
    counted = _Counted(journal)
    feed = Feed(journal, lambda _: True)
    recorder = Recorder(counted, feed, lambda _: None, linger_s=linger_s)  # type: ignore[arg-type]
    recorder.insist()
    job = make_job("a")
    await recorder.add(job, None)
    return recorder, counted, job


async def test_what_may_wait_goes_with_the_next_that_may_not() -> None:
    recorder, counted, job = await _recorder(_FOR_EVER_S)
    early = recorder.record(job, EventType.JOB_STARTED, urgent=False)
    later = recorder.record(job, EventType.VARIANT_STARTED, [0], urgent=False)
    await asyncio.sleep(0)
    assert not early.done()
    async with asyncio.timeout(5):
        ended = await recorder.record(job, EventType.JOB_REQUEUED)
    assert counted.writes[1:] == [
        [EventType.JOB_STARTED, EventType.VARIANT_STARTED, EventType.JOB_REQUEUED]
    ]
    events = [early.result(), later.result(), ended]
    assert [event and event.seq for event in events] == [2, 3, 4]


async def test_what_may_wait_does_not_wait_for_ever() -> None:
    recorder, counted, job = await _recorder(0.001)
    async with asyncio.timeout(5):
        await recorder.record(job, EventType.JOB_STARTED, urgent=False)
    assert counted.writes[1:] == [[EventType.JOB_STARTED]]


async def test_nothing_lingers_at_the_end() -> None:
    recorder, counted, job = await _recorder(_FOR_EVER_S)
    lingering = recorder.record(job, EventType.JOB_STARTED, urgent=False)
    async with asyncio.timeout(5):
        await recorder.close()
    assert lingering.done()
    assert counted.writes[1:] == [[EventType.JOB_STARTED]]
