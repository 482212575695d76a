"""A Redis with a queue in it, and workers of the queue, for tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from pixelpipe.scaleout.queue import JobQueue, open_job_queue
from pixelpipe.scaleout.queue_job import QueuedJob
from pixelpipe.scaleout.queue_locks import Timing
from pixelpipe.scaleout.queue_place import QueuePlace, open_client
from pixelpipe.scaleout.queue_worker import QueueWorker, Work, open_queue_worker
from tests.redis_server import LiveRedis

PATIENCE_S = 20.0
# As the timing is, but quicker.
QUICK = Timing(lock_s=0.8, renew_every_s=0.1, lost_every_s=0.2, look_every_s=0.1)


class House:
    """A queue, its producer, and a client that looks at what is in Redis.

    Attributes:
        place: The queue.
        queue: Its producer's side.
        redis: The client.
    """

    def __init__(self, place: QueuePlace, queue: JobQueue) -> None:
        self.place = place
        self.queue = queue
        self.redis: Redis = open_client(place.url, answer_s=5.0)

    def key(self, name: str) -> str:
        """One of the queue's keys."""
        return f"{self.place.prefix}:{self.place.name}:{name}"

    async def field(self, job_id: str, name: str) -> str | None:
        """A field of a job as BullMQ keeps it."""
        value = await self.redis.hget(self.key(job_id), name)
        return None if value is None else str(value)

    async def failed(self, job_id: str) -> str:
        """Why the job failed, once it has."""
        key = self.key("failed")
        await until(lambda: self.redis.zscore(key, job_id))
        return await self.field(job_id, "failedReason") or ""

    async def completed(self, job_id: str) -> str:
        """The job's return value, once it is completed."""
        key = self.key("completed")
        await until(lambda: self.redis.zscore(key, job_id))
        return await self.field(job_id, "returnvalue") or ""

    @asynccontextmanager
    async def working(
        self, process: Callable[[QueuedJob], Coroutine[Any, Any, object]], **work: Any
    ) -> AsyncIterator[QueueWorker]:
        """A worker that does jobs so."""
        worker = await open_queue_worker(
            self.place, Work(process=process, **{"timing": QUICK, **work})
        )
        worker.start()
        try:
            yield worker
        finally:
            await worker.close(0.0)

    async def close(self) -> None:
        """Let the connections go."""
        await self.queue.close()
        await self.redis.aclose()


@asynccontextmanager
async def opened_house(server: LiveRedis, name: str) -> AsyncIterator[House]:
    """A queue of that name, empty."""
    place = QueuePlace(server.url, name)
    house = House(place, await open_job_queue(place))
    try:
        yield house
    finally:
        await house.close()


async def until(true: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It never was.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def soon(event: asyncio.Event) -> None:
    """Wait for the event.

    Raises:
        TimeoutError: It did not come.
    """
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()
