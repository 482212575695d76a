"""What other processes over the same journal do, as those see it who follow or wait here."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing

from pixelpipe.jobs.elsewhere import Elsewhere
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.peers import Kind, Notice, Peers
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.reach import Reach
from pixelpipe.jobs.tail import Tail


class Others:
    """Brings what they record to who follows here, and tells them of what is recorded here.

    Args:
        journal: What all of them write to.
        feed: Who follows here.
        peers: The others.

    Attributes:
        waiting: Those who wait for ends of jobs that are not here.
    """

    def __init__(self, journal: Journal, feed: Feed, peers: Peers) -> None:
        self._feed = feed
        self._peers = peers
        self._tail = Tail(journal, self._see)
        self.elsewhere = Elsewhere(journal, self._catch_up)
        self.waiting: set[asyncio.Task[bool]] = set()
        self._until_s = math.inf

    async def start(self, *listeners: Callable[[Notice], None]) -> None:
        """Begin to listen.

        Raises:
            StorageFailedError: The journal cannot be read.
        """
        if self._peers.alone:
            return
        if self._peers.followed:
            await self._tail.start()
        for listener in (self._hear, *listeners):
            self._peers.listen(listener)

    async def close(self) -> None:
        """Bring nothing more."""
        await self._tail.close()

    def hasten(self, within_s: float) -> None:
        """From now on let nobody wait for longer, also who is about to begin."""
        until_s = asyncio.get_running_loop().time() + within_s
        self._until_s = min(self._until_s, until_s)

    def announce(self, events: Sequence[Event]) -> None:
        """Tell those who follow, here and elsewhere, of events that were recorded here."""
        if not events:
            return
        if self._peers.followed:
            self._tail.announce(events)
        else:
            self._feed.announce(events)
        self._peers.tell(Notice(Kind.RECORDED))

    async def _catch_up(self) -> None:
        # Where nobody follows others, the tail has not begun: it would read from the very first.
        if self._peers.followed and not self._peers.alone:
            await self._tail.catch_up()

    def _see(self, events: Sequence[Event]) -> None:
        """Tell those who follow here of events that are in the journal, whoever recorded them."""
        self._feed.announce(events)
        self.elsewhere.saw(events)
        for event in events:
            if event.terminal:
                self._feed.job_ended(event.job_id)

    async def wait(
        self, job_id: str, timeout_s: float, on_left: Callable[[str], None] | None = None
    ) -> None:
        """Return at the end of a job that is not here, or when the time is up.

        Args:
            job_id: Which.
            timeout_s: For how long; for less, if the one of `waiting` for this is cancelled.
            on_left: Called with the job's id when this call is cancelled.

        Raises:
            StorageFailedError: The journal could not be read.
        """
        try:
            async with self.elsewhere.watching([job_id]):
                left_s = self._until_s - asyncio.get_running_loop().time()
                within_s = min(timeout_s, max(0.0, left_s))
                await self._wait(asyncio.create_task(self.elsewhere.end_of(job_id, within_s)))
        except asyncio.CancelledError:
            if on_left is not None:
                on_left(job_id)
            raise

    async def _wait(self, waiting: asyncio.Task[bool]) -> None:
        self.waiting.add(waiting)
        try:
            await asyncio.wait({waiting})
        finally:
            self.waiting.discard(waiting)
            waiting.cancel()

    def follow(
        self, after: int, job_ids: Collection[str] | None, reach: Reach
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Events, wherever they are recorded; see `JobService.follow`."""
        if job_ids is None or not self._peers.followed:
            return self._feed.follow(after, job_ids, reach)
        return self._follow_watched(after, job_ids, reach)

    async def _follow_watched(
        self, after: int, job_ids: Collection[str], reach: Reach
    ) -> AsyncGenerator[Sequence[Event], None]:
        async with (
            self.elsewhere.watching(job_ids),
            aclosing(self._feed.follow(after, job_ids, reach)) as batches,
        ):
            async for batch in batches:
                yield batch

    def _hear(self, notice: Notice) -> None:
        if notice.kind is Kind.RECORDED:
            self._tail.hear(notice.events)
