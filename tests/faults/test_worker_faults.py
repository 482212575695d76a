"""What a worker can do wrong costs its own task, and nothing else."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pixelpipe.engine.handle import WorkerHandle
from pixelpipe.engine.process import has_ended
from pixelpipe.errors import PoisonedSourceError
from pixelpipe.jobs.model import Blob, EventType, Job, JobState, TaskState
from pixelpipe.jobs.submission import Submission
from pixelpipe.runtime import Runtime
from tests.faults.fault_workers import (
    CRASH_WIDTH,
    EXECUTED,
    HANG_ONCE_WIDTH,
    HANG_WIDTH,
    marker,
)
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


def _digests(job: Job) -> dict[str, Blob | None]:
    return {v.task.name: v.blob for v in job.variants if v.task.name in SIBLINGS}


FINAL = {
    "segv": "worker-crashed",
    "exit": "worker-crashed",
    "memory": "worker-crashed",
    "outofmemory": "worker-crashed",
    "deaf": "worker-crashed",
    "pickle": "worker-crashed",
    "oversized": "worker-crashed",
    "bounds": "worker-crashed",
    "inline": "worker-crashed",
    "ticket": "worker-crashed",
    "garbage": "worker-crashed",
    "digest": "worker-crashed",
    "input": "worker-crashed",
    "foreign": "worker-crashed",
    "peek": "worker-crashed",
    "half": "deadline-exceeded",
    "hang": "deadline-exceeded",
}


@pytest.mark.parametrize("fault", FINAL)
async def test_two_strikes_end_a_task_and_its_siblings_are_right(
    fault: str, tmp_path: Path
) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        clean = await submit(runtime, *SIBLINGS)
        await finish(runtime, clean)
        assert clean.state is JobState.COMPLETED
        job = await submit(runtime, *SIBLINGS[:2], fault, *SIBLINGS[2:])
        events = await finish(runtime, job)
        variant = job.variant(fault)
        assert variant is not None
        assert variant.state is TaskState.FAILED
        assert variant.problem is not None
        assert variant.problem["type"].endswith(FINAL[fault])
        assert (variant.attempts, variant.strikes) == (2, 2)
        assert _digests(job) == _digests(clean)
        assert job.state is JobState.PARTIAL
        assert job.decodes == 1
        assert [event.type for event in events].count(EventType.VARIANT_RETRYING) == 1
        assert events[-1].type is EventType.JOB_PARTIAL
        assert not marker(runtime.engine.arena.name, EXECUTED).exists()
        again = await submit(runtime, *SIBLINGS)
        await finish(runtime, again)
        assert _digests(again) == _digests(clean)


@pytest.mark.parametrize("fault", sorted(set(FINAL) - {"half"}))
async def test_one_strike_costs_an_attempt(fault: str, tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        job = await submit(runtime, f"{fault}-once", *SIBLINGS)
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        assert [variant.attempts for variant in job.variants] == [2, 1, 1, 1, 1]
        assert job.failures == []


async def test_a_worker_killed_from_outside_in_the_middle_of_a_task_is_no_strike(
    tmp_path: Path,
) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S) as runtime:
        job = await submit(runtime, "hang-once", *SIBLINGS)
        variant = job.variant("hang-once")
        assert variant is not None
        await until(lambda: marker(runtime.engine.arena.name, "hang-once").exists())
        await until(lambda: _states(job, SIBLINGS) == {TaskState.COMPLETED})
        os.kill(_busy(runtime).worker.pid, signal.SIGKILL)
        events = await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        assert (variant.attempts, variant.strikes) == (2, 0)
        assert EventType.VARIANT_RETRYING in [event.type for event in events]
        assert job.decodes == 1


async def test_a_decode_whose_worker_was_killed_is_counted(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S) as runtime:
        job = await submit(runtime, *SIBLINGS, width=HANG_ONCE_WIDTH)
        await until(lambda: job.decodes == 1)
        os.kill(_busy(runtime).worker.pid, signal.SIGKILL)
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        assert job.decodes == 2


@pytest.mark.parametrize(
    ("width", "slug"), [(HANG_WIDTH, "deadline-exceeded"), (CRASH_WIDTH, "worker-crashed")]
)
async def test_a_source_that_strikes_the_decoder_out_is_remembered(
    width: int, slug: str, tmp_path: Path
) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        photo = photo_jpeg(width, 300)
        job = await submit(runtime, *SIBLINGS, photo=photo)
        await finish(runtime, job)
        assert job.state is JobState.FAILED
        assert job.decodes == 2
        assert all(failure["type"].endswith(slug) for failure in job.failures)
        assert len(job.failures) == len(SIBLINGS)
        with pytest.raises(PoisonedSourceError):
            await submit(runtime, *SIBLINGS, photo=photo)
        well = await submit(runtime, *SIBLINGS)
        await finish(runtime, well)
        assert well.state is JobState.COMPLETED


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


async def test_the_loop_goes_on_while_workers_misbehave(tmp_path: Path) -> None:
    names = [fault for fault in FINAL if fault not in {"hang", "half", "deaf"}]
    async with faulty_runtime(tmp_path) as runtime:
        # A busy machine may take the processor away for longer; a loop that waits for a worker
        # would be blocked every time.
        pauses_s = [await _longest_pause_s(runtime, *names) for _ in range(3)]
        assert min(pauses_s) < 0.05


async def test_a_dead_forkserver_takes_its_workers_along_and_all_come_back(
    tmp_path: Path,
) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S) as runtime:
        before = runtime.engine.pool.workers
        job = await submit(runtime, "hang-once", *SIBLINGS)
        await until(lambda: marker(runtime.engine.arena.name, "hang-once").exists())
        os.kill(_busy(runtime).worker.forkserver_pid, signal.SIGKILL)
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        assert all(variant.strikes == 0 for variant in job.variants)
        await until(lambda: len(runtime.engine.pool.workers - before) == len(before))


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
        segment = Path("/dev/shm") / runtime.engine.arena.name
        assert await asyncio.to_thread(segment.exists)
    assert not any(job.ended for job in jobs)
    assert not await asyncio.to_thread(segment.exists)
