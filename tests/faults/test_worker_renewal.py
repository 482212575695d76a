"""Workers that have done their share, or have grown, are replaced, and nobody notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pixelpipe.config import MIB
from pixelpipe.engine import pool
from pixelpipe.engine.wear import own_bytes
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.runtime import Runtime
from tests.faults.fault_workers import HOARD_BYTES, marker
from tests.faults.faulty_runtime import (
    PATIENCE_S,
    SIBLINGS,
    faulty_runtime,
    finish,
    submit,
    until,
)
from tests.photographs import photo_jpeg, unlike
from tests.processes import alive

LARGE = "large"


def _pids(runtime: Runtime) -> set[int]:
    return {handle.worker.pid for handle in runtime.engine.pool.workers}


@asynccontextmanager
async def _watched(runtime: Runtime) -> AsyncIterator[tuple[set[int], set[int]]]:
    """All workers that there are meanwhile, and how many at a time."""
    pids, counts = set[int](), set[int]()

    async def watch() -> None:
        while True:
            pids.update(_pids(runtime))
            counts.add(len(runtime.engine.pool.workers))
            await asyncio.sleep(0.001)

    watching = asyncio.create_task(watch())
    yield pids, counts
    watching.cancel()
    await asyncio.wait({watching})


def _check_unharmed(jobs: list[Job]) -> None:
    assert {job.state for job in jobs} == {JobState.COMPLETED}
    assert {job.decodes for job in jobs} == {1}
    assert {(v.attempts, v.strikes) for job in jobs for v in job.variants} == {(1, 0)}


async def _rest(runtime: Runtime) -> None:
    await until(lambda: len(runtime.engine.pool.idle) == runtime.engine.pool.size)
    await until(lambda: len(runtime.engine.pool.workers) == runtime.engine.pool.size)


async def test_a_worker_that_has_done_its_share_is_replaced(tmp_path: Path) -> None:
    async with (
        faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, worker_tasks=3) as runtime,
        _watched(runtime) as (pids, counts),
    ):
        size = runtime.engine.pool.size
        jobs: list[Job] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(pids) <= 3 * size:
                batch = [await submit(runtime, *SIBLINGS) for _ in range(4)]
                for job in batch:
                    await finish(runtime, job)
                jobs += batch
        _check_unharmed(jobs)
        await _rest(runtime)
        assert min(counts) >= size
        assert max(counts) <= size + 1
        assert not any(alive(pid) for pid in pids - _pids(runtime))


async def test_a_worker_that_has_grown_is_replaced_once_it_is_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_LOOK_EVERY_S", 0.02)
    async with (
        faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, worker_bytes=64 * MIB) as runtime,
        _watched(runtime) as (pids, counts),
    ):
        first = _pids(runtime)
        with capture_logs() as logs:
            jobs = [await submit(runtime, "hoard-once", *SIBLINGS), await submit(runtime, "a")]
            for job in jobs:
                await finish(runtime, job)
            await until(lambda: len(first & _pids(runtime)) == 1)
            await _rest(runtime)
        _check_unharmed(jobs)
        assert len(pids) == len(first) + 1
        assert min(counts) == len(first)
        assert logs == []  # It is no trouble.
        sizes = [await asyncio.to_thread(own_bytes, pid) for pid in _pids(runtime)]
        assert max(sizes) < HOARD_BYTES


async def test_a_worn_worker_works_on_while_no_other_comes_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_START_RETRY_MOST_S", 0.05)
    async with faulty_runtime(
        tmp_path, task_deadline_s=PATIENCE_S, worker_tasks=1, workers=1
    ) as runtime:
        arena, first = runtime.engine.arena.name, _pids(runtime)
        await asyncio.to_thread(marker(arena, "unready-0").touch)
        jobs = []
        with capture_logs() as logs:
            for _ in range(5):
                jobs.append(await submit(runtime, "a"))
                await finish(runtime, jobs[-1])
            await until(lambda: not _pids(runtime) & first)
            await _rest(runtime)
        _check_unharmed(jobs)
        assert "worker did not start" in [log["event"] for log in logs]


async def test_pages_of_a_burst_of_large_jobs_go_back(tmp_path: Path) -> None:
    changes = {"arena_bytes": 640 * MIB, "workers": 6, "arena_idle_s": 0.5}
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, **changes) as runtime:
        arena, large = runtime.engine.arena, photo_jpeg(4000, 3000)
        jobs = [await submit(runtime, LARGE, photo=unlike(large)) for _ in range(6)]
        for job in jobs:
            await finish(runtime, job)
        _check_unharmed(jobs)
        assert arena.work.backed_bytes > 64 * MIB
        await until(lambda: arena.work.backed_bytes <= 64 * MIB)
        assert arena.uploads.backed_bytes <= 64 * MIB
        held_bytes = arena.work.backed_bytes + arena.uploads.backed_bytes
        await until(lambda: arena.backed_bytes == held_bytes)  # The last are on their way.
        again = await submit(runtime, LARGE, photo=unlike(large))
        await finish(runtime, again)
        _check_unharmed([again])
