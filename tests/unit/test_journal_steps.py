"""Steps that come together leave the SQLite journal as they do one by one."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from pixelpipe.jobs.model import Blob, Event, EventType, JobState, TaskState
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.records import BlobMissingError, Entry, LostJobError, Outcome, Record
from tests.journals import Stock, at, end, entry, finish, make_job, opened, requeue, step

MADE, SWEPT, OTHER = Blob("made", 10), Blob("swept", 11), Blob("other", 12)


def _life() -> list[Entry]:
    """A job from its beginning to its second end, and another beside it; some steps are refused."""
    job, other = make_job("one", "a", "b", webhook="http://127.0.0.1:1"), make_job("two", "c")
    records: list[Entry] = [entry(job), entry(other)]
    job.state = JobState.RUNNING
    job.decodes = job.decode_attempts = 1
    records.append(step(job))
    for index, blob in ((0, MADE), (1, SWEPT)):
        variant = job.variants[index]
        variant.state, variant.attempts = TaskState.RUNNING, 1
        records.append(step(job, index, event=EventType.VARIANT_STARTED))
        before = deepcopy(variant)
        finish(variant, blob)
        records.append(step(job, index, event=EventType.VARIANT_COMPLETED))
        if blob is SWEPT:  # It is refused, and goes on as it was.
            job.variants[index] = before
    job.decode_attempts = 0
    records.append(step(job, event=None))
    finish(job.variants[1], None)
    records.append(end(job, 5))
    records.append(requeue(job))
    finish(job.variants[1], OTHER)
    records.append(end(job, 9))
    finish(other.variants[0], MADE)
    records.append(end(other, 7))
    records.append(step(make_job("nobody")))
    records.append(step(make_job("two", "c", epoch=1)))
    return records


async def _left(stock: Stock) -> tuple[object, ...]:
    return (
        await stock.journal.list(Listing(tenant="tenant")),
        await stock.journal.events(0, None, 1000),
        await stock.journal.last_event_id(),
        await stock.journal.reusable("tenant", ["key of a", "key of b", "key of c"]),
        await stock.outbox.due(at(100), 10),
    )


def _told(outcomes: Sequence[Outcome]) -> list[object]:
    return [each if isinstance(each, Event | None) else type(each) for each in outcomes]


async def test_steps_that_come_together_leave_what_they_leave_one_by_one(tmp_path: Path) -> None:
    records = _life()
    async with opened(tmp_path / "single") as single, opened(tmp_path / "whole") as whole:
        for stock in (single, whole):
            stock.shelf.put(MADE.sha256, OTHER.sha256)
        one_by_one = [(await single.write(record))[0] for record in records]
        together = await whole.write(*records)
        assert _told(together) == _told(one_by_one)
        refused = [each for each in _told(together) if isinstance(each, type)]
        assert refused == [BlobMissingError, LostJobError, LostJobError]
        assert await _left(whole) == await _left(single)
        assert (await whole.get("one")).state is JobState.COMPLETED


async def test_the_row_of_a_job_says_what_its_last_step_said(tmp_path: Path) -> None:
    job = make_job("one", "a")
    async with opened(tmp_path / "journal") as stock:
        await stock.enter(job)
        steps: list[Record] = []
        for decodes in (1, 2, 3):
            job.decodes = decodes
            steps.append(step(job))
        outcomes = await stock.write(*steps)
        assert [each.seq for each in outcomes if isinstance(each, Event)] == [2, 3, 4]
        assert (await stock.get("one")).decodes == 3
        assert (await stock.record(step(job))).seq == 5
