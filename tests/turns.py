"""Turns at the machine, where several processes run the tests and a test wants it for itself."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A room for many or for one, and a door at which who wants to be alone keeps all others. Files
# that all processes have are the locks.
_ROOM = os.open(Path(__file__).with_name("turns.py"), os.O_RDONLY)
_DOOR = os.open(Path(__file__).with_name("conftest.py"), os.O_RDONLY)


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Be in the room; waits while another is there alone, or until all others have left."""
    fcntl.flock(_DOOR, fcntl.LOCK_EX)
    try:
        fcntl.flock(_ROOM, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    finally:
        fcntl.flock(_DOOR, fcntl.LOCK_UN)
    try:
        yield
    finally:
        fcntl.flock(_ROOM, fcntl.LOCK_UN)
