"""A process and everything below it, and their CPU time, from /proc (proc_pid_stat(5))."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TICK_S = 1 / _TICKS_PER_S
"""Seconds of CPU below which the kernel's account shows nothing."""
_PPID, _UTIME, _CSTIME = 1, 11, 14


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU seconds, user and system, since each process began.

    Attributes:
        tree_s: Of the root and all its descendants, those included that ended and were waited for.
        root_s: Of the root process alone.
    """

    tree_s: float
    root_s: float

    def __sub__(self, earlier: "CpuTime") -> "CpuTime":
        return CpuTime(self.tree_s - earlier.tree_s, self.root_s - earlier.root_s)


def cpu_time(root: int) -> CpuTime:
    """Read the CPU time of the process tree under `root`.

    Raises:
        ProcessLookupError: There is no such process.
    """
    tree = _tree(root)
    ticks = {
        pid: [int(field) for field in fields[_UTIME : _CSTIME + 1]] for pid, fields in tree.items()
    }
    own_ticks = sum(ticks[root][:2])
    return CpuTime(sum(map(sum, ticks.values())) / _TICKS_PER_S, own_ticks / _TICKS_PER_S)


def tree_pids(root: int) -> list[int]:
    """The process `root` and all its descendants.

    Raises:
        ProcessLookupError: There is no such process.
    """
    return list(_tree(root))


def _processes() -> dict[int, list[str]]:
    """The fields of each process's `stat` from its state on; the name before may hold anything."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended since the listing
        found[int(folder.name)] = stat.rpartition(")")[2].split()
    return found


def _tree(root: int) -> dict[int, list[str]]:
    """The fields of the processes of a tree, as `_processes` gives them."""
    processes = _processes()
    if root not in processes:
        raise ProcessLookupError(f"no process {root}")
    children: dict[int, list[int]] = {}
    for pid, fields in processes.items():
        children.setdefault(int(fields[_PPID]), []).append(pid)
    tree, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        tree[pid] = processes[pid]
        waiting += children.get(pid, [])
    return tree
