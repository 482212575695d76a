"""The event log as readers see it: what is recorded, then what comes, each event once."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from itertools import islice
from operator import attrgetter

from pixelpipe.jobs.batches import batch_of
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.ports import Journal

_BATCH = 500
# A reader that is slow holds one batch on its way, and one that waits.
_BATCH_BYTES = 256 * 1024
_TAIL_BYTES = 4 * 1024 * 1024

_by_id = attrgetter("id")


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
        self._readers: dict[str | None, set[asyncio.Event]] = defaultdict(set)
        self._tail: list[Event] = []
        self._tail_bytes = 0
        self._tail_after: int | None = None
        self._closed = False

    def announce(self, events: Sequence[Event]) -> None:
        """Wake those who wait for these events, which are in the journal by now."""
        self._remember(events)
        for key in {event.job_id for event in events} | {None}:
            for reader in self._readers.get(key, ()):
                reader.set()

    def job_ended(self, job_id: str) -> None:
        """Let those who wait for the job alone look again: it is no longer live."""
        for reader in self._readers.get(job_id, ()):
            reader.set()

    def close(self) -> None:
        """End every reader once it has what is recorded."""
        self._closed = True
        for readers in self._readers.values():
            for reader in readers:
                reader.set()

    async def follow(
        self, after: int, job_ids: Collection[str] | None
    ) -> AsyncIterator[Sequence[Event]]:
        """Batches of events; see `JobService.follow`."""
        keys: Collection[str | None] = (None,) if job_ids is None else job_ids
        woken = asyncio.Event()
        for key in keys:
            self._readers[key].add(woken)
        try:
            while True:
                # Cleared before looking: what is announced from here on is looked for again.
                woken.clear()
                last = self._closed or not self._may_go_on(job_ids)
                batch = await self._events(after, job_ids)
                if batch:
                    after = batch[-1].id
                    yield batch
                elif last:
                    return
                else:
                    await woken.wait()
        finally:
            for key in keys:
                self._forget(key, woken)

    def _may_go_on(self, job_ids: Collection[str] | None) -> bool:
        return job_ids is None or any(self._is_live(job_id) for job_id in job_ids)

    async def _events(self, after: int, job_ids: Collection[str] | None) -> Sequence[Event]:
        if self._tail_after is None or after < self._tail_after:
            return await self._journal.events(after, job_ids, _BATCH, _BATCH_BYTES)
        newer = islice(self._tail, bisect_right(self._tail, after, key=_by_id), None)
        wanted = (event for event in newer if job_ids is None or event.job_id in job_ids)
        return batch_of(wanted, _BATCH, _BATCH_BYTES)

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

    def _forget(self, key: str | None, reader: asyncio.Event) -> None:
        self._readers[key].discard(reader)
        if not self._readers[key]:
            del self._readers[key]


def _halved(events: list[Event]) -> tuple[list[Event], list[Event]]:
    middle = (len(events) + 1) // 2
    return events[:middle], events[middle:]
