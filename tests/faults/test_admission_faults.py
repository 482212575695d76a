"""Nothing that goes wrong before the work begins keeps anybody waiting for ever."""

import asyncio
import os
from pathlib import Path

import pytest

from pixelpipe.engine.arena import Lease
from pixelpipe.errors import QueueFullError, ShuttingDownError, StorageFailedError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.submission import Submission
from pixelpipe.runtime import Runtime
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


async def _occupy(runtime: Runtime) -> list[Job]:
    """Give every worker something to hang over, until it is killed."""
    size = runtime.engine.pool.size
    jobs = [await submit(runtime, f"hang-{number}-once") for number in range(size)]
    await until(lambda: not runtime.engine.pool.idle)
    return jobs


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
async def test_without_pages_every_job_fails_and_nobody_spins(
    jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def full(*_: object) -> None:
        nonlocal calls
        calls += 1
        raise OSError(28, "No space left on device")

    async with faulty_runtime(tmp_path) as runtime:
        uploads = runtime.engine.arena.uploads
        room = uploads.take(uploads.size)  # so that only work finds no pages
        assert room is not None
        await uploads.back(room)
        room.release()
        monkeypatch.setattr(os, "posix_fallocate", full)
        submitted = [await submit(runtime, *SIBLINGS) for _ in range(jobs)]
        for job in submitted:
            await finish(runtime, job)
        assert {job.state for job in submitted} == {JobState.FAILED}
        assert all(job.failures[0]["type"].endswith("memory-full") for job in submitted)
        assert calls <= 10 * jobs


async def test_a_defect_before_the_decode_costs_one_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def defect(_: Lease) -> None:
        raise RuntimeError("can't start new thread")

    async with faulty_runtime(tmp_path, workers=1) as runtime:
        with monkeypatch.context() as broken:
            broken.setattr(runtime.engine.arena.work, "back", defect)
            job = await submit(runtime, *SIBLINGS)
            await finish(runtime, job)
        assert job.state is JobState.FAILED
        assert job.failures[0]["type"].endswith("internal")
        well = await submit(runtime, *SIBLINGS)
        await finish(runtime, well)
        assert well.state is JobState.COMPLETED


async def test_jobs_that_wait_for_a_worker_hold_no_room_for_uploads(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, drain_timeout_s=0.0) as runtime:
        await _occupy(runtime)
        jobs = [await submit(runtime, *SIBLINGS) for _ in range(6)]
        waiting = len(jobs) - runtime.engine.pool.size
        await until(lambda: runtime.engine.admission.waiting == waiting)
        assert not runtime.engine.arena.uploads.leases
        for handle in runtime.engine.pool.workers:
            handle.worker.kill()
        await until(lambda: all(job.ended for job in jobs))
        assert {job.state for job in jobs} == {JobState.COMPLETED}


async def test_no_more_jobs_wait_than_may_however_many_come_at_once(tmp_path: Path) -> None:
    settings = {"queue_limit": 3, "task_deadline_s": PATIENCE_S, "drain_timeout_s": 0.0}
    async with faulty_runtime(tmp_path, **settings) as runtime:
        await _occupy(runtime)
        comers = [submit(runtime, *SIBLINGS) for _ in range(20)]
        answers = await asyncio.gather(*comers, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, QueueFullError)]
        assert len(refused) >= 20 - 3 - runtime.engine.pool.size
        assert runtime.engine.admission.waiting <= 3


async def test_a_source_that_cannot_be_read_at_first_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, drain_timeout_s=0.0) as runtime:
        await _occupy(runtime)
        blobs = runtime.storage.blobs
        read, failures = blobs.read_into, 2

        async def shaky(sha256: str, target: memoryview) -> None:
            nonlocal failures
            failures -= 1
            if failures >= 0:
                raise StorageFailedError("shaky")
            await read(sha256, target)

        monkeypatch.setattr(blobs, "read_into", shaky)
        job = await submit(runtime, *SIBLINGS)
        for handle in runtime.engine.pool.workers:
            handle.worker.kill()
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        assert failures < 0


async def test_a_transform_that_is_overtaken_by_the_shutdown_says_so(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, drain_timeout_s=0.0) as runtime:
        content = photo_jpeg(400, 300)
        async with runtime.service.receive(len(content)) as upload:
            await upload.write(content)
            submission = Submission(upload, "photo.jpg", make_specs("hang"), 0.0)
            transform = asyncio.create_task(runtime.service.transform(submission))
            await until(lambda: any(h.assignment for h in runtime.engine.pool.workers))
            await runtime.service.drain(0)
            with pytest.raises(ShuttingDownError):
                await transform
