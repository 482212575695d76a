"""CPU time of a process and everything below it, from /proc (proc_pid_stat(5))."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
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
    processes = _processes()
    if root not in processes:
        raise ProcessLookupError(f"no process {root}")
    tree = _tree(root, {pid: int(fields[_PPID]) for pid, fields in processes.items()})
    ticks = {pid: [int(field) for field in processes[pid][_UTIME : _CSTIME + 1]] for pid in tree}
    own_ticks = sum(ticks[root][:2])
    return CpuTime(sum(map(sum, ticks.values())) / _TICKS_PER_S, own_ticks / _TICKS_PER_S)


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


def _tree(root: int, parents: dict[int, int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    tree, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        tree.append(pid)
        waiting += children.get(pid, [])
    return tree
