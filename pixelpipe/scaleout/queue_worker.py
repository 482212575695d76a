"""The consumer's side of the queue: takes jobs, has them done, and tells what became of them.

Of BullMQ's worker only the way to the next job is used. Its `run()` would end silently after a
CancelledError, stop renewing locks while it closes, and fail a job that was done where its end
could not be told; here each of these has its own place.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgpack  # type: ignore[import-untyped]
import structlog
from bullmq import UnrecoverableError, Worker

from pixelpipe.errors import InternalError, PixelPipeError, WorkerCrashedError
from pixelpipe.scaleout.queue_format import failure, failure_text
from pixelpipe.scaleout.queue_job import GivenUp, GiveUp, Process, QueuedJob, Stop
from pixelpipe.scaleout.queue_locks import CANCELLED_EVERY_S, TIMING, Locks, Timing
from pixelpipe.scaleout.queue_place import TROUBLE, QueuePlace, is_being_cancelled, open_client
from pixelpipe.scaleout.queue_settling import (
    Done,
    Dropped,
    Failed,
    NotHeldError,
    Outcome,
    Returned,
    Settler,
)

# Longer than BullMQ waits for a job: 10 s where it knows when a delayed one is due.
_ANSWER_S = 15.0
# For how long it waits at a time where it knows of none.
_WAIT_S = 1
_AGAIN_S = 0.5
_PROGRESS_S = 2.0
_GRACE_S = 2.0

# What is read for a part of a job's record that is no JSON, or that nests too deeply.
_UNREADABLE = {"data": "null", "opts": "{}", "progress": "0", "stacktrace": "[]"}

_CANCELLED_TEXT = "cancelled: The job was cancelled."

_log = structlog.get_logger(__name__)


async def _nothing_to_record(job: QueuedJob, why: GivenUp) -> object:
    del job, why
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker is for.

    Attributes:
        process: Does a job.
        give_up: Is told of jobs that end without being done.
        concurrency: How many jobs are done at a time.
        node: Whose worker it is; Redis shows it with the connections, and BullMQ with each job.
        timing: When its jobs count as lost; the same for all workers of a queue.
    """

    process: Process
    give_up: GiveUp = _nothing_to_record
    concurrency: int = 1
    node: str = "pixelpipe"
    timing: Timing = TIMING


