"""Jobs stay with their worker, are handed back by one that closes, and come back from lost ones."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from bullmq import Queue
from structlog.testing import capture_logs

from pixelpipe.scaleout import queue_worker
from pixelpipe.scaleout.queue_job import GivenUp, QueuedJob, Stop
from pixelpipe.scaleout.queue_locks import MOST_STALLS, Timing
from pixelpipe.scaleout.queue_worker import QueueWorker
from tests.redis_server import LiveRedis
from tests.scaleout.queues import House, soon, until

_PROGRAM = Path(__file__).with_name("queue_program.py")
# Nothing comes back in the time of a test because a lock expires.
PATIENT = Timing(lock_s=300, renew_every_s=0.1, lost_every_s=0.2, look_every_s=0.1)


class Held:
    """A process that holds its jobs until it is told otherwise."""

    def __init__(self) -> None:
        self.begun: dict[str, asyncio.Event] = {}
        self.go_on: dict[str, asyncio.Event] = {}
        self.attempts: dict[str, int] = {}
        self.stops: dict[str, Stop | None] = {}

    def watch(self, *job_ids: str) -> None:
        for job_id in job_ids:
            self.begun[job_id] = asyncio.Event()
            self.go_on[job_id] = asyncio.Event()

    async def __call__(self, job: QueuedJob) -> object:
        self.attempts[job.id] = job.attempt
        self.begun[job.id].set()
        try:
            await self.go_on[job.id].wait()
        finally:
            self.stops[job.id] = job.stop
        return job.attempt


async def idle(job: QueuedJob) -> object:
    return job.attempt


async def test_locks_are_renewed_while_jobs_run_and_while_the_worker_closes(house: House) -> None:
    held = Held()
    held.watch("short", "long")
    for job_id in held.begun:
        await house.queue.add(job_id, {})
    async with house.working(held, timing=PATIENT, concurrency=2) as worker:
        for event in held.begun.values():
            await soon(event)
        closing = asyncio.create_task(worker.close(60))
        held.go_on["short"].set()
        await house.completed("short")
        # Another worker would take it if its lock were let go.
        async with house.working(idle, timing=PATIENT):
            for _ in range(3):
                await house.redis.expire(house.key("long:lock"), 60)
                await until(lambda: _lives_longer(house, "long", 100_000))
        held.go_on["long"].set()
        await closing
    assert await house.completed("long") == "1"
    assert held.stops == {"short": None, "long": None}


async def _lives_longer(house: House, job_id: str, least_ms: int) -> bool:
    left_ms: int = await house.redis.pttl(house.key(f"{job_id}:lock"))
    assert left_ms > 0, "the lock expired"
    return left_ms > least_ms


async def test_a_worker_that_closes_hands_its_jobs_back_at_once(house: House) -> None:
    held = Held()
    held.watch("one", "plain")
    await house.queue.add("one", {}, priority=5)
    # As a program that gives no priority adds it.
    await Queue(house.place.name, {"connection": house.redis}).add("x", {}, {"jobId": "plain"})
    async with house.working(held, timing=PATIENT, concurrency=2) as worker:
        for event in held.begun.values():
            await soon(event)
        await worker.close(0.0)
        assert held.stops == {"one": Stop.RETURNED, "plain": Stop.RETURNED}
        counts = await house.queue.counts()
        assert (counts.waiting, counts.active, counts.failed) == (2, 0, 0)
    async with house.working(idle, timing=PATIENT):
        assert await house.completed("one") == "2"
        assert await house.completed("plain") == "2"
    for job_id in held.begun:
        # It counts neither as a failure nor as a worker that went away.
        assert await house.field(job_id, "atm") == "1"
        assert await house.field(job_id, "stc") is None


async def test_a_worker_that_waits_is_called_for_a_job_that_is_handed_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of itself it would look again too late for this test.
    monkeypatch.setattr(queue_worker, "_WAIT_S", 300)
    held = Held()
    held.watch("one")
    await house.queue.add("one", {})
    async with house.working(held, timing=PATIENT) as worker:
        await soon(held.begun["one"])
        async with house.working(idle, timing=PATIENT):
            await until(lambda: _waits(house))
            await worker.close(0.0)
            assert await house.completed("one") == "2"


async def _waits(house: House) -> bool:
    called = await house.redis.exists(house.key("marker"))
    clients = await house.redis.client_list()
    own = [client for client in clients if client["name"].startswith(house.key("")[:-1])]
    return not called and any(client["cmd"] == "bzpopmin" for client in own)


async def test_a_job_that_does_not_end_is_handed_back_all_the_same(house: House) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    ended = asyncio.Event()

    async def stubborn(job: QueuedJob) -> object:
        begun.set()
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()
        ended.set()
        return job.id

    await house.queue.add("one", {})
    async with house.working(stubborn, timing=PATIENT) as worker:
        await soon(begun)
        with capture_logs() as logs:
            await worker.close(0.0)
    assert [entry["job"] for entry in logs if entry["log_level"] == "error"] == ["one"]
    async with house.working(idle, timing=PATIENT):
        assert await house.completed("one") == "2"
    go_on.set()
    await soon(ended)


async def test_who_lets_go_is_not_blamed_for_a_redis_that_stands_still(
    own_redis: LiveRedis, own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_worker, "_GRACE_S", 0.1)
    held = Held()
    held.watch("one", "two")
    for job_id in held.begun:
        await own_house.queue.add(job_id, {})
    async with own_house.working(held, concurrency=2) as worker:
        for event in held.begun.values():
            await soon(event)
        own_redis.freeze()
        try:
            with capture_logs() as logs:
                await worker.close(0.0)
        finally:
            own_redis.thaw()
    assert set(held.stops) == {"one", "two"}
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_a_lock_that_expired_while_redis_was_away_is_taken_again(house: House) -> None:
    held = Held()
    held.watch("one")
    await house.queue.add("one", {})
    timing = replace(PATIENT, lost_every_s=300)
    async with house.working(held, timing=timing):
        await soon(held.begun["one"])
        lock = house.key("one:lock")
        token = await house.redis.getdel(lock)
        await until(lambda: house.redis.exists(lock))
        assert await house.redis.get(lock) == token
        held.go_on["one"].set()
        assert await house.completed("one") == "1"


async def test_the_end_of_a_job_is_told_although_its_lock_has_expired(house: House) -> None:
    async def process(job: QueuedJob) -> object:
        await house.redis.delete(house.key(f"{job.id}:lock"))
        return job.id

    await house.queue.add("one", {})
    async with house.working(process, timing=Timing(300, 300, 300, 300)):
        assert await house.completed("one") == '"one"'


async def test_a_job_that_another_worker_has_is_left_and_nothing_is_told_of_it(
    house: House,
) -> None:
    held = Held()
    held.watch("one")
    await house.queue.add("one", {})
    async with house.working(held, timing=replace(PATIENT, lost_every_s=300)) as worker:
        await soon(held.begun["one"])
        await house.redis.set(house.key("one:lock"), "another's")
        await until(lambda: _holds_none(worker))
        assert held.stops == {"one": Stop.LOST}
        assert await house.redis.get(house.key("one:lock")) == "another's"
        assert (await house.queue.counts()).active == 1


async def _holds_none(worker: QueueWorker) -> bool:
    return worker.running == 0


async def test_the_job_of_a_killed_worker_is_done_by_another_one(house: House) -> None:
    await house.queue.add("one", {})
    async with programs(house, "hold", 1):
        await until(lambda: house.redis.exists(house.key("held-by-program")))
    # It was killed by now; its job is still its own.
    assert (await house.queue.counts()).active == 1
    async with house.working(idle):
        assert await house.completed("one") == "2"
    assert await house.field("one", "stc") == "1"


async def test_a_job_that_takes_worker_after_worker_with_it_ends(house: House) -> None:
    given_up: list[tuple[str, GivenUp]] = []

    async def give_up(job: QueuedJob, why: GivenUp) -> None:
        given_up.append((job.id, why))

    await house.queue.add("one", {})
    async with programs(house, "die", MOST_STALLS + 1) as program:
        await program.wait()
    assert await house.field("one", "ats") == str(MOST_STALLS + 1)
    async with house.working(idle, give_up=give_up):
        assert (await house.failed("one")).startswith("worker-crashed: ")
    assert given_up == [("one", GivenUp.STALLED)]


async def test_a_job_that_is_given_up_when_something_was_made_is_completed(house: House) -> None:
    async def give_up(job: QueuedJob, why: GivenUp) -> object:
        return [job.id, why.name]

    await house.queue.add("one", {})
    # So BullMQ marks a job that took worker after worker with it.
    await house.redis.hset(house.key("one"), "defa", "stalled")
    async with house.working(idle, give_up=give_up):
        assert await house.completed("one") == '["one","STALLED"]'


@asynccontextmanager
async def programs(house: House, does: str, count: int) -> AsyncIterator[Process]:
    """So many worker processes of their own; leaving kills them."""
    place = house.place
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, _PROGRAM, place.url, place.name, does, str(count)),
        cwd=_PROGRAM.parents[2],
        start_new_session=True,
    )
    try:
        yield program
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        await program.wait()
