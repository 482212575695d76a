"""The producer's side of the queue: jobs go in, and may be taken out while they wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bullmq import Queue
from redis.asyncio import Redis

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.scaleout.queue_format import ACCEPTED
from pixelpipe.scaleout.queue_place import (
    ATTEMPTS,
    BACKOFF,
    KEEP_COMPLETED,
    KEEP_FAILED,
    MARKS_KEPT_S,
    TROUBLE,
    QueuePlace,
    check_job_id,
    is_being_cancelled,
    open_client,
    place_of,
)

_ANSWER_S = 2.0
# All tries of a call together: who waits for it gets an answer.
_CALL_S = 5.0
_WAITING = ("wait", "paused", "prioritized")
_OVER = frozenset({"completed", "failed", "unknown"})
_STATES = (*_WAITING, "active", "delayed", "failed", "completed")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs are in each state; the ended ones are those that are still remembered."""

    waiting: int
    active: int
    delayed: int
    failed: int
    completed: int


@dataclass(frozen=True, slots=True)
class Found:
    """A job that has not ended.

    Attributes:
        id: What it is called in the queue; another program that put it in may have named it.
        taken: Whether a worker holds it.
    """

    id: str
    taken: bool


class JobQueue:
    """Puts jobs into a queue.

    Every call ends within 5 s, with `StorageUnavailableError` if Redis cannot be reached or
    refuses; the next one tries afresh.

    Args:
        queue: BullMQ's; see `open_job_queue`.
        client: Its connection.
        place: Where it is.
    """

    def __init__(self, queue: Queue, client: Redis, place: QueuePlace) -> None:
        self._queue = queue
        self._client = client
        self._place = place

    async def add(
        self,
        job_id: str,
        data: object,
        *,
        name: str = ACCEPTED,
        priority: int = 0,
        delay_s: float = 0.0,
    ) -> None:
        """Put a job in. One of this id that is there already, even ended, is left as it is.

        Args:
            job_id: Letters, digits, `-` and `_`; not a number.
            data: JSON.
            name: What kind of job it is; see `queue_format`.
            priority: One of `jobs.submission.PRIORITIES`; higher goes first.
            delay_s: How long it waits before it may be taken.

        Raises:
            StorageUnavailableError: It is not known whether it is in; to add it again is safe.
        """
        check_job_id(job_id)
        options = {
            "jobId": job_id,
            "priority": place_of(priority),
            "delay": round(delay_s * 1000),
            "attempts": ATTEMPTS,
            "backoff": BACKOFF,
            "removeOnComplete": KEEP_COMPLETED,
            "removeOnFail": KEEP_FAILED,
        }
        async with _bounded():
            await self._queue.add(name, data, options)

    async def remove(self, job_id: str) -> bool:
        """Take a job out that no worker holds, with what is remembered of it.

        An id can be added again only once its ended job was removed.

        Returns:
            Whether it is out, or never was in; False if a worker holds it.

        Raises:
            StorageUnavailableError: That is not known.
        """
        async with _bounded():
            removed = await self._queue.backend.remove(job_id, False)
            if removed:
                await self._client.delete(self._place.cancel_key(job_id))
        return bool(removed)

    async def find(self, journal_id: str) -> Found | None:
        """The job that is called so in the journal, if it has not ended in the queue.

        Raises:
            StorageUnavailableError: That is not known.
        """
        async with _bounded():
            foreign = await self._client.get(self._place.foreign_key(journal_id))
            ids = [journal_id] if foreign is None else [journal_id, str(foreign)]
            for job_id in ids:
                state = await self._queue.backend.getState(job_id)
                if state not in _OVER:
                    return Found(job_id, taken=state == "active")
        return None

    async def cancel(self, job_id: str) -> None:
        """Have whoever works on the job, or takes it later, end it at once.

        Raises:
            StorageUnavailableError: It may go on.
        """
        async with _bounded():
            await self._client.set(self._place.cancel_key(job_id), "1", ex=MARKS_KEPT_S)

    async def counts(self) -> Counts:
        """How many jobs there are.

        Raises:
            StorageUnavailableError: That is not known.
        """
        async with _bounded():
            found = await self._queue.backend.getCounts(list(_STATES))
        number = dict(zip(_STATES, found, strict=True))
        waiting = sum(number.pop(state) for state in _WAITING)
        return Counts(waiting=waiting, **number)

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """An end to all waiting, and trouble with Redis in the words of the project."""
    try:
        async with asyncio.timeout(_CALL_S):
            yield
    except TROUBLE as error:
        if is_being_cancelled():
            raise asyncio.CancelledError from error
        raise StorageUnavailableError("The queue cannot be reached.") from error
    # Who calls again and again would never end.
    if is_being_cancelled():
        raise asyncio.CancelledError


async def open_job_queue(place: QueuePlace) -> JobQueue:
    """A queue to put jobs into; Redis need not be there yet."""
    client = open_client(place.url, answer_s=_ANSWER_S)
    options: dict[str, Any] = place.options(client)
    # BullMQ reads its scripts from files.
    queue = await asyncio.to_thread(Queue, place.name, options)
    return JobQueue(queue, client, place)
