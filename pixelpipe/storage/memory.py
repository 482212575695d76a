"""The journal in memory: jobs and events for as long as the process lives."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Sequence
from operator import attrgetter

from pixelpipe.jobs.model import Draft, Event, Job

_by_id = attrgetter("id")


class MemoryJournal:
    """`jobs.ports.Journal` in memory.

    Args:
        history: Ended jobs that are remembered; the oldest are forgotten first.
    """

    def __init__(self, history: int) -> None:
        self._history = history
        self._jobs: dict[str, Job] = {}
        self._events: list[Event] = []
        self._events_of: dict[str, list[Event]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._last_id = 0
        self._forgotten = 0

    async def add(self, job: Job) -> None:
        """Take in a new job."""
        self._jobs[job.id] = job
        self._events_of[job.id] = []

    async def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        return self._jobs.get(job_id)

    async def append(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Record events; see the port."""
        return [self._append(draft) for draft in drafts]

    async def events(
        self, after: int, job_ids: Collection[str] | None, limit: int
    ) -> Sequence[Event]:
        """Events in order; see the port."""
        if job_ids is None:
            return _after(self._events, after, limit)
        found = [
            event
            for job_id in job_ids
            for event in _after(self._events_of.get(job_id, []), after, limit)
        ]
        return sorted(found, key=_by_id)[:limit]

    async def last_event_id(self) -> int:
        """The newest event's id."""
        return self._last_id

    async def over(self, job_ids: Collection[str]) -> bool:
        """Whether the newest event of each is terminal; see the port."""
        return all(job_id not in self._jobs or job_id in self._ended for job_id in job_ids)

    def _append(self, draft: Draft) -> Event:
        self._last_id += 1
        event = Event(self._last_id, draft.type, draft.job_id, draft.seq, draft.data)
        self._events.append(event)
        self._events_of[event.job_id].append(event)
        if event.terminal:
            self._ended[event.job_id] = None
            self._forget()
        return event

    def _forget(self) -> None:
        while len(self._ended) > self._history:
            job_id, _ = self._ended.popitem(last=False)
            del self._jobs[job_id], self._events_of[job_id]
            self._forgotten += 1
        if self._forgotten > self._history:
            self._events = [event for event in self._events if event.job_id in self._jobs]
            self._forgotten = 0


def _after(events: list[Event], after: int, limit: int) -> list[Event]:
    start = bisect_right(events, after, key=_by_id)
    return events[start : start + limit]
