"""Jobs that other processes run, as far as anybody here waits for their ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pixelpipe.jobs.model import Event, EventType
from pixelpipe.jobs.ports import Journal


@dataclass(slots=True)
class _Watched:
    """A job.

    Attributes:
        watchers: How many wait for its end.
        ended: Set while it is known to have ended.
        asked: Whether the journal has been asked.
        seen: How many of its events have told whether it has.
    """

    watchers: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    asked: bool = False
    seen: int = 0


class Elsewhere:
    """Knows of the jobs that are watched whether they have ended.

    Args:
        journal: Asked once, when a job begins to be watched; from then on its events tell.
        catch_up: Has all events announced that are in the journal by now.
    """

    def __init__(self, journal: Journal, catch_up: Callable[[], Awaitable[None]]) -> None:
        self._journal = journal
        self._catch_up = catch_up
        self._watched: dict[str, _Watched] = {}

    def is_open(self, job_id: str) -> bool:
        """Whether the job is watched and has not ended, as far as is known."""
        watched = self._watched.get(job_id)
        return watched is not None and not watched.ended.is_set()

    def saw(self, events: Sequence[Event]) -> None:
        """Take in events, in their order, once they have been announced."""
        for event in events:
            watched = self._watched.get(event.job_id)
            if watched is None:
                continue
            if event.terminal:
                watched.seen += 1
                watched.ended.set()
            elif event.type is EventType.JOB_REQUEUED:
                watched.seen += 1
                watched.ended.clear()

    @asynccontextmanager
    async def watching(self, job_ids: Collection[str]) -> AsyncIterator[None]:
        """Around the time for which somebody wants to know when these jobs end.

        Raises:
            StorageFailedError: The journal could not be read.
        """
        for job_id in job_ids:
            self._watched.setdefault(job_id, _Watched()).watchers += 1
        try:
            for job_id in job_ids:
                # Whoever was here before may not have been answered yet, and never be.
                if not self._watched[job_id].asked:
                    await self._ask(job_id)
            yield
        finally:
            for job_id in job_ids:
                self._watched[job_id].watchers -= 1
                if not self._watched[job_id].watchers:
                    del self._watched[job_id]

    async def end_of(self, job_id: str, timeout_s: float) -> bool:
        """Whether the job, which is watched, has ended, or does before the time is up."""
        try:
            await asyncio.wait_for(self._watched[job_id].ended.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def _ask(self, job_id: str) -> None:
        watched = self._watched[job_id]
        seen = watched.seen
        job = await self._journal.get(job_id)
        if job is None or job.ended or job.epoch:
            # Else who follows would take what was announced so far for all that there is, or an
            # end from before it was tried again for its end.
            await self._catch_up()
        watched.asked = True
        # What was announced meanwhile is newer than what was read.
        if watched.seen == seen and (job is None or job.ended):
            watched.ended.set()
