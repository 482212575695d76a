"""What others recorded is announced once and in order, whether it is heard or read."""

from collections.abc import Sequence

import pytest

from pixelpipe.jobs.model import Event, EventType
from pixelpipe.jobs.records import Record, snapshot, snapshots
from pixelpipe.jobs.tail import Tail
from tests.journals import Stock, make_job, memory_stock


class Town:
    """A journal that others write to, and who is told of it here."""

    def __init__(self, stock: Stock) -> None:
        self.journal = stock.journal
        self.told: list[int] = []
        self.tail = Tail(self.journal, self.note)

    def note(self, events: Sequence[Event]) -> None:
        """Note which events are announced."""
        self.told += [event.id for event in events]

    async def record(self, job_id: str) -> Event:
        """What somebody records."""
        job = make_job(job_id)
        everything = snapshots(job, list(range(len(job.variants))))
        record = Record(snapshot(job), everything, EventType.JOB_ACCEPTED, b"{", new=True)
        (event,) = await self.journal.write([record])
        assert isinstance(event, Event)
        return event


@pytest.fixture
def town() -> Town:
    return Town(memory_stock())


async def test_what_is_heard_is_announced_without_a_look_at_the_journal(town: Town) -> None:
    events = [await town.record(job_id) for job_id in ("a", "b", "c")]
    town.tail.hear(events[:2])
    assert town.told == [1, 2]
    town.tail.hear(events[1:])
    assert town.told == [1, 2, 3]
    town.tail.hear(events)
    assert town.told == [1, 2, 3]


async def test_what_was_not_heard_is_read_before_what_is(town: Town) -> None:
    events = [await town.record(job_id) for job_id in ("a", "b", "c")]
    town.tail.hear(events[:1])
    town.tail.hear(events[2:])
    assert town.told == [1]
    await town.tail.catch_up()
    assert town.told == [1, 2, 3]


async def test_what_is_recorded_here_and_heard_as_well_is_announced_once(town: Town) -> None:
    events = [await town.record(job_id) for job_id in ("a", "b", "c")]
    town.tail.announce(events[1:2])
    assert town.told == []
    town.tail.hear(events[:2])
    town.tail.announce(events[2:])
    town.tail.hear(events)
    await town.tail.catch_up()
    assert town.told == [1, 2, 3]
