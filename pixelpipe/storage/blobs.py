"""Blobs as files: written aside, synced, then renamed, so that a blob is whole or not there."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from pixelpipe.errors import StorageFailedError, WrongDigestError
from pixelpipe.storage.folder import usable

_THREADS = 4
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class FileBlobs:
    """`jobs.ports.BlobStore` in a folder.

    Args:
        root: The folder; made if it is not there. What an interrupted write left in it is swept.

    Raises:
        FolderError: The folder cannot be made or swept.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / "unfinished"
        with usable(f"the folder {root}"):
            self._unfinished.mkdir(parents=True, exist_ok=True)
            for leftover in self._unfinished.iterdir():
                leftover.unlink()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="blobs")

    async def put(self, sha256: str, content: memoryview) -> None:
        """Store `content`; see the port."""
        await self._in_thread(self._write, sha256, content)

    async def read_into(self, sha256: str, target: memoryview) -> None:
        """Fill `target`; see the port."""
        await self._in_thread(self._read, sha256, target)

    def path(self, sha256: str) -> Path:
        """The file that holds the blob."""
        return self._root / sha256[:2] / sha256

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _write(self, sha256: str, content: memoryview) -> None:
        if hashlib.sha256(content).hexdigest() != sha256:
            raise WrongDigestError(f"bytes that are not those of {sha256}")
        final = self.path(sha256)
        if final.exists():
            _sync_folder(final.parent)  # Whoever has just put it there may not be that far.
            return
        aside = self._unfinished / secrets.token_hex(8)
        try:
            _write_synced(aside, content)
            _make_folder(final.parent)
            aside.rename(final)
            _sync_folder(final.parent)
        except OSError:
            aside.unlink(missing_ok=True)
            raise

    def _read(self, sha256: str, target: memoryview) -> None:
        with self.path(sha256).open("rb", buffering=0) as file:
            filled = 0
            while filled < len(target) and (count := file.readinto(target[filled:])):
                filled += count
            if filled != len(target) or file.read(1):
                raise OSError(f"blob {sha256} is not {len(target)} bytes long")

    async def _in_thread(
        self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, function, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The thread reads or fills memory that whoever cancelled is about to release.
            await asyncio.gather(running, return_exceptions=True)
            raise
        except OSError as error:
            raise StorageFailedError("The server could not read or write its storage.") from error


def _write_synced(path: Path, content: memoryview) -> None:
    with path.open("xb", buffering=0) as file:
        written = 0
        while written < len(content):
            written += file.write(content[written:])
        os.fdatasync(file.fileno())


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
