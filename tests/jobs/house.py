"""A data folder, and the job services that come and go over it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

from pixelpipe.errors import PixelPipeError
from pixelpipe.jobs.fleet import ALONE, Fleet
from pixelpipe.jobs.model import Blob, Event, Job
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.records import Key
from pixelpipe.jobs.retention import Retention, RetentionLimits
from pixelpipe.jobs.service import JobService
from pixelpipe.jobs.submission import Caller, SourceLimits, Submission, Wishes
from pixelpipe.recipes.spec import Spec
from pixelpipe.storage.journal import SqliteJournal
from pixelpipe.storage.memory import MemoryJournal
from pixelpipe.storage.space import Space
from tests.jobs.fake_engine import FakeEngine, FakeWork
from tests.jobs.gates import PATIENCE_S, GatedBlobs, GatedDatabase, GatedJournal, Gates
from tests.photographs import photo_jpeg
from tests.property.job_model import Story, shown, story_of

_DAY_S = 86_400.0
_Result = TypeVar("_Result")
KEEP = RetentionLimits(retention_s=_DAY_S, storage_bytes=2**40, every_s=_DAY_S)
EVICT = RetentionLimits(retention_s=_DAY_S, storage_bytes=0, every_s=_DAY_S)
FORGET = RetentionLimits(retention_s=-_DAY_S, storage_bytes=2**40, every_s=_DAY_S, tombstone_s=-1.0)


@cache
def photo(number: int = 0) -> bytes:
    """A small photograph with other bytes for another number."""
    whole = photo_jpeg(64, 48)
    comment = f"photograph {number}".encode()
    return whole[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + whole[2:]


@cache
def specs(*widths: int) -> tuple[Spec, ...]:
    """A spec for each width, named by its place: variants of the same width are the same wish."""
    return tuple(
        Spec.model_validate({"name": f"v{place}", "resize": {"width": width}})
        for place, width in enumerate(widths)
    )


class House:
    """What one machine keeps, and the one service that works there.

    What opens and closes files blocks; it is done where no loop runs, or in a thread.

    Args:
        folder: Where everything lies.
        kind: Which journal: "memory" or "sqlite".
        deep: Whether the gates are at SQLite's transactions, not at the journal's methods.
        fleet: Other processes that work there as well.
        owner: Whose jobs this one's are.
    """

    def __init__(
        self,
        folder: Path,
        kind: str,
        *,
        deep: bool = False,
        fleet: Fleet = ALONE,
        owner: str | None = None,
    ) -> None:
        self._folder = folder
        self._deep = deep
        self._fleet = fleet
        self._owner = owner
        self._thread = ThreadPoolExecutor(1)
        self.messages = 0
        self.linger_s = 0.0  # From the next opening on.
        self._memory = MemoryJournal(present=self.holds, remove=self.remove)
        self._kind = kind
        self._databases: list[GatedDatabase] = []
        self._open_files()

    def reopen(self) -> None:
        """Begin again over what is there, as the next process does."""
        self._close_files()
        self._open_files()

    def close(self) -> None:
        """Close the files."""
        self._close_files()
        self._thread.shutdown()

    def another_journal(self) -> Journal:
        """The journal as another process has it."""
        return self._journal(Gates())

    async def start(self, stored: frozenset[str] = frozenset()) -> None:
        """Recover, and begin to look after what is old."""
        await self.service.recover(stored)

    async def die(self) -> None:
        """End the service as a kill does: nothing more is stored, recorded or answered.

        The files are to be opened anew after that.
        """
        self.gates.die()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=0.01)

    async def look_after(self, limits: RetentionLimits = KEEP) -> None:
        """One round of removing what is old by these limits."""
        service = self.service
        await Retention(service._stores, limits, service._retention._live).look_after()

    async def submit(
        self,
        *widths: int,
        number: int = 0,
        caller: Caller = Caller(),  # noqa: B008 - frozen
        key: Key | None = None,
        priority: int = 0,
    ) -> Job:
        """Send a photograph in."""
        content = photo(number)
        async with self.service.receive(len(content)) as upload:
            await upload.write(content)
            wishes = Wishes(key=key, priority=priority)
            wanted = Submission(upload, "photo.jpg", specs(*(widths or (32,))), 0.0, caller, wishes)
            return await self.service.accept(wanted)

    async def work(self, job: Job) -> FakeWork:
        """The job's order in the engine; waits for it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for work in self.engine.works:
                    if work.order.label == job.id and not work.abandoned:
                        return work
                await asyncio.sleep(0.001)

    async def run(self, job_id: str, doom: PixelPipeError | None = None) -> Job:
        """The end of a job that was taken from the queue."""
        await self.service.take(job_id, doom)
        return await self.service.end_of(job_id)

    async def decoded(self, job: Job) -> FakeWork:
        """The job's order once its source is decoded."""
        work = await self.work(job)
        work.load()
        await self.until_loaded(work)
        work.decode()
        return work

    async def until_loaded(self, work: FakeWork) -> None:
        """Wait for the source."""
        async with asyncio.timeout(PATIENCE_S):
            while not work.content:  # noqa: ASYNC110 - the engine has no event for it
                await asyncio.sleep(0.001)

    async def finish(self, job: Job) -> None:
        """Let the engine make all that is left of the job's order."""
        work = await self.decoded(job)
        for index in work.idle:
            work.start(index)
            work.make(index)
        await self.ended(job)

    async def ended(self, job: Job) -> Job:
        """The job at its end."""
        ended = await self.service.wait(job, PATIENCE_S)
        assert ended.ended
        return await self.service.get(job.id, EVERYBODYS)

    async def events(self, job: Job) -> list[Event]:
        """What the journal has of the job."""
        return list(await self.journal.events(0, [job.id], 10_000))

    async def told(self, job: Job) -> list[str]:
        """The types of the job's events."""
        return [event.type.value for event in await self.events(job)]

    async def stored(self, job_id: str) -> Job:
        """The job as the journal has it."""
        job = await self.journal.get(job_id)
        assert job is not None
        return job

    def digests(self) -> frozenset[str]:
        """Names of all blobs."""
        return frozenset(self.blobs.digests())

    def holds(self, blob: Blob) -> bool:
        """Whether the blob is there."""
        return self.blobs.holds(blob)

    def remove(self, sha256: str) -> None:
        """Remove the blob, if it is there."""
        self.blobs.remove(sha256)

    def _open_files(self) -> None:
        self.gates = Gates()
        self.engine = FakeEngine()
        self.space = Space(self._folder, 4096)
        self.blobs = GatedBlobs(self._folder / "blobs", self.space)
        self.blobs.gates = self.gates
        self.journal = self._journal(self.gates)
        self.service = JobService(
            self.engine.as_engine,
            self,
            limits=SourceLimits(1_000_000, 10_000),
            retention=KEEP,
            poison_s=_DAY_S,
            on_message=self._on_message,
            linger_s=self.linger_s,
            fleet=self._fleet,
        )

    def _journal(self, gates: Gates) -> Journal:
        if self._kind == "memory":
            return GatedJournal(gates, self._memory, self._thread).as_journal
        database = GatedDatabase(self._folder / "journal.sqlite3", self.space)
        self._databases.append(database)
        database.gates = gates if self._deep else Gates()
        journal = SqliteJournal(
            database, present=self.blobs.holds, remove=self.blobs.remove, owner=self._owner
        )
        return journal if self._deep else GatedJournal(gates, journal).as_journal

    def _close_files(self) -> None:
        for database in self._databases:
            database.close()
        self._databases.clear()
        self.blobs.close()

    def _on_message(self) -> None:
        self.messages += 1


