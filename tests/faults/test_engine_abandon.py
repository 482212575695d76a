"""An order that is abandoned gives its memory back, and nobody hears of it any more."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pixelpipe.engine.engine import Engine
from pixelpipe.engine.work import Encoded
from tests.faults.engine_alone import NotingSink, StuckSink, engine_alone, make_order
from tests.faults.faulty_runtime import until

NAMES = ("alpha", "beta", "gamma")
STORY = (
    "decode called",
    "decoded",
    "0 started: 1",
    "1 started: 1",
    "2 started: 1",
    "0 made",
    "1 made",
    "2 made",
)


@pytest_asyncio.fixture(scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with engine_alone() as opened:
        yield opened


async def _start(engine: Engine, sink: NotingSink, *names: str) -> asyncio.Task[None]:
    return asyncio.create_task(engine.run(await make_order(engine, *names), sink))


async def _is_whole(engine: Engine) -> None:
    """All memory is back, and work can be done."""
    await until(lambda: not engine.arena.leases)
    await until(lambda: len(engine.pool.idle) == engine.pool.size)
    sink = NotingSink()
    await engine.run(await make_order(engine, *NAMES), sink)
    assert sorted(sink.told) == sorted(STORY)


async def test_memory_is_free_although_every_delivery_is_stuck(engine: Engine) -> None:
    sink = StuckSink()
    run = await _start(engine, sink, *NAMES)
    await until(lambda: sorted(sink.told) == sorted(STORY))
    assert engine.arena.leases
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await until(lambda: not engine.arena.leases)
    assert sorted(sink.told) == sorted(STORY)
    await _is_whole(engine)


async def test_memory_is_free_although_a_worker_hangs_and_a_delivery_is_stuck(
    engine: Engine,
) -> None:
    sink = StuckSink()
    run = await _start(engine, sink, "alpha", "hang")
    await until(lambda: "0 made" in sink.told and "1 started: 1" in sink.told)
    told = list(sink.told)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await _is_whole(engine)
    assert sink.told == told


@pytest.mark.parametrize("last", STORY)
async def test_whenever_it_is_cancelled_nothing_more_is_told(last: str, engine: Engine) -> None:
    def cancel(what: str) -> None:
        if what == last:
            run.cancel()

    sink = StuckSink(cancel)
    run = await _start(engine, sink, *NAMES)
    with pytest.raises(asyncio.CancelledError):
        await run
    told = list(sink.told)
    assert last in told
    await _is_whole(engine)
    assert sink.told == told
    assert sink.errors == []


@pytest.mark.parametrize("last", STORY)
async def test_what_is_abandoned_in_the_middle_of_a_call_hears_nothing_more(
    last: str, engine: Engine
) -> None:
    def abandon(what: str) -> None:
        if what == last:
            (work,) = engine._done
            engine._abandon(work)

    sink = StuckSink(abandon)
    run = await _start(engine, sink, *NAMES)
    await run
    assert sink.told[-1] == last
    told = list(sink.told)
    await _is_whole(engine)
    assert sink.told == told


async def test_memory_is_kept_until_the_delivery_has_let_go(engine: Engine) -> None:
    class SlowSink(NotingSink):
        """Has a thread that reads the content, so to speak."""

        async def task_made(self, index: int, encoded: Encoded) -> None:
            await super().task_made(index, encoded)
            try:
                await asyncio.Event().wait()
            finally:
                self.note("cancelled")
                await thread_ended.wait()
                self.note("let go")
                content.append(bytes(encoded.content[:3]))

    thread_ended = asyncio.Event()
    content: list[bytes] = []
    sink = SlowSink()
    run = await _start(engine, sink, "alpha")
    await until(lambda: "0 made" in sink.told)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await until(lambda: "cancelled" in sink.told)
    assert engine.arena.leases
    thread_ended.set()
    await _is_whole(engine)
    assert content == [b"\xff\xd8\xff"]


async def test_a_delivery_that_fails_when_it_is_cancelled_is_no_failure(engine: Engine) -> None:
    class ClumsySink(NotingSink):
        """Makes something else of its cancellation."""

        async def task_made(self, index: int, encoded: Encoded) -> None:
            await super().task_made(index, encoded)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("interrupted") from None

    sink = ClumsySink()
    run = await _start(engine, sink, "alpha")
    await until(lambda: "0 made" in sink.told)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await _is_whole(engine)
    assert sink.errors == []


async def test_what_waits_for_its_turn_is_forgotten_at_once(engine: Engine) -> None:
    stuck, patient = StuckSink(), NotingSink()
    first = await _start(engine, stuck, "hang")
    await until(lambda: "0 started: 1" in stuck.told)
    others = [await _start(engine, patient, *NAMES) for _ in range(3)]
    await until(lambda: engine.admission.waiting == 2)
    for run in [*others, first]:
        run.cancel()
    await asyncio.gather(*others, first, return_exceptions=True)
    assert engine.admission.waiting == 0
    assert patient.told == []
    await _is_whole(engine)


async def test_closing_the_engine_leaves_nothing_although_a_delivery_is_stuck() -> None:
    sink = StuckSink()
    async with engine_alone() as engine:
        run = await _start(engine, sink, "alpha", "hang")
        await until(lambda: "0 made" in sink.told)
        told = list(sink.told)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert sink.told == told
    assert not engine.arena.leases
