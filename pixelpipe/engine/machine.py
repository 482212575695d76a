"""What this process may use of the machine: processors and memory, cgroup limits included."""

import os
from pathlib import Path

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_SHM = Path("/dev/shm")  # noqa: S108 - where shared memory lives on Linux


def available_cpus() -> int:
    """CPUs that the process may run on: its affinity, cut by a cgroup v2 quota; at least 1."""
    cpus = len(os.sched_getaffinity(0))
    quota = _read(_cgroup() / "cpu.max").split()
    if quota and quota[0] != "max":
        cpus = min(cpus, -(-int(quota[0]) // int(quota[1])))
    return max(1, cpus)


def default_arena_bytes() -> int:
    """The smaller of a quarter of the memory (cgroup v2 aware) and 80 % of /dev/shm."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read(_cgroup() / "memory.max").strip()
    if limit.isdigit():
        memory = min(memory, int(limit))
    return min(memory // 4, shared_memory_bytes() * 8 // 10)


def shared_memory_bytes() -> int:
    """The size of /dev/shm."""
    shm = os.statvfs(_SHM)
    return shm.f_frsize * shm.f_blocks


def _cgroup() -> Path:
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        if line.startswith("0::"):
            return _CGROUP_ROOT / line[3:].lstrip("/")
    return _CGROUP_ROOT


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
