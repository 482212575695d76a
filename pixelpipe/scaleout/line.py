"""The queue as the job service sees it."""

import asyncio
from collections.abc import Callable

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.scaleout.queue import JobQueue
from pixelpipe.scaleout.queue_format import VERSION

_COUNT_S = 1.0


class Line:
    """`jobs.dispatch.Queue` on BullMQ.

    Args:
        queue: Where jobs are put.
        limit: How many may wait.
        leads: Whether this node does what one does for all.
    """

    def __init__(self, queue: JobQueue, limit: int, leads: Callable[[], bool]) -> None:
        self.limit = limit
        self._leads = leads
        self._queue = queue
        self._waiting = 0
        self._away = False
        self._counting: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many jobs waited a moment ago; see the port."""
        return self._waiting

    @property
    def leads(self) -> bool:
        """Whether this node looks for jobs that did not get here; see the port."""
        return self._leads()

    @property
    def away(self) -> bool:
        """Whether Redis could not be reached a moment ago."""
        return self._away

    def start(self) -> None:
        """Count them from now on."""
        self._counting = asyncio.create_task(self._count())

    async def close(self) -> None:
        """Count no more."""
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    async def put(self, job: Job, *, again: bool = False) -> bool:
        """Put a job in; see the port."""
        if again:
            found = await self._queue.find(job.id)
            if found is not None:
                # It ends in the journal first: its last run may not have been told of here yet.
                return not found.taken or job.state is not JobState.QUEUED
            await self._queue.remove(job.id)
        await self._queue.add(job.id, {"version": VERSION}, priority=job.priority)
        self._waiting += 1
        return True

    async def withdraw(self, job_id: str) -> bool:
        """Take a job out, or tell the node that has it to let go of it; see the port."""
        found = await self._queue.find(job_id)
        if found is not None and found.id != job_id:
            # It stays, for its program waits for its end: whoever takes it tells that.
            await self._queue.cancel(found.id)
            return not found.taken
        if await self._queue.remove(job_id):
            return True
        await self._queue.cancel(job_id)
        return False

    async def _count(self) -> None:
        while True:
            try:
                counts = await self._queue.counts()
            except StorageFailedError:
                self._away = True
            else:
                self._away = False
                self._waiting = counts.waiting + counts.delayed
            await asyncio.sleep(_COUNT_S)