@asynccontextmanager
async def open_house(folder: Path, kind: str) -> AsyncIterator[House]:
    """A house whose service has begun; leaving fails if memory was not given back."""
    house = await asyncio.to_thread(House, folder, kind)
    try:
        await house.start()
        yield house
        house.gates.open()
        await house.service.drain(0)
        assert not house.engine.leases
        assert not house.engine.defects
    finally:
        await asyncio.to_thread(house.close)


async def restarted(house: House) -> House:
    """The same house after its process was killed, and begun again."""
    await house.die()
    await asyncio.to_thread(house.reopen)
    await house.start(await asyncio.to_thread(house.digests))
    return house


async def soon(future: Awaitable[_Result]) -> _Result:
    """What it gives, if that comes within our patience."""
    async with asyncio.timeout(PATIENCE_S):
        return await future


async def until_told(house: House, job: Job, event: str, count: int = 1) -> None:
    """Return once the job has so many events of that type."""
    async with asyncio.timeout(PATIENCE_S):
        while (await house.told(job)).count(event) < count:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)


async def passing(house: House, place: str) -> None:
    """Let the call that waits there, or comes there, go on."""
    house.gates.go_on(await house.gates.arrival(place))


async def story_in(house: House, job: Job) -> Story:
    """What the job's events tell; it has to be what the journal has and what clients get."""
    story = story_of(await house.events(job))
    assert story.shown == shown(await house.stored(job.id))
    assert story.shown == shown(await house.service.get(job.id, EVERYBODYS))
    return story


def source_of(number: int) -> str:
    """The digest of a photograph."""
    return hashlib.sha256(photo(number)).hexdigest()


def key_of(name: str, fingerprint: str = "same", tenant: str = "") -> Key:
    """A tenant's Idempotency-Key."""
    return Key(tenant, name, fingerprint)
