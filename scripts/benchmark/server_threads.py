"""CPU time to the nanosecond: of a process, of its threads by their names, of a process tree."""

import ctypes
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchError
from process_tree import tree_pids

LOOP = "loop"
ENDED = "ended"

_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class ThreadCpu:
    """CPU seconds, user and system, of one process without its children.

    Attributes:
        whole_s: Of the process, threads that ended included.
        threads: Of threads by name: the main one is `LOOP`, those that ended are `ENDED`, those
            that nobody named have the name of the process.
    """

    whole_s: float
    threads: Mapping[str, float]

    def __sub__(self, earlier: "ThreadCpu") -> "ThreadCpu":
        names = {**earlier.threads, **self.threads}
        spent = {name: self.threads.get(name, 0) - earlier.threads.get(name, 0) for name in names}
        return ThreadCpu(self.whole_s - earlier.whole_s, spent)


def thread_cpu(pid: int) -> ThreadCpu:
    """Read the CPU time of the process and of each of its threads.

    Raises:
        ProcessLookupError: There is no such process.
    """
    spent: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            name = LOOP if task.name == str(pid) else (task / "comm").read_text().strip()
            # On the CPU, waiting for it, and turns (Documentation/scheduler/sched-stats.rst).
            spent[name] += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended since the listing
    whole_s = process_cpu_s(pid)
    threads = {name: spent_ns / 1e9 for name, spent_ns in spent.items()}
    return ThreadCpu(whole_s, {**threads, ENDED: whole_s - sum(threads.values())})


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process, without its children (clock_getcpuclockid(3)).

    Raises:
        ProcessLookupError: There is no such process.
    """
    clock = ctypes.c_int()
    if _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise ProcessLookupError(f"no process {pid}")
    return time.clock_gettime(clock.value)


class TreeMeter:
    """The CPU time of a process and all below it, from now on.

    Args:
        root: The process.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._before_s = _each_s(root)

    def spent_s(self) -> float:
        """CPU seconds since then.

        Raises:
            BenchError: A process has ended since, and taken its account along.
        """
        now_s = _each_s(self._root)
        if not self._before_s.keys() <= now_s.keys():
            raise BenchError("a process of the server ended while it was measured")
        return sum(now_s.values()) - sum(self._before_s.values())


def _each_s(root: int) -> dict[int, float]:
    return {pid: process_cpu_s(pid) for pid in tree_pids(root)}
