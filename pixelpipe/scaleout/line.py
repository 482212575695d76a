"""The queue as the job service sees it."""

import asyncio

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Job
from pixelpipe.scaleout.queue import JobQueue
from pixelpipe.scaleout.queue_format import VERSION

_COUNT_S = 1.0


class Line:
    """`jobs.dispatch.Queue` on BullMQ.

    Args:
        queue: Where jobs are put.
        limit: How many may wait.
    """

    def __init__(self, queue: JobQueue, limit: int) -> None:
        self.limit = limit
        self._queue = queue
        self._waiting = 0
        self._away = False
        self._counting: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many jobs waited a moment ago; see the port."""
        return self._waiting

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
        if again and await self._queue.ended(job.id):
            await self._queue.remove(job.id)
        await self._queue.add(job.id, {"version": VERSION}, priority=job.priority)
        self._waiting += 1

    async def withdraw(self, job_id: str) -> bool:
        """Take a job out, or tell the node that has it to let go of it; see the port."""
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
