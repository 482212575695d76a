"""What server processes have left in a folder that will not be started again."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pixelpipe.storage.folder import FolderError, hold, usable
from pixelpipe.storage.shared import OWNER

_RESERVE = "-reserve"


@contextmanager
def held_clear(folder: Path, processes: int = 1) -> Iterator[None]:
    """Hold the folder for so many processes, rid of what others have left there.

    That is what they did not finish writing, the room that they held back, and their sockets. Each
    process sees to its own when it is started again; this is for those that are no more.

    Args:
        folder: With blobs, a journal, or both; made if it is not there.
        processes: How many are to work in it.

    Raises:
        FolderInUseError: Somebody else holds it.
        FolderError: It cannot be used, or is that of several nodes, who do not hold it.
    """
    with hold(folder):
        _keep_off_shared(folder)
        _clear(folder, processes)
        yield


def _keep_off_shared(folder: Path) -> None:
    with usable(f"the folder {folder}"):
        shared = (folder / OWNER).exists()
    if shared:
        raise FolderError(
            f"the blobs in {folder} belong to a journal in Redis, as {folder / OWNER} says: use "
            "another folder, for a server with a journal of its own would remove them"
        )


def _clear(folder: Path, processes: int) -> None:
    several = processes > 1
    with usable(f"the folder {folder}"):
        for unfinished in _within(folder / "blobs" / "unfinished"):
            unfinished.unlink()
        if several:
            (folder / "reserve").unlink(missing_ok=True)
        for found in _within(folder / "processes"):
            number = found.name.removesuffix(_RESERVE)
            if not number.isdecimal() or (several and int(number) <= processes):
                continue
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink()


def _within(folder: Path) -> Iterable[Path]:
    return list(folder.iterdir()) if folder.is_dir() else ()
