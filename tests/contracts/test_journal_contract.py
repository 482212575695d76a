"""What every journal promises; see `jobs.ports.Journal`."""

from datetime import UTC, datetime

import pytest

from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import Draft, EventType, Job, Source
from pixelpipe.storage.memory import MemoryJournal

HISTORY = 3


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal(history=HISTORY)


def _job(job_id: str) -> Job:
    source = Source("photo.jpg", Format.JPEG, 4, 3, 100, "0" * 64)
    return Job(job_id, datetime.now(UTC), source, [])


def _draft(job_id: str, seq: int, event: EventType = EventType.JOB_STARTED) -> Draft:
    return Draft(event, job_id, seq, b"{}")


async def test_remembers_jobs(journal: MemoryJournal) -> None:
    job = _job("a")
    await journal.add(job)
    assert await journal.get("a") is job
    assert await journal.get("b") is None


async def test_numbers_events_in_one_rising_sequence(journal: MemoryJournal) -> None:
    for job_id in "ab":
        await journal.add(_job(job_id))
    assert await journal.last_event_id() == 0
    first = await journal.append([_draft("a", 1), _draft("b", 1)])
    second = await journal.append([_draft("a", 2)])
    ids = [event.id for event in [*first, *second]]
    assert ids == sorted(set(ids))
    assert await journal.last_event_id() == ids[-1]


async def test_gives_events_after_an_id_of_these_jobs_in_order(journal: MemoryJournal) -> None:
    for job_id in "abc":
        await journal.add(_job(job_id))
    events = await journal.append([_draft(job_id, 1) for job_id in "abcab"])
    assert await journal.events(0, None, 10) == events
    assert await journal.events(events[1].id, None, 10) == events[2:]
    assert await journal.events(0, None, 2) == events[:2]
    assert [event.job_id for event in await journal.events(0, ["b", "a"], 10)] == list("abab")
    assert [event.job_id for event in await journal.events(0, ["b", "a"], 3)] == list("aba")
    assert await journal.events(events[-1].id, ["a"], 10) == []
    assert await journal.events(0, ["nobody"], 10) == []


async def test_a_job_is_over_once_its_terminal_event_is_recorded(journal: MemoryJournal) -> None:
    await journal.add(_job("a"))
    await journal.add(_job("b"))
    await journal.append([_draft("a", 1), _draft("b", 1)])
    assert not await journal.over(["a"])
    await journal.append([_draft("a", 2, EventType.JOB_PARTIAL)])
    assert await journal.over(["a"])
    assert not await journal.over(["a", "b"])


async def test_the_oldest_ended_jobs_are_forgotten(journal: MemoryJournal) -> None:
    for number in range(3 * HISTORY):
        await journal.add(_job(str(number)))
        await journal.append([_draft(str(number), 1, EventType.JOB_COMPLETED)])
    kept = [str(n) for n in range(3 * HISTORY) if await journal.get(str(n))]
    assert kept == [str(n) for n in range(2 * HISTORY, 3 * HISTORY)]
    assert len(await journal.events(0, None, 100)) <= 2 * HISTORY + 1
