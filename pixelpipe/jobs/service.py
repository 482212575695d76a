"""Accept, run and settle jobs: the one door to the work, for server and command line alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from pixelpipe.engine.arena import Lease
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.uploads import Upload
from pixelpipe.engine.work import Order
from pixelpipe.errors import (
    EmptyBodyError,
    InternalError,
    JobNotFoundError,
    ShuttingDownError,
)
from pixelpipe.formats.probe import probe
from pixelpipe.formats.source import SourceInfo
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import (
    TERMINAL_EVENTS,
    Event,
    EventType,
    Job,
    JobState,
    Source,
    TaskState,
    Variant,
    new_job_id,
)
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.ports import BlobStore, Journal
from pixelpipe.jobs.recorder import Recorder
from pixelpipe.jobs.sinks import JobSink, RenderSink, put_patiently, read_patiently
from pixelpipe.jobs.submission import Rendered, SourceLimits, Submission
from pixelpipe.recipes.plan import Plan, plan

_log = structlog.get_logger(__name__)


class JobService:
    """The one door to the work."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        blobs: BlobStore,
        *,
        limits: SourceLimits,
        poison: PoisonList,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._blobs = blobs
        self._limits = limits
        self._poison = poison
        self._feed = Feed(journal)
        self._recorder = Recorder(journal, self._feed)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._accepting: set[asyncio.Task[Job]] = set()
        self._rendering: set[asyncio.Task[None]] = set()
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether no more work is accepted."""
        return self._draining

    @property
    def running(self) -> int:
        """Jobs that have not ended."""
        return len(self._running)

    def receive(self, declared_bytes: int | None) -> AbstractAsyncContextManager[Upload]:
        """Room for an upload of so many bytes, or of an unknown number.

        Leaving the context gives the room back unless a submission took it over.

        Raises:
            ShuttingDownError: The service is draining.
            UploadTooLargeError: On entering: more than `max_upload_bytes`, or than the arena has
                for uploads.
            MemoryFullError: On entering: no room at this moment.
        """
        self._check_open()
        return self._engine.receive(declared_bytes)

    async def accept(self, submission: Submission) -> Job:
        """Probe, plan, store the source, and queue the job; on return it is acknowledged.

        Raises:
            PixelPipeError: The source or the specs are refused (EmptyBodyError,
                UnsupportedFormatError, DamagedImageError, PixelLimitError, InvalidSpecError,
                ImageTooSmallError, ExceedsMemoryError, PoisonedSourceError), or there is no room
                or storage (QueueFullError, StorageFailedError, ShuttingDownError).
        """
        info, planned = self._inspect(submission)
        size_bytes = submission.upload.size_bytes
        job = _new_job(submission, info, planned)
        lease = submission.upload.take_over()
        # In a task of its own: were the client to go now, the storage's thread would still be
        # reading from a lease that is somebody else's by then.
        task = asyncio.create_task(self._accept(job, planned, lease, size_bytes))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)
        return await asyncio.shield(task)

    async def transform(self, submission: Submission) -> Rendered:
        """Make the one spec of `submission` and hand the bytes back; nothing is stored.

        Raises:
            PixelPipeError: As `accept`, and what the work itself may end with
                (DamagedImageError, WorkerCrashedError, DeadlineExceededError).
        """
        _, planned = self._inspect(submission)
        upload = submission.upload
        sink = RenderSink(upload.sha256, self._poison)
        order = Order("transform", planned, upload.take_over(), upload.size_bytes, None)
        run = asyncio.create_task(self._engine.run(order, sink))
        self._rendering.add(run)
        run.add_done_callback(self._rendering.discard)
        try:
            await asyncio.wait({run})
        finally:
            run.cancel()  # A client that went away frees its worker.
        if run.cancelled():
            raise ShuttingDownError("The server shut down before this was made.")
        run.result()
        if sink.error is not None:
            raise sink.error
        task = planned.tasks[0]
        return Rendered(
            content=sink.content,
            format=task.format,
            width=task.output_width,
            height=task.output_height,
            sha256=sink.sha256,
            timings_ms={"receive": submission.receive_ms, **sink.timings_ms},
        )

    async def get(self, job_id: str) -> Job:
        """The job.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        job = await self._journal.get(job_id)
        if job is None:
            raise JobNotFoundError("There is no job of that id.")
        return job

    async def wait(self, job_id: str, timeout_s: float) -> Job:
        """The job at its end, or as it stands when the time is up.

        Raises:
            JobNotFoundError: There is none of that id.
        """
        job = await self.get(job_id)
        running = self._running.get(job_id)
        if running is not None:
            await asyncio.wait({running}, timeout=timeout_s)
        return job

    async def last_event_id(self) -> int:
        """The newest event's id; 0 when there is none."""
        return await self._journal.last_event_id()

    def follow(self, after: int, job_ids: Collection[str] | None) -> AsyncIterator[Sequence[Event]]:
        """Events after `after`, in order, each once: first those recorded, then those to come.

        With `job_ids` it ends once all of those jobs have ended and their events are given;
        without, only with the service. Yields non-empty batches.
        """
        return self._feed.follow(after, job_ids)

    def blob_path(self, sha256: str) -> Path:
        """The file with a completed variant's bytes."""
        return self._blobs.path(sha256)

    async def drain(self, for_s: float) -> None:
        """Accept nothing more, let what runs finish, and cancel what has not after `for_s`."""
        self._draining = True
        await asyncio.gather(*self._accepting, return_exceptions=True)
        left = {*self._running.values(), *self._rendering}
        if left:
            _, left = await asyncio.wait(left, timeout=for_s)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._recorder.close()
        self._feed.close()

    def _check_open(self) -> None:
        if self._draining:
            raise ShuttingDownError("The server is shutting down and accepts nothing more.")

    def _inspect(self, submission: Submission) -> tuple[SourceInfo, Plan]:
        self._check_open()
        upload = submission.upload
        if not upload.size_bytes:
            raise EmptyBodyError("The request carries no image: its body, or its file, is empty.")
        self._poison.check(upload.sha256)
        limits = self._limits
        info = probe(upload.view, max_pixels=limits.max_pixels, max_side_px=limits.max_side_px)
        planned = plan(info, submission.specs, limits)
        self._engine.check(planned, upload.size_bytes, entering=len(self._accepting))
        return info, planned

    async def _accept(self, job: Job, planned: Plan, lease: Lease, size_bytes: int) -> Job:
        began = time.perf_counter()
        try:
            await put_patiently(self._blobs, job.source.sha256, lease.view(0, size_bytes))
            await self._journal.add(job)
            await self._recorder.record(job, EventType.JOB_ACCEPTED)
        except BaseException:
            lease.release()
            raise
        load = partial(read_patiently, self._blobs, job.source.sha256)
        order = Order(job.id, planned, lease, size_bytes, load)
        self._running[job.id] = asyncio.create_task(self._run(job, order, began))
        return job

    async def _run(self, job: Job, order: Order, began: float) -> None:
        sink = JobSink(job, self._blobs, self._recorder, self._poison)
        try:
            await self._engine.run(order, sink)
            verdict = job.verdict()
        except (asyncio.CancelledError, ShuttingDownError):
            verdict = JobState.CANCELLED
            error = ShuttingDownError("The server shut down before this was made.")
            sink.end_rest(TaskState.CANCELLED, error)
        except Exception:  # noqa: BLE001 - whatever it was, the job has to end
            _log.exception("a job could not be run", job=job.id)
            sink.end_rest(TaskState.FAILED, InternalError("The job could not be run."))
            verdict = job.verdict()
        job.timings_ms["total"] = (time.perf_counter() - began) * 1000
        job.move(verdict)
        del self._running[job.id]
        await self._recorder.record(job, TERMINAL_EVENTS[verdict])


def _new_job(submission: Submission, info: SourceInfo, planned: Plan) -> Job:
    upload = submission.upload
    return Job(
        id=new_job_id(),
        created_at=datetime.now(UTC),
        source=Source(
            name=submission.name,
            format=info.format,
            width=info.width,
            height=info.height,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
        ),
        variants=[Variant(task) for task in planned.tasks],
        timings_ms={"receive": submission.receive_ms},
    )
