"""Where a job goes once it is recorded: to the workers here, or to whichever node has room."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from pixelpipe.engine.arena import Lease
from pixelpipe.errors import QueueFullError, StorageFailedError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.ports import Journal, Listing
from pixelpipe.jobs.runner import Runner

_AGAIN_FIRST_S, _AGAIN_MOST_S = 0.02, 1.0
# A job that is younger is on its way.
_LOOK_S = 30.0
_OPEN = frozenset({JobState.QUEUED, JobState.RUNNING})
_RETRY_AFTER_S = 5

_log = structlog.get_logger(__name__)


class Queue(Protocol):
    """Jobs that wait for a node. A node that takes one claims it in the journal."""

    @property
    def waiting(self) -> int:
        """How many jobs waited a moment ago."""

    @property
    def limit(self) -> int:
        """How many may."""

    @property
    def leads(self) -> bool:
        """Whether of all who put jobs in this one looks for those that did not get there."""

    async def put(self, job: Job, *, again: bool = False) -> bool:
        """Put a job in; one that is there is left as it is.

        Args:
            job: An open one.
            again: Whether it may have been through the queue before, and ended there.

        Returns:
            Whether it is in. A node that has it may be about to tell of its earlier end, after
            which nobody would take it any more: then it is to be put in again a little later.

        Raises:
            StorageFailedError: It may not be in; to put it again is safe.
        """

    async def withdraw(self, job_id: str) -> bool:
        """Take a job out; False if a node has it by now.

        Raises:
            StorageFailedError: That is not known.
        """


class Dispatch(Protocol):
    """Sends jobs that are recorded, and that the runner has enlisted, on their way."""

    async def send(
        self, job: Job, source: Lease | None = None, *, fresh: bool = False, again: bool = False
    ) -> None:
        """Send a job on its way; it gets there, whatever happens.

        Args:
            job: The job.
            source: Its source's bytes, taken over.
            fresh: Whether the source was not in the store before.
            again: Whether the job had ended before.
        """

    async def remind(self, job: Job) -> None:
        """Send an open job that is not under way here on its way, in case it never was."""

    def check_room(self) -> None:
        """Refuse what finds too many jobs waiting, where they do not wait here.

        Raises:
            QueueFullError: Too many wait.
        """

    async def withdraw(self, job_id: str) -> bool:
        """Whether the job, which is not under way here, is under way nowhere, from now on.

        Raises:
            StorageFailedError: That is not known.
        """

    async def close(self) -> None:
        """Send nothing more; what has not got there stays in the journal."""


class Here:
    """To the workers of this process.

    Args:
        runner: Runs them.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def send(
        self, job: Job, source: Lease | None = None, *, fresh: bool = False, again: bool = False
    ) -> None:
        """Run it."""
        del again
        self._runner.start(job, source, fresh=fresh)

    async def remind(self, job: Job) -> None:
        """It is another process's."""
        del job

    def check_room(self) -> None:
        """The engine does, whose queue it is."""

    async def withdraw(self, job_id: str) -> bool:
        """Who runs it is not asked."""
        del job_id
        return False

    async def close(self) -> None:
        """The runner drains by itself."""


class ToQueue:
    """To a queue that several nodes take from.

    Args:
        runner: Has enlisted the jobs.
        queue: The queue.
        journal: Has open jobs that did not get there.
    """

    def __init__(self, runner: Runner, queue: Queue, journal: Journal) -> None:
        self._runner = runner
        self._queue = queue
        self._journal = journal
        self._looking: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def send(
        self, job: Job, source: Lease | None = None, *, fresh: bool = False, again: bool = False
    ) -> None:
        """Put it in; whoever takes it reads the source from the store."""
        del fresh
        self._runner.dismiss(job)
        if source is not None:
            source.release()
        await self._put(job, again=again)

    async def remind(self, job: Job) -> None:
        """Put it in, if it is not in; see the protocol."""
        await self._put(job, again=False)

    async def _put(self, job: Job, *, again: bool) -> None:
        try:
            if await self._queue.put(job, again=again):
                return
        except StorageFailedError as error:
            # It is in the journal, and so it was accepted.
            _log.warning("a job could not be queued yet", job=job.id, error=str(error))
        late = asyncio.create_task(self._insist(job.id, again=again))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    def check_room(self) -> None:
        """Refuse what finds too many in the queue; see the protocol."""
        waiting, most = self._queue.waiting, self._queue.limit
        if waiting >= most:
            raise QueueFullError(
                f"{waiting} jobs are waiting, and no more than {most} may; try again later.",
                limit=most,
                retry_after_s=_RETRY_AFTER_S,
            )

    async def withdraw(self, job_id: str) -> bool:
        """Take it out of the queue; see the protocol."""
        return await self._queue.withdraw(job_id)

    async def close(self) -> None:
        """Leave what could not be queued to whoever looks for such jobs."""
        tasks = [*self._late, *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self) -> None:
        """Look for jobs that were accepted and did not get there, now and again."""
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            try:
                if self._queue.leads:
                    await self._put_open_ones()
            except StorageFailedError as error:
                _log.warning("open jobs could not be looked for", error=str(error))
            await asyncio.sleep(_LOOK_S)

    async def _put_open_ones(self) -> None:
        behind: tuple[datetime, str] | None = None
        before = datetime.now(UTC) - timedelta(seconds=_LOOK_S)
        while found := await self._journal.list(
            Listing(tenant=None, states=_OPEN, created_before=before, behind=behind)
        ):
            for job in found:
                if not self._runner.is_live(job.id):
                    await self._queue.put(job, again=True)
            behind = (found[-1].created_at, found[-1].id)

    async def _insist(self, job_id: str, *, again: bool) -> None:
        rest_s = _AGAIN_FIRST_S
        there = False
        while not there:
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, _AGAIN_MOST_S)
            with suppress(StorageFailedError):
                job = await self._journal.get(job_id)
                if job is None or job.state is not JobState.QUEUED:
                    return  # Somebody has it, or it is not wanted any more.
                there = await self._queue.put(job, again=again)
