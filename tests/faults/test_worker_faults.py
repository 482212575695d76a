"""What a worker can do wrong costs its own task, and nothing else."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pixelpipe.engine.handle import WorkerHandle
from pixelpipe.engine.process import has_ended
from pixelpipe.jobs.model import Job, JobState, TaskState
from pixelpipe.jobs.submission import Submission
from pixelpipe.runtime import Runtime
from tests.faults.crash_matrix import ROWS
from tests.faults.faulty_runtime import (
    PATIENCE_S,
    SIBLINGS,
    faulty_runtime,
    finish,
    make_specs,
    submit,
    until,
)
from tests.photographs import photo_jpeg


def _busy(runtime: Runtime) -> WorkerHandle:
    return next(handle for handle in runtime.engine.pool.workers if handle.assignment is not None)


def _states(job: Job, names: Sequence[str]) -> set[TaskState]:
    return {variant.state for variant in job.variants if variant.task.name in names}


async def test_a_defect_fails_the_task_at_once_and_tells_clients_nothing(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        job = await submit(runtime, "defect", *SIBLINGS)
        await finish(runtime, job)
        variant = job.variant("defect")
        assert variant is not None
        assert variant.problem is not None
        assert variant.problem["type"].endswith("internal")
        assert variant.attempts == 1
        assert "secret" not in str(job.failures)
        assert _states(job, SIBLINGS) == {TaskState.COMPLETED}


async def test_an_answer_that_nobody_asked_for_ends_the_worker(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path, workers=1) as runtime:
        (before,) = runtime.engine.pool.workers
        job = await submit(runtime, "twice")
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        await until(lambda: runtime.engine.pool.workers not in (frozenset(), frozenset({before})))


async def test_a_worker_cannot_touch_what_is_not_its_own(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        async with runtime.service.receive(4) as foreign:
            await foreign.write(b"mine")
            job = await submit(runtime, "foreign", *SIBLINGS)
            await finish(runtime, job)
            assert runtime.engine.arena.uploads.leases
            assert bytes(foreign.view) == b"mine"
        assert job.state is JobState.PARTIAL
        assert _states(job, SIBLINGS) == {TaskState.COMPLETED}


async def test_a_worker_reads_the_pixels_where_they_are(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        job = await submit(runtime, "where-1", "where-2", "where-3", "where-4")
        await finish(runtime, job)
        details = {failure["detail"] for failure in job.failures}
        assert details == {"in the arena: True; writeable: False"}
        assert len(job.failures) == 4


# These wait for something, not for the server.
_SLOW = {"hang", "stop", "outside", "half", "deaf", "listless", "kill", "unready"}


async def _longest_pause_s(runtime: Runtime, *names: str) -> float:
    """How long the loop was blocked at most while workers went wrong over these tasks."""
    longest_s = 0.0
    job = await submit(runtime, *names, *SIBLINGS)
    async with asyncio.timeout(PATIENCE_S):
        while not job.ended:
            began = time.perf_counter()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.perf_counter() - began)
            await asyncio.sleep(0.001)
    assert _states(job, SIBLINGS) == {TaskState.COMPLETED}
    return longest_s


@pytest.mark.alone
async def test_the_loop_goes_on_while_workers_misbehave(tmp_path: Path) -> None:
    names = [row.fault for row in ROWS if (row.at, row.often) == ("task", "always")]
    names = [fault for fault in names if fault not in _SLOW]
    async with faulty_runtime(tmp_path) as runtime:
        # A busy machine may take the processor away for longer; a loop that waits for a worker
        # would be blocked every time.
        pauses_s = [await _longest_pause_s(runtime, *names) for _ in range(3)]
        assert min(pauses_s) < 0.05


async def test_cancelling_frees_workers_and_memory(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S) as runtime:
        content = photo_jpeg(400, 300)
        async with runtime.service.receive(len(content)) as upload:
            await upload.write(content)
            submission = Submission(upload, "photo.jpg", make_specs("hang"), 0.0)
            transform = asyncio.create_task(runtime.service.transform(submission))
            await until(lambda: any(h.assignment for h in runtime.engine.pool.workers))
            pidfd = os.dup(_busy(runtime).worker.pidfd)
            transform.cancel()
            with pytest.raises(asyncio.CancelledError):
                await transform
        await until(lambda: has_ended(pidfd) and not runtime.engine.arena.leases)
        os.close(pidfd)


async def test_closing_leaves_work_for_the_next_start_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, drain_timeout_s=0.0) as runtime:
        jobs = [await submit(runtime, "hang", *SIBLINGS) for _ in range(4)]
        await until(lambda: jobs[0].state is JobState.RUNNING)
    assert not any(job.ended for job in jobs)
