"""Jobs, records and a journal with what it needs, for tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import (
    TERMINAL_EVENTS,
    Blob,
    Event,
    EventType,
    Job,
    JobState,
    Source,
    TaskState,
    Variant,
)
from pixelpipe.jobs.ports import Journal, Outbox
from pixelpipe.jobs.records import Entry, Key, Outcome, Record, snapshot, snapshots
from pixelpipe.scaleout.redis_journal import RedisJournal
from pixelpipe.scaleout.redis_outbox import RedisOutbox
from pixelpipe.scaleout.redis_server import RedisServer, open_redis
from pixelpipe.scaleout.redis_writing import Store
from pixelpipe.storage.database import Database
from pixelpipe.storage.journal import SqliteJournal
from pixelpipe.storage.memory import MemoryJournal, MemoryOutbox
from pixelpipe.storage.outbox import SqliteOutbox
from tests.tasks import make_decode, make_task

START = datetime(2030, 1, 2, 3, 4, 5, 678901, UTC)
SOURCE = Blob("source", 100)


def at(seconds: float) -> datetime:
    """A moment so long after START."""
    return START + timedelta(seconds=seconds)


def unused(name: str) -> bool:
    """Nothing is in use, whatever it is."""
    del name
    return False


class Shelf:
    """A blob store that is a set of digests."""

    def __init__(self) -> None:
        self.digests = {SOURCE.sha256}
        self.asked: list[Blob] = []

    def put(self, *digests: str) -> None:
        """Store blobs."""
        self.digests.update(digests)

    def present(self, blob: Blob) -> bool:
        """Whether it is there."""
        self.asked.append(blob)
        return blob.sha256 in self.digests

    def remove(self, sha256: str) -> None:
        """Remove it, if it is there."""
        self.digests.discard(sha256)


class NoReserve:
    """A file system that is full, or not, without a reserve."""

    def exhausted(self, needed_bytes: int = 0) -> bool:
        """There is nothing to release."""
        del needed_bytes
        return False


@dataclass(slots=True)
class Stock:
    """A journal, its outbox, and the blobs that it asks for."""

    journal: Journal
    outbox: Outbox
    shelf: Shelf

    async def write(self, *records: Entry) -> Sequence[Outcome]:
        """Write them in one batch."""
        return await self.journal.write(records)

    async def record(self, record: Record) -> Event:
        """Write one record that has an event and must not be refused."""
        (outcome,) = await self.journal.write([record])
        assert isinstance(outcome, Event), outcome
        return outcome

    async def enter(self, job: Job, key: Key | None = None) -> Job:
        """Write a new job."""
        await self.record(entry(job, key))
        return job

    async def complete(self, job: Job, made: dict[int, Blob], ended_s: float = 0) -> Job:
        """Let a job run to its end with what was made; the other variants fail."""
        self.shelf.put(*(blob.sha256 for blob in made.values()))
        for index, variant in enumerate(job.variants):
            finish(variant, made.get(index))
        await self.record(end(job, ended_s))
        return job

    async def finished(self, job: Job, *made: Blob, ended_s: float = 0) -> Job:
        """A new job, run to its end."""
        await self.enter(job)
        return await self.complete(job, dict(enumerate(made)), ended_s)

    async def get(self, job_id: str) -> Job:
        """A job that has to be there."""
        job = await self.journal.get(job_id)
        assert job is not None
        return job

    async def ids(self) -> list[str]:
        """Of all jobs that have events, in the order of their first."""
        events = await self.journal.events(0, None, 10_000)
        return list(dict.fromkeys(event.job_id for event in events))


def memory_stock() -> Stock:
    """In memory."""
    shelf = Shelf()
    journal = MemoryJournal(present=shelf.present, remove=shelf.remove)
    return Stock(journal, MemoryOutbox(journal.deliveries), shelf)


def sqlite_stock(database: Database, shelf: Shelf | None = None) -> Stock:
    """In SQLite."""
    shelf = shelf or Shelf()
    journal = SqliteJournal(database, present=shelf.present, remove=shelf.remove)
    return Stock(journal, SqliteOutbox(database), shelf)


@asynccontextmanager
async def opened(path: Path, shelf: Shelf | None = None) -> AsyncIterator[Stock]:
    """In SQLite, in this file."""
    database = await asyncio.to_thread(Database, path, NoReserve())
    try:
        yield sqlite_stock(database, shelf)
    finally:
        await asyncio.to_thread(database.close)


def redis_stock(server: RedisServer, shelf: Shelf | None = None, **options: Any) -> Stock:
    """In Redis; the shelf answers as a store far away would, after others had their turn."""
    shelf = shelf or Shelf()

    async def present(blobs: Collection[Blob]) -> Sequence[bool]:
        await asyncio.sleep(0)
        return [shelf.present(blob) for blob in blobs]

    async def remove(sha256: str) -> None:
        await asyncio.sleep(0)
        shelf.remove(sha256)

    journal = RedisJournal(server, Store(present, remove), **options)
    return Stock(journal, RedisOutbox(server), shelf)


@asynccontextmanager
async def opened_in_redis(
    url: str, prefix: str, shelf: Shelf | None = None, **options: Any
) -> AsyncIterator[Stock]:
    """In the Redis of this URL, under this prefix."""
    async with open_redis(url, prefix) as server:
        yield redis_stock(server, shelf, **options)


def make_job(job_id: str, *names: str, **changes: Any) -> Job:
    """A queued job with variants of these names, created at START."""
    job = Job(
        id=job_id,
        tenant="tenant",
        client="client",
        created_at=START,
        source=Source("photo.jpg", Format.JPEG, 400, 300, SOURCE.size_bytes, SOURCE.sha256),
        decode=make_decode(),
        variants=[Variant(make_task(name), f"key of {name}") for name in names or ("small",)],
    )
    return replace(job, **changes)


def entry(job: Job, key: Key | None = None) -> Record:
    """The record of a new job."""
    variants = snapshots(job, list(range(len(job.variants))))
    data = b'{"job":"%b"}' % job.id.encode()
    return Record(snapshot(job), variants, EventType.JOB_ACCEPTED, data, new=True, key=key)


def step(job: Job, *indexes: int, event: EventType | None = EventType.JOB_STARTED) -> Record:
    """The record of a step, with the variants of these indexes."""
    data = json.dumps({"job": job.id, "état": job.state}, ensure_ascii=False).encode()
    return Record(snapshot(job), snapshots(job, list(indexes)), event, data)


def finish(variant: Variant, blob: Blob | None) -> None:
    """Complete the variant, or fail it if it has no bytes."""
    variant.state = TaskState.COMPLETED if blob else TaskState.FAILED
    variant.blob = blob
    variant.problem = None if blob else {"title": "It failed", "status": 500}


def end(job: Job, ended_s: float = 0) -> Record:
    """Bring the job to the end that its variants add up to; all of them are in the record."""
    job.state = job.verdict()
    job.ended_at = at(ended_s)
    return step(job, *range(len(job.variants)), event=TERMINAL_EVENTS[job.state])


def requeue(job: Job) -> Record:
    """Take a job that ended up again; what failed of it is in the record."""
    job.state = JobState.QUEUED
    failed = [i for i, v in enumerate(job.variants) if v.state is TaskState.FAILED]
    for index in failed:
        job.variants[index].state = TaskState.QUEUED
    return step(job, *failed, event=EventType.JOB_REQUEUED)
