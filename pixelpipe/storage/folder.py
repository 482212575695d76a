"""The data folder: one server at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderInUseError(Exception):
    """Another server works in the folder."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder`, made if it is not there; the kernel lets go of it however we end.

    Raises:
        FolderInUseError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(f"another server works in {folder}") from error
        yield
