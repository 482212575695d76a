"""The event log as readers see it: what is recorded, then what comes, each event once."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from operator import attrgetter

from pixelpipe.jobs.batches import batch_of
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.reach import Reach
from pixelpipe.jobs.readers import BATCH, BATCH_BYTES, Key, Reader, Wish

_TAIL_BYTES = 4 * 1024 * 1024
# Events that are looked at for those of one tenant before others have their turn at the journal.
_SEARCHED = 5000

_by_id = attrgetter("id")


class Feed:
    """Readers of the journal, handed what is announced once they have caught up.

    The newest events stay in memory, so that those who have not quite cost the journal nothing.

    Args:
        journal: What is read.
        is_live: Whether a job may still have events; it is asked before the journal is looked at.
    """

    def __init__(self, journal: Journal, is_live: Callable[[str], bool]) -> None:
        self._journal = journal
        self._is_live = is_live
        self._readers: dict[Key, set[Reader]] = defaultdict(set)
        self._tail: list[Event] = []
        self._tail_bytes = 0
        self._tail_after: int | None = None
        self._closed = False

    def announce(self, events: Sequence[Event]) -> None:
        """Hand these events, which are in the journal by now, to those who want them."""
        self._remember(events)
        if not self._readers:
            return
        for event in events:
            keys: tuple[Key, ...] = (("all", ""), ("tenant", event.tenant), ("job", event.job_id))
            for key in keys:
                for reader in self._readers.get(key, ()):
                    reader.offer(event)

    def job_ended(self, job_id: str) -> None:
        """Let those who wait for the job alone look again: it is no longer live."""
        for reader in self._readers.get(("job", job_id), ()):
            reader.call()

    def close(self) -> None:
        """End every reader once it has what is recorded."""
        self._closed = True
        for readers in self._readers.values():
            for reader in readers:
                reader.call()

    async def follow(
        self, after: int, job_ids: Collection[str] | None, reach: Reach
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Batches of events; see `JobService.follow`."""
        wish = Wish(None if job_ids is None else frozenset(job_ids), reach)
        reader = Reader(wish, after)
        for key in wish.keys:
            self._readers[key].add(reader)
        try:
            while True:
                # Unset before looking: what is announced from here on is looked for again.
                reader.called = False
                last = self._closed or not self._may_go_on(wish.job_ids)
                before = reader.position
                batch = reader.take() if reader.near else await self._look(reader)
                if batch:
                    yield batch
                elif reader.position > before or reader.called:
                    continue  # There was something, if nothing of his: there may be more.
                elif last:
                    return
                else:
                    reader.near = True
                    await reader.wait()
        finally:
            for key in wish.keys:
                self._forget(key, reader)

    def _may_go_on(self, job_ids: Collection[str] | None) -> bool:
        return job_ids is None or any(self._is_live(job_id) for job_id in job_ids)

    async def _look(self, reader: Reader) -> Sequence[Event]:
        """The next of the events that he wants, if any; moves his position."""
        after, wish = reader.position, reader.wish
        if self._tail_after is None or after < self._tail_after:
            batch, reader.position = await self._recorded(after, wish)
            return batch
        newer = self._tail[bisect_right(self._tail, after, key=_by_id) :]
        batch = batch_of(filter(wish.holds, newer), BATCH, BATCH_BYTES)
        newest = newer[-1].id if newer else after
        reader.position = batch[-1].id if batch else newest
        return batch

    async def _recorded(self, after: int, wish: Wish) -> tuple[Sequence[Event], int]:
        tenant = wish.reach.tenant
        if wish.job_ids is None and tenant is not None:
            until = min(after + _SEARCHED, max(after, await self._journal.last_event_id()))
            ids = range(after + 1, until + 1)
            batch = await self._journal.tenant_events(tenant, ids, BATCH, BATCH_BYTES)
            return batch, batch[-1].id if batch else until
        found = await self._journal.events(after, wish.job_ids, BATCH, BATCH_BYTES)
        return list(filter(wish.holds, found)), found[-1].id if found else after

    def _remember(self, events: Sequence[Event]) -> None:
        if events and self._tail_after is None:
            self._tail_after = events[0].id - 1
        self._tail.extend(events)
        self._tail_bytes += sum(len(event.data) for event in events)
        if self._tail_bytes > _TAIL_BYTES:
            # By half, so that the list is seldom moved.
            gone, self._tail = _halved(self._tail)
            self._tail_bytes -= sum(len(event.data) for event in gone)
            self._tail_after = gone[-1].id

    def _forget(self, key: Key, reader: Reader) -> None:
        self._readers[key].discard(reader)
        if not self._readers[key]:
            del self._readers[key]


def _halved(events: list[Event]) -> tuple[list[Event], list[Event]]:
    middle = (len(events) + 1) // 2
    return events[:middle], events[middle:]
