"""Attempts and strikes go on where they were left, and the workers are shared by client."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from pixelpipe.engine.attempts import Attempts
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.work import Encoded
from pixelpipe.errors import WorkerCrashedError, WrongDigestError
from tests.faults.engine_alone import NotingSink, engine_alone, make_order
from tests.faults.fault_workers import CRASH_WIDTH, HANG_ONCE_WIDTH
from tests.faults.faulty_runtime import until
from tests.photographs import photo_jpeg


@pytest_asyncio.fixture(scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with engine_alone() as opened:
        yield opened


def _kill_the_worker(engine: Engine) -> None:
    (handle,) = engine.pool.workers
    os.kill(handle.worker.pid, signal.SIGKILL)


async def test_a_decode_that_is_tried_again_is_told_of(engine: Engine) -> None:
    sink = NotingSink()
    order = await make_order(engine, "alpha", width=CRASH_WIDTH)
    await engine.run(order, sink)
    assert sink.told == [
        "decode called",
        "decode lost: 1 starts, 1 strikes",
        "decode called",
        "decode struck out",
        "0 failed: 0 strikes",
    ]
    assert order.decode_attempts == Attempts()


async def test_a_kill_from_outside_is_told_of_and_no_strike(engine: Engine) -> None:
    sink = NotingSink()
    order = await make_order(engine, "alpha", width=HANG_ONCE_WIDTH)
    run = asyncio.create_task(engine.run(order, sink))
    await until(lambda: "decode called" in sink.told)
    _kill_the_worker(engine)
    await run
    assert sink.told[:3] == ["decode called", "decode lost: 1 starts, 0 strikes", "decode called"]
    assert sink.told[-1] == "0 made"


async def test_a_decode_keeps_its_strikes_from_before(engine: Engine) -> None:
    sink = NotingSink()
    before = Attempts(3, 1)
    order = await make_order(engine, "alpha", width=CRASH_WIDTH, decode_attempts=before)
    await engine.run(order, sink)
    assert sink.told == ["decode called", "decode struck out", "0 failed: 0 strikes"]
    assert before == Attempts(3, 1)


async def test_a_task_keeps_its_attempts_and_strikes_from_before(engine: Engine) -> None:
    sink = NotingSink()
    before = Attempts(4, 1)
    order = await make_order(engine, "segv", "alpha", attempts=(before, Attempts()))
    await engine.run(order, sink)
    assert {"0 started: 5", "0 failed: 2 strikes", "1 started: 1", "1 made"} <= set(sink.told)
    assert not any(what.startswith("0 retrying") for what in sink.told)
    assert [type(error) for error in sink.errors] == [WorkerCrashedError]
    assert before == Attempts(4, 1)


async def test_accounts_have_to_be_those_of_the_tasks(engine: Engine) -> None:
    order = await make_order(engine, "alpha", "beta")
    with pytest.raises(ValueError, match="accounts"):
        replace(order, attempts=(Attempts(),))
    with pytest.raises(ValueError, match="source"):
        replace(order, source=None)
    assert order.source is not None
    order.source.release()


async def test_an_order_without_its_source_in_memory_reads_it(engine: Engine) -> None:
    async def load(target: memoryview) -> None:
        target[:] = photo_jpeg(400, 300)

    sink = NotingSink()
    order = await make_order(engine, "alpha")
    assert order.source is not None
    order.source.release()
    await engine.run(replace(order, source=None, load=load), sink)
    assert sink.told[-1] == "0 made"
    assert not engine.arena.leases


async def test_an_order_whose_source_is_waited_for_can_be_abandoned(engine: Engine) -> None:
    asked = asyncio.Event()

    async def load(target: memoryview) -> None:
        del target
        asked.set()
        await asyncio.Event().wait()

    order = await make_order(engine, "alpha")
    assert order.source is not None
    order.source.release()
    run = asyncio.create_task(engine.run(replace(order, source=None, load=load), NotingSink()))
    async with asyncio.timeout(20):
        await asked.wait()
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await until(lambda: not engine.arena.leases)


class LateJudge(NotingSink):
    """Finds out that a worker lied when that is dead and buried.

    Args:
        buried: Whether it is.
    """

    def __init__(self, buried: Callable[[], bool]) -> None:
        super().__init__()
        self._buried = buried
        self._believes = False

    async def task_made(self, index: int, encoded: Encoded) -> None:
        if not self._believes:
            self._believes = True
            await until(self._buried)
            raise WrongDigestError("it lied")
        await super().task_made(index, encoded)


async def test_a_worker_that_lied_may_be_dead_when_that_comes_out(engine: Engine) -> None:
    (liar,) = engine.pool.workers
    sink = LateJudge(lambda: liar not in engine.pool.workers)
    await engine.run(await make_order(engine, "after-once"), sink)
    (successor,) = engine.pool.workers
    assert sink.told[-3:] == ["0 retrying: 1 strikes", "0 started: 2", "0 made"]
    assert successor.verdict is None


async def test_a_flood_of_one_client_does_not_keep_another_waiting(engine: Engine) -> None:
    begun: list[str] = []

    async def order(label: str, client: str, priority: int = 0) -> asyncio.Task[None]:
        def told(what: str) -> None:
            if what == "decoded":
                begun.append(label)

        made = await make_order(engine, "alpha", label=label, client=client, priority=priority)
        return asyncio.create_task(engine.run(made, NotingSink(told)))

    busy = NotingSink()
    first = await make_order(engine, "hang-once", client="flood")
    runs = [asyncio.create_task(engine.run(first, busy))]
    await until(lambda: "0 started: 1" in busy.told)
    runs += [await order(f"flood {number}", "flood") for number in range(12)]
    runs += [await order(f"later {number}", "late", -5) for number in range(3)]
    runs.append(await order("urgent", "flood", 5))
    await until(lambda: engine.admission.waiting == 15)
    _kill_the_worker(engine)
    await asyncio.gather(*runs)
    # The first of the flood had its memory before the others came.
    assert begun[:3] == ["flood 0", "later 0", "urgent"]
    assert begun[3:7] == ["flood 1", "later 1", "flood 2", "later 2"]
    assert begun[7:] == [f"flood {number}" for number in range(3, 12)]


async def test_workers_that_die_of_earlier_jobs_fail_nobody_else() -> None:
    async with engine_alone(workers=2) as engine:
        culprits = [await make_order(engine, "undermine") for _ in range(2)]
        await asyncio.gather(*(engine.run(order, NotingSink()) for order in culprits))
        assert [handle.steps_done for handle in engine.pool.workers] == [2, 2]
        sink = NotingSink()
        await engine.run(await make_order(engine, "alpha"), sink)
    assert sink.told == [
        "decode called",
        "decode lost: 1 starts, 1 strikes",
        "decode called",
        "decoded",
        "0 started: 1",
        "0 made",
    ]


async def test_what_has_a_strike_from_before_finds_a_fresh_worker(engine: Engine) -> None:
    await engine.run(await make_order(engine, "alpha"), NotingSink())
    (before,) = engine.pool.workers
    sink = NotingSink()
    order = await make_order(engine, "beta", decode_attempts=Attempts(1, 1))
    await engine.run(order, sink)
    assert sink.told[-1] == "0 made"
    assert before not in engine.pool.workers
