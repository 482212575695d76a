"""What happens to jobs after their first run: tried again, cancelled, deleted, recovered."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from pixelpipe.engine.attempts import MAX_ATTEMPTS
from pixelpipe.engine.engine import Engine
from pixelpipe.errors import (
    JobGoneError,
    JobNotFoundError,
    NotRetryableError,
    OwnerSilentError,
    PixelPipeError,
    ShuttingDownError,
    StorageFailedError,
    WorkerLostError,
)
from pixelpipe.jobs.dispatch import Dispatch
from pixelpipe.jobs.elsewhere import Elsewhere
from pixelpipe.jobs.model import RETRYABLE, Blob, EventType, Job, JobState, TaskState
from pixelpipe.jobs.peers import Kind, Notice, Peers
from pixelpipe.jobs.reach import EVERYBODYS, Reach
from pixelpipe.jobs.records import LostJobError, RefusedError
from pixelpipe.jobs.runner import Runner
from pixelpipe.jobs.stores import Stores
from pixelpipe.recipes.plan import Plan

# A cancelled job lets go of its workers at once; storage that hangs is not waited for.
_CANCEL_S = 1.0
# A notice may be lost.
_ASKED = 4
# Who took it may have lost it at once.
_WITHDRAWN = 3

_log = structlog.get_logger(__name__)


class Lifecycle:
    """Moves jobs that exist."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the service that it plays together
        self,
        engine: Engine,
        stores: Stores,
        runner: Runner,
        dispatch: Dispatch,
        elsewhere: Elsewhere,
        peers: Peers,
    ) -> None:
        self._engine = engine
        self._stores = stores
        self._runner = runner
        self._dispatch = dispatch
        self._elsewhere = elsewhere
        self._peers = peers
        self._tasks: set[asyncio.Task[Job]] = set()

    async def get(self, job_id: str, reach: Reach) -> Job:
        """The job; see `JobService.get`."""
        job = self._runner.find(job_id) or await self._stores.journal.get(job_id)
        # Not even that it exists is anybody else's business.
        if job is None or not reach.covers(job.tenant):
            raise JobNotFoundError("There is no job of that id.")
        return job

    async def retry(self, job_id: str, reach: Reach) -> Job:
        """Take failed variants back to the queue; see `JobService.retry`."""
        # In a task of its own: were the client to go now, the journal would have a job in its
        # queue that nobody runs.
        task = asyncio.create_task(self._retry_in_turn(job_id, reach))
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[Job]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # The client who would have been told may be gone.

    async def _retry_in_turn(self, job_id: str, reach: Reach) -> Job:
        # Who looked at the job before another retry took it up knows it as it is no longer.
        async with self._stores.turns.of(job_id):
            return await self._retry(job_id, reach)

    async def _retry(self, job_id: str, reach: Reach) -> Job:
        job = await self.get(job_id, reach)
        if job.deleted_at is not None:
            raise JobGoneError("The job was deleted; there is nothing to try again.")
        await self._check_retry(job)
        # Nothing is awaited from here to `enlist`: of two retries at once, one finds it there.
        if self._runner.is_live(job_id) or job.state not in RETRYABLE:
            raise _not_retryable(self._runner.find(job_id) or job)
        self._runner.enlist(job)
        try:
            await self._claim(job)
            await self._stores.recorder.record(job, EventType.JOB_REQUEUED, _requeue(job))
        except RefusedError as error:
            self._runner.dismiss(job)
            raise await self._gone(job_id) from error
        except BaseException:
            self._runner.dismiss(job)
            raise
        await self._dispatch.send(job, again=True)
        return job

    async def _claim(self, job: Job) -> None:
        """Make the job ours; of two processes that try it again at once, one gets it."""
        if not await self._stores.journal.claim(job.id, job.epoch, ended=job.ended):
            raise LostJobError(job.id)
        job.epoch += 1

    async def _gone(self, job_id: str) -> PixelPipeError:
        """Why a job that could be tried again a moment ago no longer can."""
        job = await self._stores.journal.get(job_id)
        if job is None or job.deleted_at is not None:
            return JobGoneError("The job was removed before it could be tried again.")
        if job.state in RETRYABLE:  # Its other claimant has not said so yet.
            return NotRetryableError("The job is being tried again for another request.")
        return _not_retryable(job)

    async def _check_retry(self, job: Job) -> None:
        if job.state not in RETRYABLE:
            raise _not_retryable(job)
        self._stores.poison.check(job.source.sha256)
        source = job.source
        if not await self._stores.blobs.intact(Blob(source.sha256, source.size_bytes)):
            if (await self.get(job.id, EVERYBODYS)).deleted_at is not None:
                raise JobGoneError("The job was deleted before it could be tried again.")
            raise StorageFailedError("The job's source was lost; upload it again.")
        tasks = tuple(v.task for v in job.variants if v.state is TaskState.FAILED)
        planned = Plan(job.decode, tasks)
        entering = self._runner.outside(job.client)
        self._engine.check(planned, source.size_bytes, client=job.client, entering=entering)

    async def delete(self, job_id: str, reach: Reach) -> Job | None:
        """Cancel or remove; see `JobService.delete`."""
        job = await self.get(job_id, reach)
        live = self._runner.find(job_id)
        if live is None and not (job.ended or job.deleted_at or self._peers.alone):
            return await self._cancel_elsewhere(job_id, reach)
        if live is not None:
            cancelled = not live.ended
            self._runner.cancel(job_id)
            ended = await self._runner.wait(job_id, _CANCEL_S)
            if cancelled and not (ended or self._peers.alone or self._runner.is_live(job_id)):
                return await self.delete(job_id, reach)  # Another process had just claimed it.
            if cancelled:
                return live
        if await self._stores.journal.bury(job_id, datetime.now(UTC)):
            return None
        job = await self.get(job_id, reach)
        if job.deleted_at is not None:
            return None
        if live is not None and self._runner.is_live(job_id):
            raise StorageFailedError("The job's end cannot be recorded yet; try again.")
        if self._runner.is_live(job_id) or not self._peers.alone:
            return await self.delete(job_id, reach)  # It was taken up again, here or elsewhere.
        raise ShuttingDownError("The job has not ended, and the server is shutting down.")

    def abandon(self, job_id: str) -> None:
        """Cancel a job that is run elsewhere, if it can be: who waited for it has gone."""
        task = asyncio.create_task(self._cancel_elsewhere(job_id, EVERYBODYS))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    async def _cancel_elsewhere(self, job_id: str, reach: Reach) -> Job:
        """Have whoever runs the job stop it; one that waits for anybody is stopped here."""
        for _ in range(_WITHDRAWN):
            if not await self._dispatch.withdraw(job_id):
                break
            await self.cancel_here(job_id)
            job = await self.get(job_id, reach)
            if job.ended or self._runner.is_live(job_id):
                return job
            # It was on its way there, and somebody took it before it was claimed here.
        async with self._elsewhere.watching([job_id]):
            for _ in range(_ASKED):
                self._peers.tell(Notice(Kind.CANCEL, job_id))
                if await self._elsewhere.end_of(job_id, _CANCEL_S / _ASKED):
                    return await self.get(job_id, reach)
        raise OwnerSilentError("The process that runs the job does not answer; try again.")

    async def cancel_here(self, job_id: str) -> None:
        """End a job that is under way nowhere else; see `JobService.cancel_taken`."""
        if taken := await self._taken(job_id, wanted=False):
            self._runner.cancel(job_id)
            self._runner.start(taken)
            await self._runner.wait(job_id, _CANCEL_S)

    async def take(self, job_id: str, doom: PixelPipeError | None) -> None:
        """Begin a job that waited for anybody; see `JobService.take`."""
        with self._let_go(job_id):
            await self._take_on(job_id, doom)

    async def end_of(self, job_id: str) -> Job:
        """A job that was begun here, at its end; see `JobService.end_of`."""
        job = self._runner.find(job_id)
        with self._let_go(job_id):
            ended = await self._runner.wait(job_id, None)
        # What it came to here may have been refused: somebody else has claimed it.
        return job if job and ended else await self.get(job_id, EVERYBODYS)

    @contextmanager
    def _let_go(self, job_id: str) -> Iterator[None]:
        """Who leaves this cancelled leaves the job, for whoever takes it next."""
        try:
            yield
        except asyncio.CancelledError:
            self._runner.leave(job_id)
            raise

    async def _take_on(self, job_id: str, doom: PixelPipeError | None) -> None:
        taken = await self._taken(job_id)
        if taken is None:
            return
        if doom is None:
            await self._resume(taken)
        else:
            self._runner.start(taken, doom=doom)

    async def _taken(self, job_id: str, *, wanted: bool = True) -> Job | None:
        """The job, as of `_take`, once it is not under way here; one not `wanted` is stopped."""
        while True:
            if not wanted:
                self._runner.cancel(job_id)
            await self._runner.gone(job_id)  # It may have been lost here, and come back.
            # Whoever claims a job must have enlisted it before the next one here claims it.
            async with self._stores.turns.of(job_id):
                if self._runner.is_live(job_id):
                    continue
                job = await self._stores.journal.get(job_id)
                return await self._take(job) if job is not None and not job.ended else None

    async def _take(self, job: Job) -> Job | None:
        """The job, claimed for us and enlisted; None if somebody else was quicker, or it ended."""
        had = job.epoch > 0
        try:
            await self._claim(job)
        except LostJobError:
            return None
        # Whoever had it may not know that he lost it, and have gone on until it was claimed.
        found = await self._found(job) if had else job
        if found is not None:
            self._runner.enlist(found)
        return found

    async def take_up(self, job: Job) -> None:
        """Go on with a job that was claimed while it waited elsewhere.

        Args:
            job: As it was found before it was claimed, with its new epoch; whoever had it may have
                begun it in between.
        """
        found = await self._found(job)
        if found is not None:
            self._runner.enlist(found)
            await self._resume(found)

    async def _found(self, job: Job) -> Job | None:
        """A job that was just claimed for us, as it is by now; None if another has it since."""
        try:
            found = await self._stores.journal.get(job.id)
        except StorageFailedError:
            return job  # It is nobody else's any more, and must not be left.
        # With the epoch of whoever has it by now, what we write would be taken for his.
        return found if found is not None and found.epoch == job.epoch else None

    async def recover(self) -> int:
        """Take up every unfinished job again; see `JobService.recover`."""
        jobs = await self._stores.journal.take_over(self._peers.owners)
        for job in jobs:
            self._runner.enlist(job)
        await asyncio.gather(*(self._resume(job) for job in jobs))
        return len(jobs)

    async def _resume(self, job: Job) -> None:
        """Put what was being made back into the queue, and go on with what is open."""
        try:
            for index, event in _interrupted(job):
                await self._stores.recorder.record(job, event, [index])
        except RefusedError:
            _log.warning("a job was removed while it was recovered", job=job.id)
            self._runner.dismiss(job)
        except BaseException:
            # Whoever takes it next would wait for it to go, for ever.
            self._runner.dismiss(job)
            raise
        else:
            self._runner.start(job)


