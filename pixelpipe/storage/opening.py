"""Opens and closes what a server, or a command, stores things in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import Journal, Outbox, RemoteBlobs, SweptBlobs
from pixelpipe.jobs.ports import Space as Room
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.database import Database, NoDatabaseError
from pixelpipe.storage.folder import FolderError, usable
from pixelpipe.storage.identity import journal_id
from pixelpipe.storage.journal import SqliteJournal
from pixelpipe.storage.leftovers import held_clear
from pixelpipe.storage.memory import MemoryJournal, MemoryOutbox
from pixelpipe.storage.outbox import SqliteOutbox
from pixelpipe.storage.space import Space
from pixelpipe.storage.spaces import Spaces

# Opens the blobs of the journal that has this id.
OpenRemote = Callable[[str], AbstractAsyncContextManager[RemoteBlobs]]

_IDENTITY = "storage-id"


@dataclass(frozen=True, slots=True)
class Storage:
    """The ports of `pixelpipe.jobs` over one data folder.

    Attributes:
        remote: The blobs, where they are somewhere else.
    """

    journal: Journal
    outbox: Outbox
    blobs: SweptBlobs
    space: Room
    remote: RemoteBlobs | None = None

    @property
    def files(self) -> FileBlobs:
        """The folder that the blobs lie in, where they do."""
        assert isinstance(self.blobs, FileBlobs), "they are somewhere else"
        return self.blobs


class Share(NamedTuple):
    """One of several processes over one data folder.

    Attributes:
        writer: Its number.
        owner: Whose jobs its jobs are, also after it was started again.
        aside: Folder within the data folder for what no two of them may share.
    """

    writer: int | None
    owner: str | None
    aside: str


_ALL = Share(None, None, ".")


class Elsewhere(NamedTuple):
    """Where the blobs are, if not in the data folder; one of these.

    Attributes:
        folder: A folder, such as one on another disk.
        remote: Somewhere else.
    """

    folder: Path | None = None
    remote: OpenRemote | None = None


_WITHIN = Elsewhere()


@asynccontextmanager
async def open_storage(
    folder: Path,
    reserve_bytes: int,
    *,
    durable: bool,
    share: Share | None = None,
    elsewhere: Elsewhere = _WITHIN,
) -> AsyncIterator[Storage]:
    """The storage in `folder`, which is ours alone for as long as it is open, or one share of it.

    Args:
        folder: Made if it is not there.
        reserve_bytes: Room that is held back for the journal.
        durable: Whether jobs outlive this; otherwise they are kept in memory, and no blob is
            removed; these are not somewhere else then.
        share: Which of several processes opens it; somebody else holds the folder for all of them.
        elsewhere: Where the blobs are, if not within `folder`.

    Raises:
        FolderError: The folder cannot be used, another server works in it, or there are blobs
            but no journal, so that they would all be removed.
    """
    async with AsyncExitStack() as closing:
        if share is None:
            await asyncio.to_thread(closing.enter_context, held_clear(folder))
        writer, owner, aside = share or _ALL
        space = await _open_space(closing, folder / aside, reserve_bytes)
        path = folder / "journal.sqlite3"
        if elsewhere.remote is not None:
            database = await asyncio.to_thread(_open_lone_journal, path, space)
            closing.push_async_callback(asyncio.to_thread, database.close)
            identity = await asyncio.to_thread(_identity, folder)
            remote = await closing.enter_async_context(elsewhere.remote(identity))
            yield Storage(*_journal(database, remote, owner), remote, space, remote)
            return
        root, room, spaces = folder, space, [space]
        if elsewhere.folder is not None and not await asyncio.to_thread(
            _same, elsewhere.folder, folder
        ):
            root = elsewhere.folder
            if share is None:
                await asyncio.to_thread(closing.enter_context, held_clear(root))
            room = await _open_space(closing, root / aside, reserve_bytes)
            spaces.append(room)
        blobs = await asyncio.to_thread(FileBlobs, root / "blobs", room, writer)
        closing.push_async_callback(asyncio.to_thread, blobs.close)
        if not durable:
            kept = MemoryJournal(present=lambda _: True, remove=lambda _: None)
            yield Storage(kept, MemoryOutbox(kept.deliveries), blobs, Spaces(spaces))
            return
        database = await asyncio.to_thread(_open_journal, path, blobs, space)
        closing.push_async_callback(asyncio.to_thread, database.close)
        yield Storage(*_journal(database, blobs, owner), blobs, Spaces(spaces))


async def _open_space(closing: AsyncExitStack, folder: Path, reserve_bytes: int) -> Space:
    space = await asyncio.to_thread(Space, folder, reserve_bytes)
    await space.start()
    closing.push_async_callback(space.close)
    return space


def _journal(
    database: Database, blobs: SweptBlobs, owner: str | None
) -> tuple[SqliteJournal, SqliteOutbox]:
    journal = SqliteJournal(database, present=blobs.holds, remove=blobs.remove, owner=owner)
    return journal, SqliteOutbox(database)


def _same(folder: Path, other: Path) -> bool:
    return folder.resolve() == other.resolve()


def _identity(folder: Path) -> str:
    with usable(f"the data folder {folder}"):
        return journal_id(folder / _IDENTITY)


def _open_lone_journal(path: Path, space: Space) -> Database:
    """The journal of blobs that are not here; they are some journal's once it has an id."""
    identity = path.parent / _IDENTITY
    try:
        return Database(path, space, make=not identity.exists())
    except NoDatabaseError as error:
        raise FolderError(
            f"{path} is missing or empty, but the object storage has blobs of it: restore it, or "
            f"remove {identity} to start afresh with another prefix"
        ) from error


def _open_journal(path: Path, blobs: FileBlobs, space: Space) -> Database:
    # A journal has its tables before the first blob is stored, and so before any kill that leaves
    # one: blobs without a journal tell that it was lost.
    try:
        orphans = next(blobs.digests(), None) is not None
    except StorageFailedError as error:
        raise FolderError(f"cannot read the blobs of {path}: {error.__cause__}") from error
    try:
        return Database(path, space, make=not orphans)
    except NoDatabaseError as error:
        raise FolderError(
            f"the blobs in {blobs.root} belong to no journal: {path} is missing or "
            "empty; restore it, or remove the blobs to start afresh"
        ) from error
