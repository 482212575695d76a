"""A small file system of one's own, to run out of room in."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pixelpipe.storage.space import is_full

_PIECE = bytes(2**20)


@contextmanager
def small_filesystem(folder: Path, size_bytes: int, files: int = 10_000) -> Iterator[Path]:
    """Mount a file system in memory at `folder`, which is made; the test is skipped if we may not.

    Args:
        folder: Where.
        size_bytes: Its room, rounded up to whole pages.
        files: How many files and folders fit.
    """
    folder.mkdir(parents=True)
    options = f"size={size_bytes},nr_inodes={files},mode=700"
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    mounted = _run("mount", "-t", "tmpfs", "-o", options, "pixelpipe-test", str(folder))
    if mounted.returncode:
        pytest.skip(f"this system does not let us mount: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        unmounted = _run("umount", str(folder))
        if unmounted.returncode:
            _run("umount", "--lazy", str(folder))
    assert unmounted.returncode == 0, unmounted.stderr


def fill(folder: Path) -> Path:
    """Take all the room that is left in `folder`'s file system; give the file that holds it."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(_PIECE)
        except OSError as error:
            if not is_full(error):
                raise
    return filler


def free_bytes(folder: Path) -> int:
    """The room that is left in `folder`'s file system."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
