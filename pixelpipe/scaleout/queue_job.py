"""A job that a worker holds, as the one who does it sees it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from typing import Any, Protocol

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.jobs.model import new_job_id
from pixelpipe.scaleout.queue_format import ACCEPTED
from pixelpipe.scaleout.queue_place import (
    ATTEMPTS,
    BACKOFF,
    KEEP_COMPLETED,
    KEEP_FAILED,
    MARKS_KEPT_S,
    TROUBLE,
    foreign_name,
    priority_of,
)

# A field of BullMQ's record of a job, which BullMQ does not know.
_JOURNAL_ID = "pixelpipe"
_BACKOFFS = ("fixed", "exponential")


class Stop(Enum):
    """Why a job is to be left before it is done."""

    CANCELLED = "it is not wanted any more"
    RETURNED = "the worker closes; another one will do it"
    LOST = "the worker does not hold it any more; another one does it"


class GivenUp(Enum):
    """Why a job ends for good without being done."""

    CANCELLED = "it is not wanted any more"
    STALLED = "worker after worker went away with it"


class QueuedJob:
    """A job that was taken.

    Attributes:
        id: The job's id.
        name: What kind it is; see `queue_format`.
        data: What came with it: JSON.
        attempt: Which start of it this is, from 1; starts that were lost or handed back count.
        last_try: Whether it fails for good if it fails now.
        priority: One of `jobs.submission.PRIORITIES`.
        stop: Why it is to be left, once it is.
    """

    def __init__(self, job: Any, tell: Callable[["QueuedJob", object], Awaitable[None]]) -> None:  # noqa: ANN401 - BullMQ is untyped
        self.id: str = job.id
        self.name: str = job.name
        self.data: object = job.data
        self.attempt: int = job.attemptsStarted
        _tidy(job.opts)
        self.last_try: bool = job.attemptsMade + 1 >= job.opts["attempts"]
        self.priority = priority_of(job.priority)
        self.stop: Stop | None = None
        self._job = job
        self._tell = tell
        self._doing: asyncio.Task[object] | None = None

    @property
    def held(self) -> Any:  # noqa: ANN401 - BullMQ is untyped
        """BullMQ's job, with the token of its lock; not for who does the job."""
        return self._job

    async def journal_id(self) -> str:
        """What the job is called in the journal, the same for each who takes it.

        A job of PixelPipe's own has its own id. Other programs' ids are often small numbers; such a
        job is given one that nobody guesses, and keeps it.

        Raises:
            StorageUnavailableError: Redis cannot be reached.
        """
        if self.name == ACCEPTED:
            return self.id
        backend = self._job.backend
        key = backend.toKey(self.id)
        try:
            await backend.conn.hsetnx(key, _JOURNAL_ID, new_job_id())
            journal_id = str(await backend.conn.hget(key, _JOURNAL_ID))
            # Who finds the job open in the journal is to know that it is in the queue.
            mark = backend.toKey(foreign_name(journal_id))
            await backend.conn.set(mark, self.id, ex=MARKS_KEPT_S)
        except TROUBLE as error:
            raise StorageUnavailableError("The queue cannot be reached.") from error
        return journal_id

    async def progress(self, value: object) -> None:
        """Tell those who follow the job from Node, if Redis is there just now; never raises.

        Args:
            value: JSON.
        """
        if self.stop is None:
            await self._tell(self, value)

    async def do(self, process: "Process") -> asyncio.Task[object]:
        """Have the job done, and give back the task that did it once that has ended."""
        self._doing = doing = asyncio.create_task(process(self))
        if self.stop is not None:
            doing.cancel()
        try:
            await asyncio.wait({doing})
        except asyncio.CancelledError:
            doing.cancel()
            raise
        return doing

    @property
    def ended(self) -> bool:
        """Whether who did it is done with it."""
        return self._doing is not None and self._doing.done()

    @property
    def being_done(self) -> bool:
        """Whether somebody does it."""
        return self._doing is not None and not self._doing.done()

    def leave(self, why: Stop) -> None:
        """Cancel who does it. The first reason counts, but what is lost is lost in any case."""
        if self.stop is None or why is Stop.LOST:
            self.stop = why
        if self._doing is not None:
            self._doing.cancel()


class Process(Protocol):
    """Does a job: gives back what is to be its return value, JSON."""

    def __call__(self, job: QueuedJob, /) -> Coroutine[Any, Any, object]:
        """Do the job.

        It is cancelled when the job is to be left, and says so at `job.stop`; it then cleans up
        and ends promptly.

        Raises:
            PixelPipeError: The job fails with that; it is tried again if that is retryable and
                tries are left.
        """


class GiveUp(Protocol):
    """Is told of a job that ends without being done, to record its end."""

    async def __call__(self, job: QueuedJob, why: GivenUp, /) -> object:
        """Record it. If anything else is raised, the job is handed back and comes to this again.

        Returns:
            The return value of a job that was given up when something of it was made; else None.

        Raises:
            UnrecoverableError: What the job fails with, where more is known than `why`.
        """


def _tidy(options: dict[str, Any]) -> None:
    """Make of a job's options what can be worked with, whoever added it."""
    if not isinstance(options.get("attempts"), int):
        options["attempts"] = ATTEMPTS
    backoff = options.get("backoff")
    if backoff and not (isinstance(backoff, dict) and backoff.get("type") in _BACKOFFS):
        options["backoff"] = BACKOFF
    options.setdefault("removeOnComplete", KEEP_COMPLETED)
    options.setdefault("removeOnFail", KEEP_FAILED)
    # Where it broke is in the log, and not for others.
    options["stackTraceLimit"] = 0
