"""The processes of a server and what they hold, from /proc (proc(5)).

They are known by a variable of their environment, which a process keeps when its parent has died.
"""

import asyncio
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

_VARIABLE = "CHAOS_RUN"
_SEGMENT = re.compile(r"/dev/shm/\S+")  # noqa: S108 - it is what is looked for
_MEMORY = re.compile(r"^Pss_(?:Anon|File): +(\d+) kB$", re.MULTILINE)
_BLOCK_BYTES = 512
_POLL_S = 0.01
_PROC = Path("/proc")


def mark_children() -> bytes:
    """Mark all processes that are started from here on; gives the mark for `marked`."""
    mark = secrets.token_hex(8)
    os.environ[_VARIABLE] = mark
    return f"{_VARIABLE}={mark}\0".encode()


def marked(mark: bytes) -> set[int]:
    """The processes with this mark; those that have ended but were not waited for are not there."""
    pids = (int(folder.name) for folder in _PROC.glob("[0-9]*"))
    return {pid for pid in pids if mark in _read(pid, "environ")}


def server_of(pids: Iterable[int]) -> int | None:
    """The one among them that this process has started, if it is there yet."""
    return next((pid for pid in pids if _parent(pid) == os.getpid()), None)


def workers_of(server: int, pids: Iterable[int]) -> list[int]:
    """The workers of this server among them: the children of its children."""
    parents = {pid: _parent(pid) for pid in pids}
    return sorted(pid for pid, parent in parents.items() if parents.get(parent) == server)


def segments(pids: Iterable[int]) -> set[Path]:
    """The files of shared memory that these processes have mapped."""
    maps = (_read(pid, "maps").decode() for pid in pids)
    return {Path(path) for text in maps for path in _SEGMENT.findall(text)}


def existing(paths: Iterable[Path]) -> set[Path]:
    """Those of the files that are there."""
    return {path for path in paths if path.exists()}


def open_descriptors(pid: int) -> int:
    """How many descriptors the process has open."""
    return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())


def memory_bytes(pids: Collection[int]) -> int:
    """The memory of the processes, what they share counted once, and of their shared segments."""
    texts = (_read(pid, "smaps_rollup").decode() for pid in pids)
    own_kib = sum(int(number) for text in texts for number in _MEMORY.findall(text))
    return own_kib * 1024 + sum(_segment_bytes(pids).values())


def _segment_bytes(pids: Iterable[int]) -> dict[int, int]:
    """By inode, how much memory the segments have that these processes hold open, named or not."""
    found = {}
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for held in (_PROC / str(pid) / "fd").iterdir():
                with suppress(FileNotFoundError):
                    if _SEGMENT.match(str(held.readlink())):
                        state = held.stat()
                        found[state.st_ino] = state.st_blocks * _BLOCK_BYTES
    return found


async def until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Wait until the condition holds; whether it did within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def _parent(pid: int) -> int:
    """The process's parent; 0 when there is no such process."""
    stat = _read(pid, "stat").rpartition(b")")[2].split()
    return int(stat[1]) if stat else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""  # it has ended, or is somebody else's
