"""The other nodes as the job service sees them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.scaleout.redis_signals import BATCH, Moment, RedisSignals

_REST_S = 0.02

_log = structlog.get_logger(__name__)


class RedisPeers:
    """`jobs.peers.Peers` by way of Redis.

    What is recorded, refused and sent is told with what the journal writes. What is told besides
    needs a call of its own.

    Args:
        signals: What is heard, and told.
        since: What is told from then on is heard.
        followed: Whether anybody asks here for what other nodes do.
    """

    alone = False
    # What one does for all does no harm where each does it; webhooks have a lead of their own.
    leader = True
    # A job is claimed by whoever takes it from the queue: nobody's are taken over.
    owners: frozenset[str] = frozenset()

    def __init__(self, signals: RedisSignals, since: Moment, *, followed: bool = True) -> None:
        self.followed = followed
        self._signals = signals
        self._since = since
        self._listeners: list[Callable[[Notice], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, notice: Notice) -> None:
        """Tell the others what the journal does not; see the port."""
        match notice.kind:
            case Kind.CANCEL:
                self._begin(self._request_cancel(notice.about))
            case Kind.HIT:
                self._begin(self._hit(notice.about))

    def listen(self, hear: Callable[[Notice], None]) -> None:
        """Call `hear` with what they tell; see the port."""
        self._listeners.append(hear)
        if len(self._listeners) == 1:
            self._begin(self._hear_notices())
            if self.followed:
                self._begin(self._hear_events())
                self._begin(self._hear_hits())

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
        async for notice in self._signals.notices(self._since.notice):
            self._take(notice)

    async def _hear_events(self) -> None:
        async for events in self._signals.events(self._since.event):
            self._take(Notice(Kind.RECORDED, events=events))
            await _rest_after(len(events))

    async def _hear_hits(self) -> None:
        async for hits in self._signals.hits(self._since.hit):
            for about in hits:
                self._take(Notice(Kind.HIT, about))
            await _rest_after(len(hits))

    def _take(self, notice: Notice) -> None:
        for hear in self._listeners:
            try:
                hear(notice)
            except Exception:  # noqa: BLE001 - as it says
                # Else nothing would be heard from then on, and nobody would know.
                _log.exception("what other nodes told could not be taken in", kind=notice.kind)

    async def _request_cancel(self, job_id: str) -> None:
        try:
            await self._signals.request_cancel(job_id)
        except StorageFailedError as error:
            _log.warning("a job could not be cancelled", job=job_id, error=str(error))

    async def _hit(self, about: str) -> None:
        try:
            await self._signals.hit(about)
        except StorageFailedError as error:
            _log.debug("a notice could not be told", error=str(error))


async def _rest_after(count: int) -> None:
    """Else each write of each node would be heard by itself; nobody sees the difference.

    Where as many came as come together, more are there already.
    """
    if count < BATCH:
        await asyncio.sleep(_REST_S)
