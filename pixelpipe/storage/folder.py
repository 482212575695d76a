"""The data folder: one server at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderError(Exception):
    """A folder cannot be used; the message says which and why."""


class FolderInUseError(FolderError):
    """Another server works in the folder."""


@contextmanager
def hold(folder: Path, *, alone: bool = True) -> Iterator[None]:
    """Hold `folder`, made if it is not there; the kernel lets go of it however we end.

    Args:
        folder: Which.
        alone: Whether nobody else may; without, others may who hold it without as well.

    Raises:
        FolderInUseError: Another process holds it.
        FolderError: It cannot be made, written to, or locked.
    """
    with usable(f"the data folder {folder}"):
        # The journal has the addresses of webhooks, secrets in their queries and all.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    with lock:
        with usable(f"the data folder {folder}"):
            try:
                fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FolderInUseError(f"another server works in {folder}") from error
        yield


@contextmanager
def usable(what: str) -> Iterator[None]:
    """Around the preparation of a folder.

    Args:
        what: The folder, as the message names it.

    Raises:
        FolderError: The system did not allow it.
    """
    try:
        yield
    except FileExistsError as error:
        raise FolderError(f"cannot use {what}: a file of that name is in the way") from error
    except OSError as error:
        raise FolderError(f"cannot use {what}: {error.strerror}") from error
