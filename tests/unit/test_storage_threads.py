"""Errands are done in their order, told on the loop, and not left behind."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pixelpipe.storage.threads import Threads


@pytest.fixture
def thread() -> Iterator[Threads]:
    threads = Threads(1, "errands")
    yield threads
    threads.close()


async def test_what_a_thread_did_is_told(thread: Threads) -> None:
    async with asyncio.timeout(5):
        assert await thread.run(divmod, 7, 2) == (3, 1)


async def test_what_went_wrong_is_raised(thread: Threads) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(ZeroDivisionError):
            await thread.run(divmod, 7, 0)
        assert await thread.run(divmod, 7, 2) == (3, 1)


async def test_one_thread_keeps_the_order(thread: Threads) -> None:
    done: list[int] = []
    async with asyncio.timeout(5):
        await asyncio.gather(*(thread.run(done.append, number) for number in range(20)))
    assert done == list(range(20))


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_who_is_cancelled_gets_away_when_it_is_over(
    thread: Threads, cancellations: int
) -> None:
    loop, began, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def errand() -> None:
        loop.call_soon_threadsafe(began.set)
        may_end.wait(10)

    running = asyncio.create_task(thread.run(errand))
    await began.wait()
    for _ in range(cancellations):
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=0.02)
        assert not done
    may_end.set()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_what_was_asked_for_is_done_before_the_end() -> None:
    threads, may_begin, done = Threads(1, "errands"), threading.Event(), threading.Event()
    waiting = [asyncio.create_task(threads.run(each)) for each in (may_begin.wait, done.set)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(threads.close))
    may_begin.set()
    async with asyncio.timeout(5):
        await asyncio.gather(closing, *waiting)
    assert done.is_set()
    with pytest.raises(RuntimeError):
        await threads.run(done.set)
