"""The queue as the job service sees it."""

import asyncio
from collections.abc import Callable

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.scaleout.queue import JobQueue
from pixelpipe.scaleout.queue_format import VERSION

_COUNT_S = 1.0
# A worker tells of an end at most so long after it is in the journal, if nothing is amiss.
_SETTLED_S = 2.5
_LOOK_S = 0.02


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

    async def put(self, job: Job, *, again: bool = False) -> None:
        """Put a job in; see the port."""
        if again:
            if await self._is_in(job):
                return
            await self._queue.remove(job.id)
        await self._queue.add(job.id, {"version": VERSION}, priority=job.priority)
        self._waiting += 1

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

    async def _is_in(self, job: Job) -> bool:
        """Whether the queue has the job, and not only for a moment longer.

        A job ends in the journal first. One that is tried again at once may be found taken by the
        worker that is about to tell of its end, after which nobody would take it any more.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _SETTLED_S
        while (found := await self._queue.find(job.id)) is not None:
            if not found.taken or job.state is not JobState.QUEUED or loop.time() > until_s:
                return True
            await asyncio.sleep(_LOOK_S)
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
