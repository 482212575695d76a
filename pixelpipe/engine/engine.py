"""The engine: an order in, variants out; memory, workers and retries are its business."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import structlog

from pixelpipe.engine.admission import Admission
from pixelpipe.engine.arena import Arena
from pixelpipe.engine.attempts import Cause
from pixelpipe.engine.batch import RunningBatch
from pixelpipe.engine.confinement import Confinement
from pixelpipe.engine.handle import WorkerHandle
from pixelpipe.engine.pages import MIB
from pixelpipe.engine.pool import Pool
from pixelpipe.engine.process import WORKER_MAIN, Spawner
from pixelpipe.engine.protocol import Batch, MakeStep, Span
from pixelpipe.engine.replies import FailedReply
from pixelpipe.engine.scheduler import Choice, Scheduler
from pixelpipe.engine.uploads import Upload, UploadRoom
from pixelpipe.engine.wear import Wear
from pixelpipe.engine.work import Encoded, Order, Sink, Stage, Work, check_fits
from pixelpipe.errors import (
    DamagedImageError,
    FrameLimitError,
    ImageTooSmallError,
    InternalError,
    MaxBytesUnreachableError,
    PixelPipeError,
    ShuttingDownError,
    UnsupportedFormatError,
    WorkerLostError,
    WrongDigestError,
)
from pixelpipe.recipes.plan import Plan

_log = structlog.get_logger(__name__)
_TOLD = {
    error.slug: error
    for error in (
        DamagedImageError,
        FrameLimitError,
        ImageTooSmallError,
        MaxBytesUnreachableError,
        UnsupportedFormatError,
    )
}
_UPLOADS_SHARE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """What the engine may use.

    Attributes:
        arena_bytes: Length of the arena; a quarter of it is for uploads in flight.
        workers: How many worker processes.
        max_upload_bytes: Largest upload.
        queue_limit: Jobs that may wait for memory.
        task_deadline_s: Longest time for one decode or variant.
        arena_idle_s: How often idle pages are given back.
        confinement: What each worker is held to.
        worker_tasks: Tasks after which a worker is replaced, give or take.
        worker_bytes: Own memory at which a worker is replaced.
    """

    arena_bytes: int
    workers: int
    max_upload_bytes: int
    queue_limit: int
    task_deadline_s: float
    arena_idle_s: float
    confinement: Confinement = field(default_factory=Confinement)
    worker_tasks: int = 5000
    worker_bytes: int = 1024 * MIB


class Engine:
    """Runs orders on worker processes over one arena.

    Args:
        limits: What it may use.
        worker_main: What a worker process runs, as `module:function`.
    """

    def __init__(self, limits: EngineLimits, worker_main: str = WORKER_MAIN) -> None:
        self.limits = limits
        self.arena = Arena(limits.arena_bytes, limits.arena_bytes // _UPLOADS_SHARE)
        self.pool = Pool(
            Spawner(worker_main, self.arena.segment, limits.confinement),
            size=limits.workers,
            deadline_s=limits.task_deadline_s,
            on_free=self._dispatch,
            wear=Wear(limits.worker_tasks, limits.worker_bytes),
        )
        self._room = UploadRoom(self.arena.uploads, limits.max_upload_bytes)
        self.admission = Admission(
            self.arena.work,
            queue_limit=limits.queue_limit,
            pool=self.pool,
            on_ready=self._ready,
            on_failed=self.fail_decode,
        )
        # Told of the label of each order that cannot begin at once.
        self.on_waiting: Callable[[str], None] = _nobody
        self._scheduler = Scheduler(limits.workers)
        self._done: dict[Work, asyncio.Future[None]] = {}
        self._numbers = count(1)
        self._tickets = count(1)
        self._trimmer: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Start the workers.

        Raises:
            WorkerStartError: One did not come up.
        """
        await self.pool.start()
        self._trimmer = asyncio.create_task(self._trim())

    async def close(self) -> None:
        """Abandon what still runs, end the workers, and remove the arena.

        Raises:
            LeaseLeakError: A lease was left; a defect.
        """
        if self._trimmer is not None:
            self._trimmer.cancel()
            await asyncio.gather(self._trimmer, return_exceptions=True)
        self._closing = True
        for work in list(self._done):
            self._abandon(work)
        await self.pool.close()
        if self._done:
            await asyncio.wait(self._done.values())
        await asyncio.to_thread(self.arena.close)

    def receive(self, declared_bytes: int | None) -> AbstractAsyncContextManager[Upload]:
        """Room for an upload; see `UploadRoom.receive`."""
        return self._room.receive(declared_bytes)

    def check(self, plan: Plan, source_bytes: int, *, client: str, entering: int) -> None:
        """Refuse what can never run, or not now; see `Admission.check_queue`.

        Raises:
            ExceedsMemoryError: It can never fit.
            QueueFullError: Too many jobs wait.
        """
        check_fits(plan, source_bytes, self.arena.work)
        self.admission.check_queue(client, entering)

    @property
    def spare(self) -> int:
        """How many orders more would be begun at once."""
        return self.admission.spare

    @property
    def backlog_ms(self) -> float:
        """What the orders that wait are expected to cost."""
        return self.admission.backlog_ms

    @property
    def next_waiting(self) -> str | None:
        """The label of the order whose turn is next; None while none waits."""
        work = self.admission.next
        return work.order.label if work else None

    async def run(self, order: Order, sink: Sink) -> None:
        """Run an order until every task is made or has failed.

        Cancelling abandons it at once: its sink hears nothing more. Its memory is free as soon as
        the worker, which is killed, and the deliveries, which are cancelled, have let go of it.

        Raises:
            ShuttingDownError: The engine was closed before that.
        """
        work = Work(next(self._numbers), order, sink, order.source)
        done = asyncio.get_running_loop().create_future()
        self._done[work] = done
        self.admission.enter(work)
        if work.stage is Stage.WAITING:
            self.on_waiting(order.label)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            self._abandon(work)
            raise

    def pixels_ready(self, work: Work) -> None:
        """The decode is done: its source's bytes may go, its tasks may spread."""
        work.release_source()
        self._scheduler.add_decoded(work)
        self._dispatch()

    def deliver(self, batch: RunningBatch, index: int, encoded: Encoded) -> None:
        """Hand a variant to whoever ordered it, and settle its task."""
        work = batch.work
        work.holds += 1
        task = asyncio.create_task(self._deliver(batch, index, encoded))
        work.deliveries.add(task)
        # Not by the task itself: one that is cancelled before it begins runs nothing at all.
        task.add_done_callback(partial(self._delivered, work, encoded))

    def fail_task(self, work: Work, index: int, error: PixelPipeError) -> None:
        """Settle a task that has failed."""
        if index in work.unsettled:
            work.sink.task_failed(index, work.attempts[index].strikes, error)
            work.unsettled.discard(index)
            self._finish(work)

    def fail_decode(self, work: Work, error: PixelPipeError) -> None:
        """Settle every task of a job whose source cannot be decoded."""
        for index in sorted(work.unsettled):
            self.fail_task(work, index, error)
        self._finish(work)

    def error_of(self, work: Work, reply: FailedReply) -> PixelPipeError:
        """The error that a worker told of; a defect's story goes to the log, not to clients."""
        told = _TOLD.get(reply.slug)
        if told is not None:
            return told(reply.detail)
        _log.error("a worker met a defect", job=work.order.label, trace=reply.detail)
        return InternalError("Processing failed because of a defect in the server.")

    def task_lost(self, work: Work, index: int, cause: Cause) -> None:
        """Try a task again whose worker died, by the rule of `attempts`."""
        if index not in work.unsettled:
            return
        attempts = work.attempts[index]
        error = attempts.after(cause)
        if error is not None:
            self.fail_task(work, index, error)
            return
        lost = WorkerLostError(f"The worker was lost ({cause}); the task is tried again.")
        work.sink.task_retrying(index, attempts.strikes, lost)
        self._later(attempts.delay_s(cause), self._task_again, work, index)

    def decode_lost(self, work: Work, cause: Cause) -> None:
        """Try a decode again whose worker died, by the same rule."""
        if not work.unsettled:
            return
        attempts = work.decode_attempts
        error = attempts.after(cause)
        if error is None:
            work.sink.decode_lost(attempts.starts, attempts.strikes)
            self._later(attempts.delay_s(cause), self._decode_again, work)
            return
        if attempts.struck_out:
            work.sink.decode_struck_out()
        self.fail_decode(work, error)

    def batch_over(self, work: Work) -> None:
        """The worker has let go of the job's memory."""
        work.holds -= 1
        self._finish(work)

    def _ready(self, work: Work) -> None:
        if not work.unsettled:
            self._finish(work)
            return
        self._scheduler.add_ready(work)
        self._dispatch()

    def _dispatch(self) -> None:
        idle = self.pool.idle
        if self._scheduler.wants_fresh:
            self._have_fresh()
        while idle:
            # The worker that was free last has the warmest caches.
            choice = self._scheduler.next(fresh=idle[-1].fresh)
            if choice is None:
                break
            if not choice.decode or self._may_decode(choice.work):
                self._assign(idle.pop(), choice)
        self.admission.admit()

    def _have_fresh(self) -> None:
        """Have a fresh worker come next, if need be in place of one that is free."""
        workers, idle = self.pool.workers, self.pool.idle
        fresh = next((handle for handle in idle if handle.fresh), None)
        if fresh is not None:
            idle.remove(fresh)
            idle.append(fresh)
        elif (
            idle
            and len(workers) >= self.pool.size
            and not any(handle.fresh or handle.verdict for handle in workers)
        ):
            idle[0].condemn(Cause.DISMISSED)

    def _may_decode(self, work: Work) -> bool:
        """Whether the source is still thought to be good; else the job has failed."""
        try:
            work.order.check_source()
        except PixelPipeError as error:
            self.fail_decode(work, error)
            return False
        return True

    def _assign(self, handle: WorkerHandle, choice: Choice) -> None:
        work = choice.work
        if choice.decode:
            self.admission.leave(work)
        work.holds += 1
        handle.assign(RunningBatch(self, handle, work, self._batch(choice), choice.tasks))

    def _batch(self, choice: Choice) -> Batch:
        work, plan = choice.work, choice.work.order.plan
        assert work.pixels is not None, "admitted jobs have their memory"
        return Batch(
            job=work.number,
            decode=plan.decode,
            pixels=Span(work.pixels.offset, work.pixels.size),
            decode_ticket=next(self._tickets) if choice.decode else None,
            source=Span(work.source.offset, work.source.size) if work.source else None,
            source_bytes=work.order.source_bytes,
            steps=tuple(
                MakeStep(next(self._tickets), plan.tasks[index], work.output_span(index))
                for index in choice.tasks
            ),
        )

    async def _deliver(self, batch: RunningBatch, index: int, encoded: Encoded) -> None:
        work = batch.work
        try:
            await work.sink.task_made(index, encoded)
        except WrongDigestError:
            # The worker lied; what it works on now is not to blame.
            batch.handle.condemn(Cause.DISMISSED)
            self.task_lost(work, index, Cause.PROTOCOL)
        except PixelPipeError as error:
            self.fail_task(work, index, error)
        except Exception:  # noqa: BLE001 - a defect must not leave the task open
            _log.exception("a variant could not be delivered", job=work.order.label)
            self.fail_task(work, index, InternalError("The variant could not be kept."))
        else:
            work.unsettled.discard(index)

    def _delivered(self, work: Work, encoded: Encoded, task: asyncio.Task[None]) -> None:
        work.deliveries.discard(task)
        encoded.content.release()
        work.holds -= 1
        self._finish(work)

    def _task_again(self, work: Work, index: int) -> None:
        work.requeue([index])
        self._dispatch()

    def _decode_again(self, work: Work) -> None:
        if work.unsettled:
            self._scheduler.add_ready(work, first=True)
            self._dispatch()

    def _finish(self, work: Work) -> None:
        """Let the job go once nothing is open and nobody uses its memory."""
        if work.unsettled or work.holds or work.stage is Stage.ENDED:
            return
        work.stage = Stage.ENDED
        self._scheduler.remove(work)
        self.admission.leave(work)
        work.release_source()
        work.release_buffers()
        done = self._done.pop(work)
        if self._closing:
            done.set_exception(ShuttingDownError("The server shut down before this was made."))
            done.exception()  # Whoever ordered it may be gone.
        else:
            done.set_result(None)

    def _abandon(self, work: Work) -> None:
        if work.abandoned:
            # A delivery that is cancelled again might not wait for its thread to let go.
            return
        work.abandon()
        for handle in self.pool.workers:
            batch = handle.assignment
            if isinstance(batch, RunningBatch) and batch.work is work:
                handle.condemn(Cause.DISMISSED)
        self._finish(work)

    def _later(self, delay_s: float, again: Callable[..., None], *arguments: object) -> None:
        asyncio.get_running_loop().call_later(delay_s, partial(again, *arguments))

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(self.limits.arena_idle_s)
            try:
                await self.arena.trim()
            except OSError:
                _log.exception("idle memory could not be given back")


def _nobody(label: str) -> None:
    """Nobody is told."""
