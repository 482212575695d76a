"""When a worker is worn."""

import mmap
import os
from dataclasses import dataclass
from typing import cast

import pytest

from pixelpipe.engine.handle import WorkerHandle
from pixelpipe.engine.wear import Wear, own_bytes

MIB = 1024 * 1024


@dataclass(eq=False)
class _Worker:
    """What is asked of a worker."""

    steps_done: int = 0
    assignment: object | None = None

    @property
    def handle(self) -> WorkerHandle:
        """For the type checker."""
        return cast("WorkerHandle", self)


def test_workers_that_began_together_do_not_end_together() -> None:
    wear, workers = Wear(1000, MIB), [_Worker() for _ in range(50)]
    for worker in workers:
        wear.begin(worker.handle)
    ended_at = set()
    for worker in workers:
        while not wear.worn(worker.handle):
            worker.steps_done += 1
        ended_at.add(worker.steps_done)
    assert min(ended_at) >= 750
    assert max(ended_at) <= 1250
    assert len(ended_at) > 10


def test_an_idle_worker_that_is_too_large_is_worn_at_once() -> None:
    wear, worker = Wear(1000, MIB), _Worker()
    wear.begin(worker.handle)
    wear.look({worker.handle: MIB - 1})
    assert not wear.worn(worker.handle)
    wear.look({worker.handle: MIB})
    assert wear.worn(worker.handle)


@pytest.mark.parametrize(("sizes", "worn"), [([MIB, MIB], True), ([MIB, 0, MIB], False)])
def test_a_busy_worker_is_worn_when_it_stays_too_large(sizes: list[int], *, worn: bool) -> None:
    wear, worker = Wear(1000, MIB), _Worker(assignment="a decode")
    wear.begin(worker.handle)
    for size_bytes in sizes:
        assert not wear.worn(worker.handle)
        wear.look({worker.handle: size_bytes})
    assert wear.worn(worker.handle) == worn


def test_a_worker_that_ended_while_it_was_measured_is_not_kept() -> None:
    wear, worker = Wear(1, MIB), _Worker(steps_done=5)
    wear.begin(worker.handle)
    wear.end(worker.handle)
    wear.look({worker.handle: MIB})
    assert not wear.worn(worker.handle)


def test_memory_of_its_own_is_measured() -> None:
    before = own_bytes(os.getpid())
    # Not from the allocator, which may have room left of what was freed before.
    with mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        held.write(bytes(len(held)))
        assert own_bytes(os.getpid()) >= before + len(held) // 2
    assert own_bytes(2**22 + 1) == 0
