"""Room for what is stored, and a reserve for the journal to go on with when there is none."""

import asyncio
import errno
import os
import threading
import time
from pathlib import Path

import structlog

from pixelpipe.storage.folder import usable

FULL = "The server's storage is full; what it has accepted waits until there is room."
_LEAST_MARGIN_BYTES = 2**20
_LEAST_FREE_FILES = 64
_NEED_S = 60.0
_STAT_BLOCK_BYTES = 512  # The unit of st_blocks, whatever the file system.
_log = structlog.get_logger(__name__)


def is_full(error: OSError) -> bool:
    """Whether the error says that there is no room, on the disk or in the quota."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


class Space:
    """`jobs.ports.Space` for the file system of one folder.

    A file holds a reserve of room. It is given up when the storage runs out, so that the little
    that still has to be written finds room; it is made again before the storage counts as roomy.
    What did not fit has to fit then too, or else it would be tried, and run out, over and over.

    Args:
        folder: Where the reserve lies; made if it is not there. No other `Space` may use it.
        reserve_bytes: Size of the reserve; 0 for none.
        poll_s: How often to look for room while there is none.

    Raises:
        FolderError: The folder cannot be used. A full one can: `full` tells.
    """

    def __init__(self, folder: Path, reserve_bytes: int, *, poll_s: float = 0.5) -> None:
        self._folder = folder
        self._reserve = folder / "reserve"
        self._aside = folder / "reserve.unfinished"
        self._reserve_bytes = reserve_bytes
        self._margin_bytes = max(_LEAST_MARGIN_BYTES, reserve_bytes // 4)
        self._poll_s = poll_s
        self._complaint: str | None = None
        self._needed_bytes = 0
        self._needed_until_s = 0.0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._ran_out = asyncio.Event()
        self._resumed = asyncio.Event()
        with usable(f"the folder {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            self._aside.unlink(missing_ok=True)
            self._full = not (self._kept() or self._make())
        if self._full:
            self._log_full()

    @property
    def full(self) -> bool:
        """Whether the storage ran out of room and has none yet."""
        return self._full

    def exhausted(self, needed_bytes: int = 0) -> bool:
        """Tell that a write found no room; from any thread, at any time.

        Args:
            needed_bytes: How much it would have taken. For a while so much has to be free before
                the storage counts as roomy: whoever still waits with it after that tells again,
                and whoever has given it up does not keep out what is smaller.

        Returns:
            Whether this very call gave up the reserve, so that a small write may be tried again.
        """
        with self._lock:
            self._note_need(needed_bytes)
            if self._full:
                return False
            self._full = True
            released = self._release()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._ran_out.set)
        self._log_full()
        return released

    async def room(self) -> None:
        """Return once the storage is not full; never after `close` if it is full then."""
        while self._full:
            self._resumed.clear()
            await self._resumed.wait()

    async def start(self) -> None:
        """Look for room from now on, whenever there is none."""
        # Whoever finds the storage exhausted sets `_full` before looking for the loop: one of us
        # sees the other.
        self._loop = asyncio.get_running_loop()
        if self._full:
            self._ran_out.set()
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop looking. The reserve stays for the next start."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await asyncio.to_thread(self._detach)

    def _detach(self) -> None:
        with self._lock:  # A thread of the cancelled watcher may still be making the reserve.
            self._loop = None

    async def _watch(self) -> None:
        while True:
            await self._ran_out.wait()
            self._ran_out.clear()
            # Not at once: what was given up would be taken again by what has just failed.
            await asyncio.sleep(self._poll_s)
            while not await asyncio.to_thread(self._resume):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(self._poll_s)
            self._resumed.set()

    def _resume(self) -> bool:
        with self._lock:
            if self._loop is None:
                return False
            if not self._full:
                return True
            try:
                self._full = not self._make()
            except OSError as error:
                self._complain(error)
            if self._full:
                return False
            self._complaint = None
            self._needed_bytes = 0
        # At the level of the alarm, so that whoever reads that reads this.
        _log.warning("the storage has room again", folder=str(self._folder))
        return True

    def _kept(self) -> bool:
        """Whether the reserve of an earlier start is there; one of another size is removed."""
        try:
            found = self._reserve.stat()
        except FileNotFoundError:
            return False
        if found.st_size == self._reserve_bytes <= found.st_blocks * _STAT_BLOCK_BYTES:
            return True
        self._reserve.unlink()
        return False

    def _make(self) -> bool:
        """Make the reserve, whole or not at all; only if some room is left beside it."""
        if not self._roomy():
            return False
        if not self._reserve_bytes:
            return True
        try:
            with self._aside.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._reserve_bytes)
            self._aside.rename(self._reserve)
        except OSError as error:
            self._aside.unlink(missing_ok=True)
            if is_full(error):
                return False
            raise
        return True

    def _roomy(self) -> bool:
        found = os.statvfs(self._folder)
        # A file system that makes inodes as it goes counts none at all.
        files = found.f_files == 0 or found.f_favail >= _LEAST_FREE_FILES
        free_bytes = found.f_bavail * found.f_frsize
        own_bytes = self._reserve_bytes + self._margin_bytes
        needed_bytes = self._needed_bytes if time.monotonic() < self._needed_until_s else 0
        if own_bytes + needed_bytes > found.f_blocks * found.f_frsize:
            needed_bytes = 0  # It never fits: nothing is gained by keeping others waiting.
        return files and free_bytes >= own_bytes + needed_bytes

    def _note_need(self, needed_bytes: int) -> None:
        now_s = time.monotonic()
        over = now_s >= self._needed_until_s
        if needed_bytes and (over or needed_bytes >= self._needed_bytes):
            self._needed_bytes, self._needed_until_s = needed_bytes, now_s + _NEED_S

    def _release(self) -> bool:
        try:
            self._reserve.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            self._complain(error)
            return False
        return True

    def _complain(self, error: OSError) -> None:
        """Log the error, once for as long as it stays the same."""
        if str(error) != self._complaint:
            self._complaint = str(error)
            _log.error("the reserve of the storage is out of order", error=str(error))

    def _log_full(self) -> None:
        _log.warning("the storage is full", folder=str(self._folder))
