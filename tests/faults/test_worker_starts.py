"""Workers that do not come up, come up to die, or are stopped: the others go on."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pixelpipe.engine import pool, process, starts
from pixelpipe.engine.pool import Pool
from pixelpipe.jobs.model import JobState
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import ASLEEP, marker, markers
from tests.faults.faulty_runtime import (
    PATIENCE_S,
    SIBLINGS,
    faulty_runtime,
    finish,
    submit,
    until,
)
from tests.processes import alive, descendants
from tests.serving import small_settings


async def _family() -> set[int]:
    """All processes that come from this one."""
    return await asyncio.to_thread(descendants, os.getpid())


def _kill_workers(runtime: Runtime, number: signal.Signals = signal.SIGKILL) -> set[int]:
    pids = {handle.worker.pid for handle in runtime.engine.pool.workers}
    for pid in pids:
        os.kill(pid, number)
    return pids


async def test_a_worker_that_hangs_in_its_start_keeps_no_other_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "_HELLO_S", 10 * PATIENCE_S)
    async with faulty_runtime(tmp_path) as runtime:
        before = await _family()
        await asyncio.to_thread(marker(runtime.engine.arena.name, ASLEEP).touch)
        killed = _kill_workers(runtime)
        await until(lambda: not any(map(alive, killed)))
        await until(lambda: len(runtime.engine.pool.idle) == 1)
        job = await submit(runtime, *SIBLINGS)
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        (hanging,) = await _family() - before - {h.worker.pid for h in runtime.engine.pool.workers}
    await until(lambda: not alive(hanging))


async def test_a_worker_that_hangs_in_its_start_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "_HELLO_S", 0.5)
    async with faulty_runtime(tmp_path) as runtime:
        before = await _family()
        await asyncio.to_thread(marker(runtime.engine.arena.name, ASLEEP).touch)
        with capture_logs() as logs:
            killed = _kill_workers(runtime)
            await until(lambda: not any(map(alive, killed)))
            await until(
                lambda: "worker did not start" in {log["event"] for log in logs}
            )  # The pool hears of deaths later than we.
            await until(lambda: len(runtime.engine.pool.idle) == runtime.engine.pool.size)
        live = {handle.worker.pid for handle in runtime.engine.pool.workers}
        started = await _family() - before - live
        await until(lambda: not any(map(alive, started)))
    # On a machine that is busy, others may have been too slow as well.
    assert {log["error"] for log in logs if log["event"] == "worker did not start"} == {
        "a worker did not say hello"
    }


async def test_workers_that_die_of_nothing_are_not_started_in_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(self: Pool, delay_s: float) -> None:
        pauses.append(delay_s)
        await asyncio.sleep(0 if len(pauses) < 12 else 0.05)
        del self

    monkeypatch.setattr(Pool, "_pause", pause)
    async with open_runtime(
        small_settings(tmp_path, workers=1), "tests.faults.fault_workers:stillborn"
    ) as runtime:
        await until(lambda: len(pauses) > 12)
        facts = runtime.ready()
        assert facts["workers_alive"] in {0, 1}
        arena = runtime.engine.arena.name
        await asyncio.to_thread(marker(arena, "alive").touch)
        job = await submit(runtime, "a")
        await finish(runtime, job)
    assert pauses[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(pauses[6:]) == {5.0}
    assert job.state is JobState.COMPLETED
    assert not list(markers(arena))


async def test_all_workers_dead_and_none_to_come_is_said_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_START_RETRY_MOST_S", 0.2)
    async with faulty_runtime(tmp_path) as runtime:
        arena = runtime.engine.arena.name
        keep = asyncio.create_task(_keep_dying(arena))
        killed = _kill_workers(runtime)
        await until(lambda: not any(map(alive, killed)))
        await until(lambda: runtime.ready()["workers_alive"] == 0)
        assert runtime.ready()["ready"] is False
        job = await submit(runtime, *SIBLINGS)
        assert not job.ended
        keep.cancel()
        await asyncio.wait({keep})
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED
        assert {(v.attempts, v.strikes) for v in job.variants} == {(1, 0)}
        await until(lambda: runtime.ready()["workers_alive"] == runtime.engine.pool.size)


async def _keep_dying(arena: str) -> None:
    """No worker comes up for as long as this runs."""
    while True:
        for number in range(2):
            await asyncio.to_thread(marker(arena, f"unready-{number}").touch)
        await asyncio.sleep(0.001)


async def test_a_forkserver_that_does_not_answer_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "_FORK_S", 0.5)
    monkeypatch.setattr(process, "_EXIT_CODE_S", 0.2)
    async with faulty_runtime(tmp_path) as runtime:
        before = runtime.engine.pool.workers
        worker = next(iter(before)).worker
        os.kill(worker.forkserver_pid, signal.SIGSTOP)
        os.kill(worker.pid, signal.SIGKILL)
        await until(lambda: len(runtime.engine.pool.workers - before) == len(before))
        job = await submit(runtime, *SIBLINGS)
        await finish(runtime, job)
        assert job.state is JobState.COMPLETED


async def test_stopped_workers_do_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        stopped = _kill_workers(runtime, signal.SIGSTOP)
    assert not any(map(alive, stopped))


async def test_the_death_of_a_worker_is_told_with_its_job_and_task(tmp_path: Path) -> None:
    async with faulty_runtime(tmp_path) as runtime:
        with capture_logs() as logs:
            job = await submit(runtime, "segv-once")
            await finish(runtime, job)
            await until(lambda: len(runtime.engine.pool.idle) == runtime.engine.pool.size)
            _kill_workers(runtime)
            await until(lambda: len(logs) == 1 + runtime.engine.pool.size)
            await until(lambda: len(runtime.engine.pool.idle) == runtime.engine.pool.size)
    told = [(log["event"], log["cause"], log["job"], log["task"]) for log in logs]
    assert told == [
        ("worker died", "crash", job.id, "segv-once"),
        *[("worker died", "outside", None, None)] * runtime.engine.pool.size,
    ]
