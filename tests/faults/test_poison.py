"""A source that struck the decoder out is refused, by whoever it is sent, a restart included."""

import asyncio
import hashlib
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from pixelpipe.errors import PoisonedSourceError, WorkerCrashedError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.records import Poison
from pixelpipe.jobs.submission import Submission
from pixelpipe.runtime import Runtime
from pixelpipe.storage.opening import open_storage
from tests.faults.fault_workers import faulty
from tests.faults.faulty_process import faulty_process, live_process
from tests.faults.faulty_runtime import (
    PATIENCE_S,
    SIBLINGS,
    faulty_runtime,
    finish,
    make_specs,
    submit,
    until,
)
from tests.http_jobs import (
    begun,
    calling,
    made,
    own_photo,
    refusal,
    send,
    specs,
    story,
    until_making,
    until_state,
)

RESERVE_BYTES = 4096


def _poisonous() -> bytes:
    return faulty(own_photo(400, 300), "segv")


async def _check_refused(session: aiohttp.ClientSession, photo: bytes) -> None:
    answer = await send(session, photo, specs("again"))
    assert await refusal(answer) == (422, "poisoned-source")
    answer = await session.post("/api/transform", data=photo, params={"width": "33"})
    assert await refusal(answer) == (422, "poisoned-source")


async def test_it_is_refused_after_a_kill_of_the_server_and_after_its_end(tmp_path: Path) -> None:
    photo, folder = _poisonous(), tmp_path / "data"
    with faulty_process(folder) as server:
        async with calling(server.url) as session:
            job = await made(session, photo, specs("a"))
            server.end(signal.SIGKILL)
    assert (job["state"], job["decodes"]) == ("failed", 2)
    for _ in range(2):
        with live_process(folder) as server:
            async with calling(server.url) as session:
                await _check_refused(session, photo)
                assert (await made(session, own_photo(), specs("a")))["state"] == "completed"
                retried = await session.post(f"/api/jobs/{job['id']}/retry")
                assert await refusal(retried) == (422, "poisoned-source")
            assert server.terminate() == 0


async def test_it_is_tried_again_when_nothing_is_to_be_remembered(tmp_path: Path) -> None:
    photo, folder = _poisonous(), tmp_path / "data"
    with faulty_process(folder) as server:
        async with calling(server.url) as session:
            await made(session, photo, specs("a"))
            server.end(signal.SIGKILL)
    with live_process(folder, PIXELPIPE_POISON_S="0") as server:
        async with calling(server.url) as session:
            assert (await made(session, photo, specs("a")))["state"] == "completed"
        assert server.terminate() == 0


async def _record(folder: Path, photo: bytes) -> None:
    now, sha256 = datetime.now(UTC), hashlib.sha256(photo).hexdigest()
    async with open_storage(folder, RESERVE_BYTES, durable=True) as storage:
        await storage.journal.write([Poison(sha256, now, now + timedelta(hours=1))])


async def test_a_job_of_it_that_is_recovered_ends_without_a_decode(tmp_path: Path) -> None:
    photo, folder = own_photo(), tmp_path / "data"
    with faulty_process(folder) as server:
        async with calling(server.url) as session:
            job = await begun(session, photo, specs("hang"))
            await until_making(session, job["id"], "hang")
            await _until_told(session, job["id"], "variant.started")
            server.end(signal.SIGKILL)
    await _record(folder, photo)
    with live_process(folder) as server:
        async with calling(server.url) as session:
            found = await until_state(session, job["id"], "failed")
            events = await story(session, job["id"])
        assert server.terminate() == 0
    assert (found["state"], found["decodes"]) == ("failed", 1)
    assert {failure["type"].rpartition(":")[2] for failure in found["failures"]} == {
        "poisoned-source"
    }
    assert events[-1].name == "job.failed"


async def _until_told(session: aiohttp.ClientSession, job_id: str, event: str) -> None:
    """Wait for an event of the job: it is in the journal from then on."""
    async with session.get(f"/api/jobs/{job_id}/events") as stream:
        async with asyncio.timeout(PATIENCE_S):
            async for line in stream.content:
                if line.decode().strip() == f"event: {event}":
                    return
    raise AssertionError(f"the stream ended without {event}")


async def _transform(runtime: Runtime, photo: bytes) -> None:
    async with runtime.service.receive(len(photo)) as upload:
        await upload.write(photo)
        await runtime.service.transform(Submission(upload, "photo.jpg", make_specs("a"), 0.0))


async def test_a_transform_can_strike_the_decoder_out_as_well(tmp_path: Path) -> None:
    photo = _poisonous()
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S) as runtime:
        with pytest.raises(WorkerCrashedError):
            await _transform(runtime, photo)
        with pytest.raises(PoisonedSourceError):
            await _transform(runtime, photo)
        with pytest.raises(PoisonedSourceError):
            await submit(runtime, "a", photo=photo)
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S) as again:
        with pytest.raises(PoisonedSourceError):
            await submit(again, "a", photo=photo)


def _slugs(job: Job) -> set[str]:
    return {failure["type"].rpartition(":")[2] for failure in job.failures}


async def test_jobs_of_it_that_wait_meanwhile_kill_no_more_workers(tmp_path: Path) -> None:
    photo = _poisonous()
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S, workers=1) as runtime:
        busy = await submit(runtime, "outside")
        await until(lambda: not runtime.engine.pool.idle)
        jobs = [await submit(runtime, name, photo=photo) for name in SIBLINGS]
        transform = asyncio.create_task(_transform(runtime, photo))
        await until(lambda: runtime.engine.admission.waiting >= len(jobs))
        await runtime.service.delete(busy.id, EVERYBODYS)
        for job in jobs:
            await finish(runtime, job)
        with pytest.raises(PoisonedSourceError):
            await transform
    assert {job.state for job in jobs} == {JobState.FAILED}
    assert sorted(job.decodes for job in jobs) == [0, 0, 0, 2]
    assert _slugs(jobs[0]) == {"worker-crashed"}
    assert [_slugs(job) for job in jobs[1:]] == [{"poisoned-source"}] * 3
