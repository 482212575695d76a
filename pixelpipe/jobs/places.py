"""So many at a time, by fair turns of the clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pixelpipe.engine.fair_queue import FairQueue


class Places:
    """Places that are taken for a while; while none is free, clients get them by turns.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()

    @asynccontextmanager
    async def taken(self, client: str, cost: float) -> AsyncIterator[None]:
        """A place for as long as the context lasts.

        Args:
            client: Who takes it.
            cost: What it is taken for, in any unit that is the same for all; above 0.
        """
        if self._free:
            self._free -= 1
        else:
            await self._turn(client, cost)
        try:
            yield
        finally:
            self._leave()

    async def _turn(self, client: str, cost: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.push(turn, client=client, cost_ms=cost)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():
                self._leave()  # It was given the place just before.
            raise

    def _leave(self) -> None:
        """Hand the place on: it is never free while anybody waits."""
        while self._waiting:
            turn = self._waiting.pop()
            if not turn.done():  # else whoever waited was cancelled, and is about to see it
                turn.set_result(None)
                return
        self._free += 1
