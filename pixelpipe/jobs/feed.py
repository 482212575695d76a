"""The event log as readers see it: what is recorded, then what comes, each event once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence

from pixelpipe.jobs.model import Event
from pixelpipe.jobs.ports import Journal

_BATCH = 500


class Feed:
    """Readers of the journal, woken when there is something for them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._readers: dict[str | None, set[asyncio.Event]] = defaultdict(set)
        self._closed = False

    def announce(self, events: Iterable[Event]) -> None:
        """Wake those who wait for these events, which are in the journal by now."""
        for key in {event.job_id for event in events} | {None}:
            for reader in self._readers.get(key, ()):
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
                last = self._closed or (job_ids is not None and await self._journal.over(job_ids))
                batch = await self._journal.events(after, job_ids, _BATCH)
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

    def _forget(self, key: str | None, reader: asyncio.Event) -> None:
        self._readers[key].discard(reader)
        if not self._readers[key]:
            del self._readers[key]
