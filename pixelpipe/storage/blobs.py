"""Blobs as files: written aside, synced, then renamed, so that a blob is whole or not there."""

import asyncio
import hashlib
import os
import re
import secrets
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, TypeVarTuple

import structlog

from pixelpipe.errors import StorageFailedError, StorageFullError, WrongDigestError
from pixelpipe.jobs.model import Blob
from pixelpipe.storage.folder import usable
from pixelpipe.storage.space import FULL, is_full

_THREADS = 4
_MOST_VERIFIED = 100_000
_PIECE_BYTES = 1024 * 1024
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
    """`jobs.ports.BlobStore` in a folder.

    The methods that are not coroutines block; `holds` and `remove` are for the journal's thread.

    Args:
        root: The folder; made if it is not there. What an interrupted write left in it is swept.
        room: Is told when there is none. Nothing is written while there is none.

    Raises:
        FolderError: The folder cannot be made or swept.
    """

    def __init__(self, root: Path, room: Room) -> None:
        self._root = root
        self._room = room
        self._unfinished = root / "unfinished"
        self._verified = _Verified(_MOST_VERIFIED)
        self._names = threading.Lock()
        self._folders = threading.Lock()
        with usable(f"the folder {root}"):
            self._unfinished.mkdir(parents=True, exist_ok=True)
            for leftover in self._unfinished.iterdir():
                leftover.unlink()
            for folder in (root.parent, root):  # Whoever made folders may have died before that.
                _sync_folder(folder)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="blobs")

    async def put(self, sha256: str, content: memoryview) -> None:
        """Store `content`; see the port. What is there already is replaced if it is damaged."""
        await self._in_thread(self._write, sha256, content)

    async def read_into(self, sha256: str, target: memoryview) -> None:
        """Fill `target`; see the port."""
        await self._in_thread(self._read, sha256, target)

    async def intact(self, blob: Blob) -> bool:
        """Whether the blob can be relied on; see the port.

        The digest is not reckoned again for a file that has not changed since it last was.
        """
        return await self._in_thread(self._check, blob)

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
        self._threads.shutdown()

    def _write(self, sha256: str, content: memoryview) -> None:
        final = self.path(sha256)
        if self._there(Blob(sha256, len(content))):
            _check_digest(hashlib.sha256(content).hexdigest(), sha256)
            _sync_folder(final.parent)  # Whoever has just put it there may not be that far.
            return
        try:
            self._write_anew(final, content)
        except OSError as error:
            if not is_full(error):
                raise
            self._room.exhausted(len(content))
            raise StorageFullError(FULL) from error

    def _write_anew(self, final: Path, content: memoryview) -> None:
        aside = self._unfinished / secrets.token_hex(8)
        try:
            self._require_room()
            # Of what was written: a worker may change what it handed over while that is read.
            _check_digest(_write_synced(aside, content), final.name)
            self._require_room()  # What came to be free meanwhile is not for us.
            self._make_folder(final.parent)
            # Under the lock nobody who found a damaged file of that name removes this one for it.
            with self._names:
                aside.rename(final)
                self._verified.add(final.name, _State.of(final.stat()))
        except (OSError, StorageFullError, WrongDigestError):
            aside.unlink(missing_ok=True)
            raise
        # If this fails the file stays: it is whole, and another put may have relied on it by now.
        _sync_folder(final.parent)

    def _require_room(self) -> None:
        if self._room.full:
            raise StorageFullError(FULL)

    def _make_folder(self, folder: Path) -> None:
        with self._folders:  # Who finds the folder there may rely on its having been synced.
            if not folder.exists():
                folder.mkdir()
                _sync_folder(folder.parent)

    def _there(self, blob: Blob) -> bool:
        try:
            sound, _ = self._examine(blob)
        except FileNotFoundError:
            return False
        except OSError as error:
            # A sector that cannot be read any more: writing anew heals it.
            _log.warning("an unreadable blob is replaced", blob=blob.sha256, error=str(error))
            return False
        if not sound:
            _log.warning("a damaged blob is replaced", blob=blob.sha256)
        return sound

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

    def _examine(self, blob: Blob) -> tuple[bool, "_State"]:
        """Whether the file is that blob, and its state before that was found out."""
        with self.path(blob.sha256).open("rb", buffering=0) as file:
            state = _State.of(os.fstat(file.fileno()))
            if state.size_bytes != blob.size_bytes:
                return False, state
            if not self._verified.has(blob.sha256, state):
                if hashlib.file_digest(file, "sha256").hexdigest() != blob.sha256:
                    return False, state
                self._verified.add(blob.sha256, state)
        return True, state

    def _discard(self, sha256: str, damaged: "_State") -> bool:
        """Remove the file unless it is not the damaged one any more; whether it is gone."""
        path = self.path(sha256)
        with self._names:
            try:
                if _State.of(path.stat()) != damaged:
                    return False
            except FileNotFoundError:
                return True
            path.unlink()
            self._verified.forget(sha256)
        _log.warning("a damaged blob is removed", blob=sha256)
        return True

    def _read(self, sha256: str, target: memoryview) -> None:
        with self.path(sha256).open("rb", buffering=0) as file:
            state = _State.of(os.fstat(file.fileno()))
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
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, function, *arguments)
        with _storage():
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                # The thread reads or fills memory that whoever cancelled is about to release;
                # being cancelled again changes nothing about that.
                while not running.done():
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait({running})
                raise


class _State(NamedTuple):
    """What tells a file that was changed or replaced from the one that it was."""

    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> "_State":
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class _Verified:
    """The states of files in which their digests were found right; safe among threads.

    Args:
        most: How many; those that were asked for least recently are forgotten first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._states: OrderedDict[str, _State] = OrderedDict()

    def has(self, sha256: str, state: _State) -> bool:
        with self._lock:
            if self._states.get(sha256) != state:
                return False
            self._states.move_to_end(sha256)
            return True

    def add(self, sha256: str, state: _State) -> None:
        with self._lock:
            self._states[sha256] = state
            self._states.move_to_end(sha256)
            if len(self._states) > self._most:
                self._states.popitem(last=False)

    def forget(self, sha256: str) -> None:
        with self._lock:
            self._states.pop(sha256, None)


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


def _check_digest(found: str, sha256: str) -> None:
    if found != sha256:
        raise WrongDigestError(f"bytes that are not those of {sha256}")


def _write_synced(path: Path, content: memoryview) -> str:
    """Write a new file; gives the digest of what is in it."""
    digest = hashlib.sha256()
    with path.open("xb", buffering=0) as file:
        for start in range(0, len(content), _PIECE_BYTES):
            piece = bytes(content[start : start + _PIECE_BYTES])
            digest.update(piece)
            written = 0
            while written < len(piece):
                written += file.write(piece[written:])
        os.fdatasync(file.fileno())
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
