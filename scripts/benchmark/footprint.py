"""The memory of a server: what its processes have, and what its arena has pages for."""

from dataclasses import dataclass
from pathlib import Path

from benchmark.repeated import Repeated
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


class Watch(Repeated):
    """The largest footprint of a server while a block runs, looked at 50 times a second.

    Attributes:
        peak: The largest that was seen.

    Args:
        root: The server.
    """

    def __init__(self, root: int) -> None:
        super().__init__(_EVERY_S)
        self.peak = footprint(root)
        self._root = root

    def look(self) -> bool:
        """Look once."""
        try:
            seen = footprint(self._root)
        except (ProcessLookupError, FileNotFoundError):
            return False  # it ended, which the load reports
        self.peak = max(self.peak, seen, key=lambda each: each.total_bytes)
        return True
