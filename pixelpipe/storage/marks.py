"""What each of several processes has in use, as locks that the kernel keeps and takes back."""

import fcntl
import hashlib
import os
import struct
from contextlib import suppress
from pathlib import Path

import structlog

from pixelpipe.storage.folder import usable

# struct flock of Linux on 64 bits: type, whence, start, length, process
_FLOCK = struct.Struct("@hhqqi4x")

_log = structlog.get_logger(__name__)


class FileMarks:
    """`jobs.stores.Marks` for the processes of one machine: each name is a byte of a file.

    Who marks a name has a shared lock on its byte, which its end, however it comes, gives back. The
    locks are those of open files (fcntl_locking(2)), not of processes: nothing else that is opened
    and closed here lets go of them.

    Args:
        path: The file, which stays empty; made if it is not there.

    Raises:
        FolderError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        with usable(f"the file {path}"):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self._complained = False

    def mark(self, name: str) -> None:
        """Have the others see that it is in use; see the port."""
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _flock(fcntl.F_RDLCK, name))
        except OSError as error:  # Some file systems have no such locks.
            if not self._complained:
                _log.warning("others cannot see what is in use here", error=str(error))
            self._complained = True

    def unmark(self, name: str) -> None:
        """It is in use no more; see the port."""
        # It could not be marked either, as was said; or all were let go of.
        with suppress(OSError, ValueError):
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, name))

    def elsewhere(self, name: str) -> bool:
        """Whether another process has marked it; see the port."""
        try:
            found = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, name))
        except OSError:
            return False
        kind, *_ = _FLOCK.unpack(found)
        return bool(kind != fcntl.F_UNLCK)

    def close(self) -> None:
        """Let go of all of them."""
        self._file.close()


def _flock(kind: int, name: str) -> bytes:
    # That two names have one byte would keep something a little longer, and does not happen.
    byte = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 2
    return _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0)
