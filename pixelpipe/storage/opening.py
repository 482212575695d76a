"""Opens and closes what a server, or a command, stores things in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import Journal, Outbox
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.database import Database, NoDatabaseError
from pixelpipe.storage.folder import FolderError, exclusive
from pixelpipe.storage.journal import SqliteJournal
from pixelpipe.storage.memory import MemoryJournal, MemoryOutbox
from pixelpipe.storage.outbox import SqliteOutbox
from pixelpipe.storage.space import Space


@dataclass(frozen=True, slots=True)
class Storage:
    """The ports of `pixelpipe.jobs` over one data folder."""

    journal: Journal
    outbox: Outbox
    blobs: FileBlobs
    space: Space


@asynccontextmanager
async def open_storage(
    folder: Path, reserve_bytes: int, *, durable: bool
) -> AsyncIterator[Storage]:
    """The storage in `folder`, which is ours alone for as long as it is open.

    Args:
        folder: Made if it is not there.
        reserve_bytes: Room that is held back for the journal.
        durable: Whether jobs outlive this; otherwise they are kept in memory, and no blob is
            removed.

    Raises:
        FolderError: The folder cannot be used, another server works in it, or there are blobs
            but no journal, so that they would all be removed.
    """
    async with AsyncExitStack() as closing:
        await asyncio.to_thread(closing.enter_context, exclusive(folder))
        space = await asyncio.to_thread(Space, folder, reserve_bytes)
        await space.start()
        closing.push_async_callback(space.close)
        blobs = await asyncio.to_thread(FileBlobs, folder / "blobs", space)
        closing.push_async_callback(asyncio.to_thread, blobs.close)
        if not durable:
            kept = MemoryJournal(present=lambda _: True, remove=lambda _: None)
            yield Storage(kept, MemoryOutbox(kept.deliveries), blobs, space)
            return
        database = await asyncio.to_thread(_open_journal, folder / "journal.sqlite3", blobs, space)
        closing.push_async_callback(asyncio.to_thread, database.close)
        journal = SqliteJournal(database, present=blobs.holds, remove=blobs.remove)
        yield Storage(journal, SqliteOutbox(database), blobs, space)


def _open_journal(path: Path, blobs: FileBlobs, space: Space) -> Database:
    # A journal has its tables before the first blob is stored, and so before any kill that leaves
    # one: blobs without a journal tell that it was lost.
    try:
        orphans = next(blobs.digests(), None) is not None
    except StorageFailedError as error:
        raise FolderError(f"cannot read the blobs beside {path}: {error.__cause__}") from error
    try:
        return Database(path, space, make=not orphans)
    except NoDatabaseError as error:
        raise FolderError(
            f"the blobs in {path.parent / 'blobs'} belong to no journal: {path} is missing or "
            "empty; restore it, or remove the blobs to start afresh"
        ) from error
