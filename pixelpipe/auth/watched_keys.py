"""The keys in force: those in the file, which may change while the server runs."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import structlog

from pixelpipe.auth.keys import KeyRing, KeysError
from pixelpipe.auth.keys_file import read_keys

_log = structlog.get_logger(__name__)

_Stamp = tuple[int, int, int] | None


class WatchedKeys:
    """The keys in a file.

    Args:
        path: The file; without it there are no keys.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ring = KeyRing(())
        self._stamp: _Stamp = None

    @property
    def usable(self) -> bool:
        """Whether anybody could show a key that is good."""
        return self.ring.usable(datetime.now(UTC))

    async def load(self) -> None:
        """Read the file.

        Raises:
            KeysError: It cannot be read, or is damaged.
        """
        self._stamp, self.ring = await asyncio.to_thread(self._read)

    async def refresh(self) -> bool:
        """Read the file if it has changed; whether other keys are in force now.

        While it is damaged the keys that it had before stay in force.
        """
        stamp = await asyncio.to_thread(_stamp, self.path)
        if stamp == self._stamp:
            return False
        try:
            await self.load()
        except KeysError as error:
            self._stamp = stamp  # Told once, not every second.
            _log.error("the keys stay as they were", error=str(error))
            return False
        _log.info("the keys have changed")
        return True

    def _read(self) -> tuple[_Stamp, KeyRing]:
        # The stamp comes first: of a change in between the next look is told.
        stamp = _stamp(self.path)
        return stamp, KeyRing(read_keys(self.path))


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
