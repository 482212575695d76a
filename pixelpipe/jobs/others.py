"""What other processes over the same journal do, as those see it who follow or wait here."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing

from pixelpipe.jobs.elsewhere import Elsewhere
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.peers import Kind, Notice, Peers
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.reach import Reach
from pixelpipe.jobs.tail import Announced, Tail


class Others:
    """Brings what they record to who follows here, and tells them of what is recorded here.

    Args:
        journal: What all of them write to.
        feed: Who follows here.
        peers: The others.
    """

    def __init__(self, journal: Journal, feed: Feed, peers: Peers) -> None:
        self._feed = feed
        self._peers = peers
        self._tail = Tail(journal, self, lambda: peers.tell(Notice(Kind.RECORDED)))
        self.elsewhere = Elsewhere(journal, self._tail.catch_up)

    @property
    def readers(self) -> Announced:
        """Who is told of what is recorded here."""
        return self._feed if self._peers.alone else self._tail

    async def start(self, *listeners: Callable[[Notice], None]) -> None:
        """Begin to listen.

        Raises:
            StorageFailedError: The journal cannot be read.
        """
        if self._peers.alone:
            return
        await self._tail.start()
        for listener in (self._hear, *listeners):
            self._peers.listen(listener)

    async def close(self) -> None:
        """Bring nothing more."""
        await self._tail.close()

    def announce(self, events: Sequence[Event]) -> None:
        """Tell those who follow of events that are in the journal by now, whoever recorded them."""
        self._feed.announce(events)
        self.elsewhere.saw(events)
        for event in events:
            if event.terminal:
                self._feed.job_ended(event.job_id)

    async def wait(self, job_id: str, timeout_s: float) -> None:
        """Return at the end of a job that is not here, or when the time is up.

        Raises:
            StorageFailedError: The journal could not be read.
        """
        async with self.elsewhere.watching([job_id]):
            await self.elsewhere.end_of(job_id, timeout_s)

    def follow(
        self, after: int, job_ids: Collection[str] | None, reach: Reach
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Events, wherever they are recorded; see `JobService.follow`."""
        if self._peers.alone or job_ids is None:
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
            self._tail.look()
