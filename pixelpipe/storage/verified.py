"""Which files were found right already, so that their digests are not reckoned over and over."""

import os
import threading
from collections import OrderedDict
from typing import NamedTuple


class State(NamedTuple):
    """What tells a file that was changed or replaced from the one that it was."""

    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> "State":
        """The state that stat(2) found."""
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def same_content(self, other: "State") -> bool:
        """Whether only the file's name may have changed."""
        return self[:3] == other[:3]


class Verified:
    """The states of files in which their digests were found right; safe among threads.

    Args:
        most: How many; those that were asked for least recently are forgotten first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._states: OrderedDict[str, State] = OrderedDict()

    def has(self, sha256: str, state: State) -> bool:
        """Whether the file was found right as it is."""
        with self._lock:
            if self._states.get(sha256) != state:
                return False
            self._states.move_to_end(sha256)
            return True

    def add(self, sha256: str, state: State) -> None:
        """The file was found right in this state."""
        with self._lock:
            self._states[sha256] = state
            self._states.move_to_end(sha256)
            if len(self._states) > self._most:
                self._states.popitem(last=False)

    def forget(self, sha256: str) -> None:
        """Nothing is known of the file any more."""
        with self._lock:
            self._states.pop(sha256, None)
