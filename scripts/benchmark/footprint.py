"""The memory of a server: what its processes have, and what its arena has pages for."""

import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from process_tree import tree_pids

_KIB = 1024
_BLOCK_BYTES = 512  # of st_blocks
_EVERY_S = 0.02
_SHARED_MEMORY = "/dev/shm/"  # noqa: S108 - where the kernel says that the arena lies


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory at one moment, in bytes.

    Attributes:
        server_bytes: The proportional set size of the server process, shared memory apart.
        others_bytes: Those of all processes below it, likewise.
        arena_bytes: What the arena has pages for, whether a process has touched them or not.
    """

    server_bytes: int
    others_bytes: int
    arena_bytes: int

    @property
    def total_bytes(self) -> int:
        """All together."""
        return self.server_bytes + self.others_bytes + self.arena_bytes


def footprint(root: int) -> Footprint:
    """Look at a server and all its descendants (proc_pid_smaps_rollup(5)).

    Raises:
        PermissionError: They are another user's.
        ProcessLookupError: There is no such process.
    """
    others = (_own_bytes(pid) for pid in tree_pids(root) if pid != root)
    return Footprint(_own_bytes(root), sum(others), _arena_bytes(root))


def _own_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended since the listing
    lines = (line.split() for line in rollup.splitlines())
    kib = {fields[0]: int(fields[1]) for fields in lines if fields[0].startswith("Pss")}
    return (kib["Pss:"] - kib["Pss_Shmem:"]) * _KIB if kib else 0


def _arena_bytes(pid: int) -> int:
    """What is behind the open files in shared memory, each counted once."""
    blocks: dict[int, int] = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(link.readlink()).startswith(_SHARED_MEMORY):
                found = link.stat()
                blocks[found.st_ino] = found.st_blocks
        except FileNotFoundError:
            continue  # it was closed since the listing
    return sum(blocks.values()) * _BLOCK_BYTES


class Watch:
    """The largest footprint of a server while a block runs, looked at 50 times a second.

    Attributes:
        peak: The largest that was seen.

    Args:
        root: The server.
    """

    def __init__(self, root: int) -> None:
        self.peak = footprint(root)
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_S):
            try:
                seen = footprint(self._root)
            except (ProcessLookupError, FileNotFoundError):
                return  # it ended, which the load reports
            self.peak = max(self.peak, seen, key=lambda each: each.total_bytes)
