"""When a worker has done its share, or has grown too large, and is to be replaced by a fresh one.

Codecs leak and memory fragments; a process that is new has neither.
"""

import os
import random
from collections.abc import Collection
from pathlib import Path

from pixelpipe.engine.handle import WorkerHandle

# So that workers which began together do not end together.
_JITTER = 0.25
# A busy worker is large for a while; one that is found large twice in a row stays so.
_LOOKS = 2


class Wear:
    """Which workers are worn.

    Args:
        tasks: How many tasks a worker does, give or take a quarter.
        own_bytes: How large the memory that is its own may become.
    """

    def __init__(self, tasks: int, own_bytes: int) -> None:
        self._tasks = tasks
        self._own_bytes = own_bytes
        self._shares: dict[WorkerHandle, int] = {}
        self._large: dict[WorkerHandle, int] = {}

    def begin(self, handle: WorkerHandle) -> None:
        """A fresh worker begins."""
        share = self._tasks * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter
        self._shares[handle] = max(1, round(share))

    def end(self, handle: WorkerHandle) -> None:
        """A worker has ended."""
        self._shares.pop(handle, None)
        self._large.pop(handle, None)

    def look(self, sizes_bytes: dict[WorkerHandle, int]) -> None:
        """Note how large workers are; for an idle one that is at once what counts."""
        for handle, size_bytes in sizes_bytes.items():
            if handle not in self._shares:
                continue  # It ended while it was measured.
            looks = _LOOKS if handle.assignment is None else self._large.get(handle, 0) + 1
            self._large[handle] = looks if size_bytes >= self._own_bytes else 0

    def worn(self, handle: WorkerHandle) -> bool:
        """Whether the worker is to be replaced."""
        done = handle.steps_done >= self._shares.get(handle, handle.steps_done + 1)
        return done or self._large.get(handle, 0) >= _LOOKS


def own_bytes(pid: int) -> int:
    """Memory of a process that no other has, which excludes what is shared; 0 if it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def measured(handles: Collection[WorkerHandle]) -> dict[WorkerHandle, int]:
    """How large each of them is; reads files."""
    return {handle: own_bytes(handle.worker.pid) for handle in handles}
