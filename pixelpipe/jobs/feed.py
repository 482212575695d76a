"""The event log as readers see it: what is recorded, then what comes, each event once."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Literal

from pixelpipe.jobs.batches import batch_of
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.reach import Reach

_BATCH = 500
# A reader that is slow holds one batch on its way, and one that waits.
_BATCH_BYTES = 256 * 1024
_TAIL_BYTES = 4 * 1024 * 1024
# Events that are looked at for those of one tenant before others have their turn at the journal.
_SEARCHED = 5000

_by_id = attrgetter("id")

# What a reader is woken by: any event, or one of a tenant, or of a job.
_Key = tuple[Literal["all", "tenant", "job"], str]


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which events a reader wants.

    Attributes:
        job_ids: Of these jobs; None for any.
        reach: And only as far as he may.
    """

    job_ids: frozenset[str] | None
    reach: Reach

    @property
    def keys(self) -> list[_Key]:
        """What the reader is woken by."""
        if self.job_ids is not None:
            return [("job", job_id) for job_id in self.job_ids]
        return [("all", "") if self.reach.tenant is None else ("tenant", self.reach.tenant)]

    def holds(self, event: Event) -> bool:
        """Whether it is one of them."""
        wanted = self.job_ids is None or event.job_id in self.job_ids
        return wanted and self.reach.covers(event.tenant)


class Feed:
    """Readers of the journal, woken when there is something for them.

    The newest events stay in memory, so that those who follow closely cost the journal nothing.

    Args:
        journal: What is read.
        is_live: Whether a job may still have events; it is asked before the journal is looked at.
    """

    def __init__(self, journal: Journal, is_live: Callable[[str], bool]) -> None:
        self._journal = journal
        self._is_live = is_live
        self._readers: dict[_Key, set[asyncio.Event]] = defaultdict(set)
        self._tail: list[Event] = []
        self._tail_bytes = 0
        self._tail_after: int | None = None
        self._closed = False

    def announce(self, events: Sequence[Event]) -> None:
        """Wake those who wait for these events, which are in the journal by now."""
        self._remember(events)
        about: set[_Key] = {("all", "")}
        for event in events:
            about |= {("job", event.job_id), ("tenant", event.tenant)}
        for key in about:
            self._wake(key)

    def job_ended(self, job_id: str) -> None:
        """Let those who wait for the job alone look again: it is no longer live."""
        self._wake(("job", job_id))

    def close(self) -> None:
        """End every reader once it has what is recorded."""
        self._closed = True
        for readers in self._readers.values():
            for reader in readers:
                reader.set()

    async def follow(
        self, after: int, job_ids: Collection[str] | None, reach: Reach
    ) -> AsyncIterator[Sequence[Event]]:
        """Batches of events; see `JobService.follow`."""
        wish = _Wish(None if job_ids is None else frozenset(job_ids), reach)
        woken = asyncio.Event()
        for key in wish.keys:
            self._readers[key].add(woken)
        try:
            while True:
                # Cleared before looking: what is announced from here on is looked for again.
                woken.clear()
                last = self._closed or not self._may_go_on(wish.job_ids)
                before = after
                batch, after = await self._events(after, wish)
                if batch:
                    yield batch
                elif after > before:
                    continue  # There was something, if nothing of his: there may be more.
                elif last:
                    return
                else:
                    await woken.wait()
        finally:
            for key in wish.keys:
                self._forget(key, woken)

    def _may_go_on(self, job_ids: Collection[str] | None) -> bool:
        return job_ids is None or any(self._is_live(job_id) for job_id in job_ids)

    async def _events(self, after: int, wish: _Wish) -> tuple[Sequence[Event], int]:
        """The next of the wanted events, if any, and the id up to which all were looked at."""
        if self._tail_after is None or after < self._tail_after:
            return await self._recorded(after, wish)
        newer = islice(self._tail, bisect_right(self._tail, after, key=_by_id), None)
        batch = batch_of(filter(wish.holds, newer), _BATCH, _BATCH_BYTES)
        newest = max(after, self._tail[-1].id) if self._tail else after
        return batch, batch[-1].id if batch else newest

    async def _recorded(self, after: int, wish: _Wish) -> tuple[Sequence[Event], int]:
        tenant = wish.reach.tenant
        if wish.job_ids is None and tenant is not None:
            until = min(after + _SEARCHED, max(after, await self._journal.last_event_id()))
            ids = range(after + 1, until + 1)
            batch = await self._journal.tenant_events(tenant, ids, _BATCH, _BATCH_BYTES)
            return batch, batch[-1].id if batch else until
        found = await self._journal.events(after, wish.job_ids, _BATCH, _BATCH_BYTES)
        return list(filter(wish.holds, found)), found[-1].id if found else after

    def _wake(self, key: _Key) -> None:
        for reader in self._readers.get(key, ()):
            reader.set()

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

    def _forget(self, key: _Key, reader: asyncio.Event) -> None:
        self._readers[key].discard(reader)
        if not self._readers[key]:
            del self._readers[key]


def _halved(events: list[Event]) -> tuple[list[Event], list[Event]]:
    middle = (len(events) + 1) // 2
    return events[:middle], events[middle:]