class _Taking(Worker):  # type: ignore[misc] # BullMQ is untyped
    """BullMQ's worker, which says whose it is, and ends a job whose record cannot be read.

    BullMQ of itself raises there, and the job, which is taken by then, comes back for ever.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        scripts = self.backend.scripts
        take, name = scripts.commands["moveToActive"], self.opts["name"]

        def take_by_name(keys: list[str], args: list[Any]) -> Any:  # noqa: ANN401 - see above
            # Of its options BullMQ for Python leaves the name out, which Node's packs as well.
            *others, packed = args
            return take(keys=keys, args=[*others, _named(packed, name)])

        scripts.commands["moveToActive"] = take_by_name

    async def nextJobFromJobData(  # noqa: N802 - so BullMQ calls it
        self,
        job_data: Any = None,  # noqa: ANN401 - BullMQ is untyped
        job_id: str | None = None,
        limit_until: int = 0,
        delay_until: int = 0,
        token: str | None = None,
    ) -> Any:  # noqa: ANN401 - likewise
        if job_data:
            job_data = job_data | {
                name: meant
                for name, meant in _UNREADABLE.items()
                if not _is_readable(job_data, name)
            }
        return await super().nextJobFromJobData(job_data, job_id, limit_until, delay_until, token)


def _named(packed: bytes, name: str) -> bytes:
    named: bytes = msgpack.packb(msgpack.unpackb(packed) | {"name": name})
    return named


def _is_readable(job_data: Mapping[str, str], name: str) -> bool:
    try:
        found = json.loads(job_data.get(name, _UNREADABLE[name]))
    except (ValueError, RecursionError):
        return False
    return name != "opts" or isinstance(found, dict)


class QueueWorker:
    """Takes jobs from a queue for as long as it is not closed.

    While Redis is away it waits for it, and what is done meanwhile is told once it is back.

    Args:
        worker: BullMQ's; see `open_queue_worker`.
        place: The queue.
        work: What to do.
    """

    def __init__(self, worker: Worker, place: QueuePlace, work: Work) -> None:
        self._worker = worker
        self._work = work
        self._held: set[QueuedJob] = set()
        self._runs: set[asyncio.Task[None]] = set()
        self._locks = Locks(worker.backend, place, work.timing, self._held)
        self._settler = Settler(worker.backend)
        self._slots = asyncio.Semaphore(work.concurrency)
        self._tokens = itertools.count(1)
        self._taking: list[asyncio.Task[None]] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._closing = False
        self._away = False

    @property
    def running(self) -> int:
        """How many jobs it holds."""
        return len(self._held)

    def start(self) -> None:
        """Begin to take jobs."""
        duties = (
            (self._locks.renew, self._work.timing.renew_every_s),
            (self._locks.leave_cancelled, CANCELLED_EVERY_S),
            (self._look, self._work.timing.look_every_s),
        )
        self._keeping = [asyncio.create_task(self._repeat(*duty)) for duty in duties]
        self._taking = [asyncio.create_task(self._take_all())]

    async def close(self, patience_s: float) -> None:
        """Take no more jobs, let those that run end, and let the connections go.

        Args:
            patience_s: How long they may take; what is not done by then is handed back, to be done
                by another worker at once. Locks are kept until then.
        """
        self._closing = True
        # Only who waits for a job is called back: one that is being handed over comes first.
        await self._worker.pause(do_not_wait_active=True)
        self._slots.release()
        await _end(self._taking, _GRACE_S)
        await _ended(self._runs, patience_s)
        for job in self._held:
            job.leave(Stop.RETURNED)
        await _ended(self._runs, _GRACE_S)
        await self._wrest()
        await _end(self._keeping, 0.0)
        await self._worker.close()

    async def _wrest(self) -> None:
        """Hand back what is held yet: by who does not let go, or because Redis is not there."""
        for job in self._held:
            if job.being_done:
                _log.error("a job is taken from one who does not let go of it", job=job.id)
        returning = (partial(self._settle, job, Returned()) for job in self._held)
        await asyncio.gather(*(self._tried(each, _GRACE_S) for each in returning))
        await _end(self._runs, 0.0)

    async def _repeat(self, duty: Callable[[], Awaitable[None]], pause_s: float) -> None:
        """Do a duty again and again, whatever befalls it."""
        while True:
            await self._tried(duty)
            await asyncio.sleep(pause_s)

    async def _look(self) -> None:
        """Look for lost jobs; of all duties this one speaks with Redis every time."""
        await self._locks.put_back_lost()
        if self._away:
            self._away = False
            _log.info("the queue can be reached again")

    async def _tried(
        self, duty: Callable[[], Awaitable[None]], limit_s: float | None = None
    ) -> bool:
        """Whether it went well; where not, the log has it."""
        went_well = False
        try:
            async with asyncio.timeout(limit_s):
                await duty()
            went_well = True
        except TROUBLE as error:
            self._note_trouble(error)
        except asyncio.CancelledError:
            if not is_being_cancelled():
                _log.exception("the queue's worker was cancelled from within")
        except Exception:  # noqa: BLE001 - the worker must live on, whatever it was
            _log.exception("the queue's worker met a defect")
        # Asked in any case: redis-py, while it connects, lets a cancel go unnoticed.
        if is_being_cancelled():
            raise asyncio.CancelledError
        return went_well

    def _note_trouble(self, error: Exception) -> None:
        if not self._away:
            _log.warning("the queue cannot be reached", error=str(error))
        self._away = True

    async def _take_all(self) -> None:
        while not self._closing:
            if not await self._tried(self._take):
                await asyncio.sleep(_AGAIN_S)

    async def _take(self) -> None:
        """Take the next job, once there is one and a place for it."""
        await self._slots.acquire()
        taken = None
        try:
            if not self._closing:
                # BullMQ waits for delayed jobs in whole seconds until it knows the version.
                await self._worker.backend.blocking_connection.getRedisVersion()
                taken = await self._worker.getNextJob(f"{self._worker.id}:{next(self._tokens)}")
        finally:
            if taken is None:
                self._slots.release()
        if taken is not None:
            run = asyncio.create_task(self._run(QueuedJob(taken, self._tell)))
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)

    async def _run(self, job: QueuedJob) -> None:
        self._held.add(job)
        try:
            outcome = await self._outcome(job)
            await self._insist(job, partial(self._settle, job, outcome))
            if job.stop is Stop.CANCELLED and not isinstance(outcome, Returned):
                await self._tried(partial(self._locks.forget_cancelled, job))
        finally:
            self._held.discard(job)
            self._slots.release()

    async def _settle(self, job: QueuedJob, outcome: Outcome) -> None:
        try:
            await self._settler.settle(job, outcome)
        except NotHeldError as error:
            # Its lock may have expired while Redis was away, without anybody else having it.
            if not await self._locks.regain(job):
                _log.warning("a job was not held any more", job=job.id, reason=str(error))
                return
            await self._settler.settle(job, outcome)

    async def _insist(self, job: QueuedJob, duty: Callable[[], Awaitable[None]]) -> None:
        """Do what must be done for the job for as long as that is its worker's."""
        while not await self._tried(duty):
            if job.stop is Stop.LOST:
                return
            await asyncio.sleep(_AGAIN_S)

    async def _outcome(self, job: QueuedJob) -> Outcome:
        """Have the job done, and find what is to be told of it."""
        if job.held.deferredFailure:
            return await self._given_up(job, GivenUp.STALLED)
        # Where that cannot be found out, it is looked for again very soon.
        await self._tried(partial(self._locks.leave_if_cancelled, job))
        if job.stop is not Stop.CANCELLED:
            doing = await job.do(self._work.process)
            if job.stop is None or (_has_result(doing) and job.stop is not Stop.LOST):
                return _outcome_of(doing, job)
        match job.stop:
            case Stop.CANCELLED:
                return await self._given_up(job, GivenUp.CANCELLED)
            case Stop.LOST:
                return Dropped()
        return Returned()

    async def _given_up(self, job: QueuedJob, why: GivenUp) -> Outcome:
        try:
            value = await self._work.give_up(job, why)
        except UnrecoverableError as error:
            return Failed(error)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("the end of a job could not be recorded", job=job.id)
            await asyncio.sleep(_AGAIN_S)
            return Returned()
        if value is not None:  # It had ended before it could be cancelled, perhaps.
            return Done(value)
        if why is GivenUp.CANCELLED:
            return Failed(UnrecoverableError(_CANCELLED_TEXT))
        return Failed(
            failure(WorkerCrashedError("Worker after worker went away while it did the job."))
        )

    async def _tell(self, job: QueuedJob, value: object) -> None:
        await self._tried(partial(self._worker.backend.updateProgress, job.id, value), _PROGRESS_S)


