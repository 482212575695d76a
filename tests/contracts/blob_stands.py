"""The kinds of blob stores that the contract is tried on, and how each is damaged from behind."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import MemoryStore, S3Store

from pixelpipe.jobs.ports import SweptBlobs
from pixelpipe.scaleout.objects import ObjectBlobs
from pixelpipe.scaleout.objects_place import Place
from pixelpipe.scaleout.objects_removal import key_of
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.space import Space

OWNER = "the tests' journal"


class Stand(Protocol):
    """Somewhere blobs are kept, which processes come to and look at afresh."""

    async def open(self) -> SweptBlobs:
        """The store as a process has it that has just begun."""

    async def read(self, sha256: str) -> bytes | None:
        """What is there, past the store."""

    async def write(self, sha256: str, content: bytes) -> None:
        """Put something else there, past the store."""

    async def remove(self, sha256: str) -> None:
        """Remove it, past the store."""

    async def count(self) -> int:
        """How many blobs there are."""


class Files:
    """A folder."""

    def __init__(self, folder: Path, closing: AsyncExitStack) -> None:
        self._folder = folder
        self._closing = closing
        self._space = Space(folder / "space", 4096)

    async def open(self) -> SweptBlobs:
        blobs = await asyncio.to_thread(FileBlobs, self._folder / "blobs", self._space)
        self._closing.push_async_callback(asyncio.to_thread, blobs.close)
        return blobs

    async def read(self, sha256: str) -> bytes | None:
        path = self._path(sha256)
        return await asyncio.to_thread(lambda: path.read_bytes() if path.exists() else None)

    async def write(self, sha256: str, content: bytes) -> None:
        await asyncio.to_thread(self._write, self._path(sha256), content)

    async def remove(self, sha256: str) -> None:
        await asyncio.to_thread(self._path(sha256).unlink)

    async def count(self) -> int:
        return len([path for path in (self._folder / "blobs").rglob("*") if path.is_file()])

    def _path(self, sha256: str) -> Path:
        return self._folder / "blobs" / sha256[:2] / sha256

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        before = path.stat()
        path.write_bytes(content)
        # A clock that ticks every few milliseconds might tell of no change.
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))


class Objects:
    """A bucket, or what stands for one."""

    def __init__(self, store: MemoryStore | S3Store, closing: AsyncExitStack) -> None:
        self.place = Place("the tests' store", store, store)
        self._closing = closing

    async def open(self) -> ObjectBlobs:
        # Each process has a place of its own, and its own troubles with it.
        store = self.place.store
        blobs = ObjectBlobs(Place(self.place.shown, store, store), OWNER)
        await blobs.start()
        self._closing.push_async_callback(blobs.close)
        return blobs

    async def read(self, sha256: str) -> bytes | None:
        try:
            found = await self.place.store.get_async(key_of(sha256))
        except FileNotFoundError:
            return None
        return bytes(await found.bytes_async())

    async def write(self, sha256: str, content: bytes) -> None:
        await self.place.store.put_async(key_of(sha256), content)

    async def remove(self, sha256: str) -> None:
        await self.place.store.delete_async(key_of(sha256))

    async def count(self) -> int:
        listed: Sequence[obstore.ObjectMeta] = await self.place.store.list("blobs").collect_async()
        return len(listed)


@asynccontextmanager
async def files(folder: Path) -> AsyncIterator[Files]:
    """A folder of blobs; what was opened over it is closed."""
    async with AsyncExitStack() as closing:
        yield await asyncio.to_thread(Files, folder, closing)


@asynccontextmanager
async def objects(store: MemoryStore | S3Store) -> AsyncIterator[Objects]:
    """A store of objects; what was opened over it is closed."""
    async with AsyncExitStack() as closing:
        yield Objects(store, closing)
