"""The other nodes as the job service sees them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.scaleout.redis_signals import RedisSignals

_log = structlog.get_logger(__name__)


class RedisPeers:
    """`jobs.peers.Peers` by way of Redis.

    What is recorded, refused and sent is told with what the journal writes. What is told besides
    needs a call of its own.

    Args:
        signals: What is heard, and told.
        newest: The newest notice: those behind it are heard.
        last_event_id: The newest event's id: likewise.
    """

    alone = False
    # What one does for all does no harm where each does it; webhooks have a lead of their own.
    leader = True
    # A job is claimed by whoever takes it from the queue: nobody's are taken over.
    owners: frozenset[str] = frozenset()

    def __init__(self, signals: RedisSignals, newest: str, last_event_id: int) -> None:
        self._signals = signals
        self._newest = newest
        self._last_event_id = last_event_id
        self._listeners: list[Callable[[Notice], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, notice: Notice) -> None:
        """Tell the others what the journal does not; see the port."""
        match notice.kind:
            case Kind.CANCEL:
                self._begin(self._request_cancel(notice.about))
            case Kind.HIT:
                self._begin(self._tell(notice))

    def listen(self, hear: Callable[[Notice], None]) -> None:
        """Call `hear` with what they tell; see the port."""
        self._listeners.append(hear)
        if len(self._listeners) == 1:
            self._begin(self._hear_notices())
            self._begin(self._hear_events())

    async def close(self) -> None:
        """Hear and tell nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hear_notices(self) -> None:
        async for notice in self._signals.notices(self._newest):
            self._take(notice)

    async def _hear_events(self) -> None:
        # Whoever follows them reads them from the journal, in their order.
        async for _ in self._signals.events(self._last_event_id):
            self._take(Notice(Kind.RECORDED))

    def _take(self, notice: Notice) -> None:
        for hear in self._listeners:
            hear(notice)

    async def _request_cancel(self, job_id: str) -> None:
        try:
            await self._signals.request_cancel(job_id)
        except StorageFailedError as error:
            _log.warning("a job could not be cancelled", job=job_id, error=str(error))

    async def _tell(self, notice: Notice) -> None:
        try:
            await self._signals.tell(notice)
        except StorageFailedError as error:
            _log.debug("a notice could not be told", error=str(error))