def _has_result(doing: asyncio.Task[object]) -> bool:
    return not doing.cancelled() and doing.exception() is None


def _outcome_of(doing: asyncio.Task[object], job: QueuedJob) -> Outcome:
    """What a process that ended by itself made of its job."""
    try:
        value = doing.result()
        json.dumps(value, allow_nan=False)
    except PixelPipeError as error:
        return Failed(failure(error))
    except UnrecoverableError as error:
        return Failed(error)
    # CancelledError as well: who did the job raised it of himself.
    except (Exception, asyncio.CancelledError):  # noqa: BLE001 - as above
        _log.exception("a job met a defect", job=job.id)
        text = failure_text(InternalError("The job could not be done; the log has the reason."))
        return Failed(RuntimeError(text))
    return Done(value)


async def _ended(tasks: Collection[asyncio.Task[None]], within_s: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=within_s)


async def _end(tasks: Collection[asyncio.Task[None]], within_s: float) -> None:
    """Let tasks end, and cancel those that do not in time."""
    ending = list(tasks)
    await _ended(ending, within_s)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


async def open_queue_worker(place: QueuePlace, work: Work) -> QueueWorker:
    """A worker, not yet started; Redis need not be there yet."""
    client = open_client(place.url, answer_s=_ANSWER_S)
    options = {
        **place.options(client),
        "autorun": False,
        "name": work.node,
        "drainDelay": _WAIT_S,
        "lockDuration": round(work.timing.lock_s * 1000),
    }
    # BullMQ, and a part of it that is used here, read their scripts from files.
    worker = await asyncio.to_thread(_Taking, place.name, None, options)
    return await asyncio.to_thread(QueueWorker, worker, place, work)
