"""Threads that do what blocks, with as little ado on the event loop as there can be.

An executor's future goes through a lock, a second future and asyncio's shield, each with a turn of
the event loop of its own: half of what a short errand costs. The kernel knows the threads by their
names, so that their CPU time can be told apart.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, TypeVar, TypeVarTuple

_NAME_BYTES = 15

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class Outcome(Generic[_Result]):
    """What comes of something that is done elsewhere; made, told and waited for on the loop."""

    def __init__(self) -> None:
        self._told: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._over = False
        self._end: asyncio.Future[None] | None = None

    def tell(self, result: _Result) -> None:
        """It was done."""
        if not self._told.done():
            self._told.set_result(result)
        self._ended()

    def fail(self, error: BaseException) -> None:
        """It failed."""
        if not self._told.done():
            self._told.set_exception(error)
        self._ended()

    async def wait(self) -> _Result:
        """The result; who is cancelled, however often, gets away no earlier than it is over.

        What is done in a thread may use memory that whoever cancelled is about to release. One
        may wait, once.
        """
        try:
            return await self._told
        except asyncio.CancelledError:
            while not self._over:
                self._end = asyncio.get_running_loop().create_future()
                with suppress(asyncio.CancelledError):
                    await self._end
            raise

    def _ended(self) -> None:
        self._over = True
        if self._end is not None and not self._end.done():
            self._end.set_result(None)


class Threads:
    """Some threads that take errands in the order of their coming.

    Args:
        count: How many.
        name: Which `top -H` shows, cut to 15 bytes.
    """

    def __init__(self, count: int, name: str) -> None:
        self._errands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(name,), name=f"{name}_{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(
        self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        """Call `function` in a thread; a caller who is cancelled waits for it all the same."""
        outcome: Outcome[_Result] = Outcome()
        self.start(outcome.tell, outcome.fail, partial(function, *arguments))
        return await outcome.wait()

    def start(
        self,
        tell: Callable[[_Result], None],
        fail: Callable[[BaseException], None],
        call: Callable[[], _Result],
    ) -> None:
        """Have a thread call `call`, and the loop what it came to.

        Raises:
            RuntimeError: They are closed.
        """
        if self._closed:
            raise RuntimeError("the threads have ended")
        loop = asyncio.get_running_loop()
        self._errands.put(partial(_do, loop, tell, fail, call))

    def close(self) -> None:
        """Do what was asked for, and end."""
        self._closed = True
        for _ in self._threads:
            self._errands.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, name: str) -> None:
        _show(name)
        while (errand := self._errands.get()) is not None:
            errand()
            del errand  # What it was about is not kept until the next one comes.


def _do(
    loop: asyncio.AbstractEventLoop,
    tell: Callable[[_Result], None],
    fail: Callable[[BaseException], None],
    call: Callable[[], _Result],
) -> None:
    try:
        told: Callable[[], None] = partial(tell, call())
    except BaseException as error:  # noqa: BLE001 - whoever waits for it has to hear of it
        told = partial(fail, error)
    with suppress(RuntimeError):  # The loop was closed: nobody waits any more.
        loop.call_soon_threadsafe(told)


def _show(name: str) -> None:
    with suppress(OSError):  # It is only shown.
        Path("/proc/thread-self/comm").write_bytes(name.encode()[:_NAME_BYTES])
