"""Blobs as files: written aside, synced, then renamed, so that a blob is whole or not there."""

import asyncio
import hashlib
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, TypeVarTuple

import structlog

from pixelpipe.errors import StorageFailedError, StorageFullError, WrongDigestError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import Digest
from pixelpipe.storage.folder import usable
from pixelpipe.storage.puts import Put, fail_all, portions, tell_all
from pixelpipe.storage.space import FULL, is_full
from pixelpipe.storage.stored import StoredFile
from pixelpipe.storage.syncing import sync_file, sync_folder, sync_of_all
from pixelpipe.storage.threads import Outcome, Threads
from pixelpipe.storage.verified import State, Verified
from pixelpipe.storage.writing import check_digest, write_file

_THREADS = 4
_MOST_VERIFIED = 100_000
_DIGEST = re.compile("[0-9a-f]{64}")
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
_log = structlog.get_logger(__name__)


class Room(Protocol):
    """What the store has to know of the room that it writes into."""

    @property
    def full(self) -> bool:
        """Whether what room there is must be left to others."""

    def exhausted(self, needed_bytes: int = 0) -> bool:
        """Tell, from any thread, that a write of so many bytes found no room."""


class FileBlobs:
    """`jobs.ports.SweptBlobs` in a folder.

    The methods that are not coroutines block; `holds` and `remove` are for the journal's thread.

    Args:
        root: The folder; made if it is not there. What an interrupted write left in it is swept.
        room: Is told when there is none. Nothing is written while there is none.
        writer: Which of several processes writes here; each sweeps what it has left itself. None
            where there is one, which sweeps all.

    Raises:
        FolderError: The folder cannot be made or swept.
    """

    def __init__(self, root: Path, room: Room, writer: int | None = None) -> None:
        self._root = root
        self._room = room
        self._unfinished = root / "unfinished"
        self._mark = "" if writer is None else f"{writer}-"
        self._verified = Verified(_MOST_VERIFIED)
        self._settled = Verified(_MOST_VERIFIED)  # Those whose names are on the disk for good.
        self._names = threading.Lock()
        self._folders = threading.Lock()
        with usable(f"the folder {root}"):
            self._unfinished.mkdir(parents=True, exist_ok=True)
            for leftover in self._unfinished.iterdir():
                if leftover.name.startswith(self._mark):
                    leftover.unlink()
            self._synced = {each.name for each in root.iterdir()}  # right after this
            for folder in (root.parent, root):  # Whoever made folders may have died before that.
                sync_folder(folder)
        self._threads = Threads(_THREADS, "blobs")
        self._puts: list[Put] = []

    async def put(
        self, sha256: str, content: memoryview, digest: Digest = Digest.UNCHECKED
    ) -> bool:
        """Store `content`; see the port. What is there already is replaced if it is damaged."""
        put = Put(sha256, content, digest, Outcome())
        if not self._puts:
            # One errand to a thread for all that come at the same moment: it costs about as much
            # as what is done there.
            asyncio.get_running_loop().call_soon(self._start_puts)
        self._puts.append(put)
        with _storage():
            return await put.stored.wait()

    async def read_into(self, sha256: str, target: memoryview) -> None:
        """Fill `target`; see the port."""
        await self._in_thread(self._read, sha256, target)

    async def size_bytes(self, sha256: str) -> int | None:
        """How long a blob is; see the port."""
        return await self._in_thread(self._size_bytes, sha256)

    async def intact(self, blob: Blob) -> bool:
        """Whether the blob can be relied on; see the port.

        The digest is not reckoned again for a file that has not changed since it last was.
        """
        return await self._in_thread(self._check, blob)

    def stored(self, blob: Blob) -> StoredFile:
        """The file of a blob that is there; see the port."""
        return StoredFile(self.path(blob.sha256))

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def path(self, sha256: str) -> Path:
        """The file that holds the blob."""
        return self._root / sha256[:2] / sha256

    def holds(self, blob: Blob) -> bool:
        """Whether a blob of that name and size is there, without a look at its bytes.

        Raises:
            StorageFailedError: That could not be found out.
        """
        with _storage():
            try:
                # Not by a path: the journal asks within its transactions, and has to be quick.
                found = os.stat(f"{self._root}/{blob.sha256[:2]}/{blob.sha256}")  # noqa: PTH116
            except FileNotFoundError:
                return False
            return stat.S_ISREG(found.st_mode) and found.st_size == blob.size_bytes

    def remove(self, sha256: str) -> None:
        """Remove the blob, if it is there.

        Raises:
            StorageFailedError: It may still be there.
        """
        with _storage(), self._names:
            self.path(sha256).unlink(missing_ok=True)
            self._verified.forget(sha256)

    def digests(self) -> Iterator[str]:
        """The names of all blobs, in no order.

        Raises:
            StorageFailedError: The folder could not be read to its end.
        """
        with _storage(), os.scandir(self._root) as folders:
            for folder in folders:
                if len(folder.name) == len("ff") and folder.is_dir():
                    with os.scandir(folder) as files:
                        yield from (file.name for file in files if _is_blob(file, folder.name))

    def close(self) -> None:
        """End the threads."""
        self._threads.close()

    def _start_puts(self) -> None:
        puts, self._puts = self._puts, []
        for together in portions(puts):
            tell, fail = partial(tell_all, together), partial(fail_all, together)
            try:
                self._threads.start(tell, fail, partial(self._write_each, together))
            except RuntimeError as error:  # Nobody but those who wait would hear of it.
                fail(error)

    def _write_each(self, puts: Sequence[Put]) -> list[bool | Exception]:
        if len(puts) == 1:
            return [_outcome(self._written(puts[0], sync=True))]
        with sync_of_all(self._root) as sync:
            written = [self._written(put, sync=False) for put in puts]
            if not any(isinstance(each, State) for each in written):
                return [_outcome(each) for each in written]
            try:
                sync()
            except OSError as error:
                failure = self._failure(error, sum(len(put.content) for put in puts))
                return [self._undone(*each, failure) for each in zip(puts, written, strict=True)]
        for put, each in zip(puts, written, strict=True):
            if isinstance(each, State):
                self._settled.add(put.sha256, each)
        return [_outcome(each) for each in written]

    def _undone(
        self, put: Put, written: State | Exception | None, failure: Exception
    ) -> bool | Exception:
        """Remove a new file that is not sure to stay: the kernel tells of lost bytes only once."""
        if not isinstance(written, State):
            return _outcome(written)
        # Else another put has waited for it by itself, and relies on it.
        if not self._settled.has(put.sha256, written):
            try:
                self._discard(put.sha256, written)
            except OSError as error:
                _log.warning("a blob stays that may be lost", blob=put.sha256, error=str(error))
        return failure

    def _failure(self, error: OSError, needed_bytes: int) -> Exception:
        """What a write, or a wait, of so many bytes failed by; if for want of room that is told."""
        if not is_full(error):
            return error
        self._room.exhausted(needed_bytes)
        return StorageFullError(FULL)

    def _written(self, put: Put, *, sync: bool) -> State | Exception | None:
        """Store one of several, none of which is to suffer by another."""
        try:
            return self._write(put, sync=sync)
        except Exception as error:  # noqa: BLE001 - it is raised where the blob is waited for
            return error

    def _write(self, put: Put, *, sync: bool) -> State | None:
        """The state of the new file; None where it was there already."""
        final = self.path(put.sha256)
        state = self._found(Blob(put.sha256, len(put.content)))
        if state is not None:
            if put.digest is not Digest.KNOWN:
                # The file may be another's: to name its digest is not enough to be given it.
                check_digest(hashlib.sha256(put.content).hexdigest(), put.sha256)
            if not self._settled.has(put.sha256, state):
                sync_file(final)  # Whoever has just put it there may not be that far.
                self._settle(final, state)
            return None
        try:
            return self._write_anew(final, put, sync=sync)
        except OSError as error:
            if not is_full(error):
                raise
            raise self._failure(error, len(put.content)) from error

    def _write_anew(self, final: Path, put: Put, *, sync: bool) -> State:
        """Write a file; without `sync` neither it nor its name is sure to stay as yet.

        After a crash there may then be another file of that name. Its bytes are looked at before
        anybody relies on them.
        """
        aside = self._aside()
        try:
            self._require_room()
            write_file(aside, put, sync=sync)
            self._require_room()  # What came to be free meanwhile is not for us.
            self._make_folder(final.parent)
            # Under the lock nobody who found a damaged file of that name removes this one for it.
            with self._names:
                aside.rename(final)
                state = State.of(final.stat())
                if put.digest is Digest.UNCHECKED:  # and so was reckoned of what was written
                    self._verified.add(final.name, state)
        except (OSError, StorageFullError, WrongDigestError):
            aside.unlink(missing_ok=True)
            raise
        if sync:
            # If this fails the file stays: it is whole, and another put may have relied on it.
            self._settle(final, state)
        return state

    def _aside(self) -> Path:
        return self._unfinished / (self._mark + secrets.token_hex(8))

    def _settle(self, final: Path, state: State) -> None:
        sync_folder(final.parent)
        self._settled.add(final.name, state)

    def _require_room(self) -> None:
        if self._room.full:
            raise StorageFullError(FULL)

    def _make_folder(self, folder: Path) -> None:
        with self._folders:  # Who finds the folder there may rely on its having been synced.
            # Another process may have made it, and not come so far as to sync it.
            if folder.name not in self._synced or not folder.exists():
                folder.mkdir(exist_ok=True)
                sync_folder(folder.parent)
                self._synced.add(folder.name)

    def _found(self, blob: Blob) -> State | None:
        """The state of the blob's file, if it is there and sound."""
        try:
            sound, state = self._examine(blob)
        except FileNotFoundError:
            return None
        except OSError as error:
            # A sector that cannot be read any more: writing anew heals it.
            _log.warning("an unreadable blob is replaced", blob=blob.sha256, error=str(error))
            return None
        if not sound:
            _log.warning("a damaged blob is replaced", blob=blob.sha256)
        return state if sound else None

    def _size_bytes(self, sha256: str) -> int | None:
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def _check(self, blob: Blob) -> bool:
        while True:
            try:
                sound, state = self._examine(blob)
            except FileNotFoundError:
                return False
            if sound:
                return True
            if self._discard(blob.sha256, state):
                return False
            # A put has replaced it meanwhile.

    def _examine(self, blob: Blob) -> tuple[bool, State]:
        """Whether the file is that blob, and its state before that was found out."""
        with self.path(blob.sha256).open("rb", buffering=0) as file:
            state = State.of(os.fstat(file.fileno()))
            if state.size_bytes != blob.size_bytes:
                return False, state
            if not self._verified.has(blob.sha256, state):
                if hashlib.file_digest(file, "sha256").hexdigest() != blob.sha256:
                    return False, state
                self._verified.add(blob.sha256, state)
        return True, state

    def _discard(self, sha256: str, damaged: State) -> bool:
        """Remove the file unless it is not the damaged one any more; whether it is gone."""
        path, aside = self.path(sha256), self._aside()
        with self._names:
            try:
                if State.of(path.stat()) != damaged:
                    return False
                path.rename(aside)
            except FileNotFoundError:
                return True
            # Another process, which our lock does not stop, may have replaced it just then.
            if not State.of(aside.stat()).same_content(damaged):
                aside.rename(path)
                return False
            aside.unlink()
            self._verified.forget(sha256)
        _log.warning("a damaged blob is removed", blob=sha256)
        return True

    def _read(self, sha256: str, target: memoryview) -> None:
        with self.path(sha256).open("rb", buffering=0) as file:
            state = State.of(os.fstat(file.fileno()))
            filled = 0
            while filled < len(target) and (count := file.readinto(target[filled:])):
                filled += count
            if filled != len(target) or file.read(1):
                raise OSError(f"blob {sha256} is not {len(target)} bytes long")
        if hashlib.sha256(target).hexdigest() != sha256:
            # The disk may change bytes without the file's having changed.
            self._verified.forget(sha256)
            raise OSError(f"blob {sha256} is damaged")
        self._verified.add(sha256, state)

    async def _in_thread(
        self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        with _storage():
            return await self._threads.run(function, *arguments)


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailedError("The server could not read or write its storage.") from error


def _is_blob(file: os.DirEntry[str], folder: str) -> bool:
    return (
        _DIGEST.fullmatch(file.name) is not None
        and file.name.startswith(folder)
        and file.is_file(follow_symlinks=False)
    )


def _outcome(written: State | Exception | None) -> bool | Exception:
    """Whether there is a new file, or what went wrong."""
    return written if isinstance(written, Exception) else written is not None
