"""Blobs in a folder that several nodes write to."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from pixelpipe.errors import StorageFailedError
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.folder import FolderError, hold, usable
from pixelpipe.storage.identity import journal_id
from pixelpipe.storage.space import Space

OWNER = "owner"
"""The file with the id of the journal whose blobs are in the folder."""

_FOLDERS = 256
_GRACE_S = 600.0
_WRITTEN_WITHIN_S = 3600.0
_PAUSE_S = 0.1
_DIGEST = re.compile("[0-9a-f]{64}")
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class SharedFiles(FileBlobs):
    """`jobs.ports.SharedBlobs` in a folder; see `FileBlobs`."""

    async def old(self) -> AsyncGenerator[Collection[str], None]:
        """Digests of what has been there for a while, a folder at a time; see the port.

        What nodes have left that ended while they wrote is removed.
        """
        now_s = await _in_thread(self._now_s)
        await _in_thread(self._remove_unfinished, now_s - _WRITTEN_WITHIN_S)
        begin = secrets.randbelow(_FOLDERS)
        for number in range(begin, begin + _FOLDERS):
            folder = self.root / f"{number % _FOLDERS:02x}"
            yield await _in_thread(_older, folder, now_s - _GRACE_S)
            await asyncio.sleep(_PAUSE_S)

    def _now_s(self) -> float:
        """What time it is where the folder lies: machines do not agree on that."""
        aside = self._unfinished / f"{self._mark}now"
        aside.touch()
        try:
            return aside.stat().st_mtime
        finally:
            aside.unlink()

    def _remove_unfinished(self, before_s: float) -> None:
        for leftover in self._unfinished.iterdir():
            with suppress(FileNotFoundError):
                if leftover.stat().st_mtime < before_s:
                    leftover.unlink()


@asynccontextmanager
async def open_shared_folder(folder: Path, owner: str) -> AsyncIterator[SharedFiles]:
    """The blobs in a folder that several nodes write to, such as one of all processes of a machine.

    Args:
        folder: Made if it is not there.
        owner: The id of the journal whose blobs they are.

    Raises:
        FolderInUseError: A server by itself works in it.
        FolderError: It cannot be used, or the blobs there are another journal's, or of none.
    """
    async with AsyncExitStack() as closing:
        held = closing.enter_context(ExitStack())
        # A server by itself, which holds it alone, would remove what the journal does not know of.
        await asyncio.to_thread(held.enter_context, hold(folder, alone=False))
        await asyncio.to_thread(_claim, folder, owner)
        space = await asyncio.to_thread(Space, folder, 0)
        await space.start()
        closing.push_async_callback(space.close)
        writer = secrets.randbits(48)
        blobs = await asyncio.to_thread(SharedFiles, folder / "blobs", space, writer)
        closing.push_async_callback(asyncio.to_thread, blobs.close)
        yield blobs


def _claim(folder: Path, owner: str) -> None:
    """See that the blobs are the journal's: another one would remove all that it does not know."""
    path = folder / OWNER
    with usable(f"the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        owned = path.exists() or not any(folder.glob("blobs/??/*")) or path.exists()
        found = journal_id(path, owner) if owned else "none"
    if found != owner:
        raise FolderError(
            f"the blobs in {folder} belong to another journal ({found}): use another folder; or, "
            "to have this journal take them over, and remove those that it does not know, write "
            f"{owner} to the file {path}"
        )


def _older(folder: Path, before_s: float) -> Collection[str]:
    with suppress(FileNotFoundError), os.scandir(folder) as files:
        return [file.name for file in files if _is_older(file, folder.name, before_s)]
    return []


def _is_older(file: os.DirEntry[str], folder: str, before_s: float) -> bool:
    if not (_DIGEST.fullmatch(file.name) and file.name.startswith(folder)):
        return False
    try:
        return file.is_file(follow_symlinks=False) and file.stat().st_mtime < before_s
    except FileNotFoundError:
        return False


async def _in_thread(
    function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
) -> _Result:
    """Not in one of those that store: nobody waits for this."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except OSError as error:
        raise StorageFailedError("The server could not read or write its storage.") from error