def _interrupted(job: Job) -> Iterator[tuple[int, EventType]]:
    """Account for what was being done when the server died: a lost attempt, but no strike."""
    running = [i for i, v in enumerate(job.variants) if v.state is TaskState.RUNNING]
    lost = WorkerLostError("The server was restarted; the task is tried again.").problem()
    for index in running:
        job.variants[index].move(TaskState.QUEUED)
        job.variants[index].problem = lost
        yield index, EventType.VARIANT_RETRYING
    given_up = WorkerLostError(
        f"The server died {MAX_ATTEMPTS} times over this; it is given up."
    ).problem()
    for index in job.open_variants():
        if max(job.variants[index].attempts, job.decode_attempts) >= MAX_ATTEMPTS:
            job.variants[index].move(TaskState.FAILED)
            job.variants[index].problem = given_up
            yield index, EventType.VARIANT_FAILED


def _requeue(job: Job) -> list[int]:
    """Take the failed variants, and the job, back to the queue; gives the variants' indexes."""
    job.move(JobState.QUEUED)
    job.ended_at = None
    job.problems = ()
    job.decode_attempts = job.decode_strikes = 0
    failed = [i for i, v in enumerate(job.variants) if v.state is TaskState.FAILED]
    for index in failed:
        variant = job.variants[index]
        variant.move(TaskState.QUEUED)
        variant.attempts = variant.strikes = 0
        variant.problem = None
    return failed


def _not_retryable(job: Job) -> NotRetryableError:
    allowed = " or ".join(sorted(RETRYABLE))
    return NotRetryableError(f"The job is {job.state}; only one that is {allowed} can be retried.")
