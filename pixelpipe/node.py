"""A node at work: takes jobs from the queue and runs them, each to its end."""

import asyncio
import os
import platform
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from bullmq import UnrecoverableError

from pixelpipe.config import Settings
from pixelpipe.engine.uploads import Upload
from pixelpipe.errors import (
    MemoryFullError,
    StorageFailedError,
    StorageUnavailableError,
    WorkerCrashedError,
    WorkerLostError,
)
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.records import LostJobError
from pixelpipe.jobs.submission import Caller, Sender, Submission, Wishes
from pixelpipe.jobs.views import job_document
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.scaleout import queue_format
from pixelpipe.scaleout.queue_format import (
    SHOWN,
    QueueSource,
    Wanted,
    check_accepted,
    progress_of,
    read_request,
    result_of,
    unknown_name,
)
from pixelpipe.scaleout.queue_job import GivenUp, QueuedJob
from pixelpipe.scaleout.queue_worker import Work, open_queue_worker
from pixelpipe.server.names import source_name
from pixelpipe.server.run import watch_signals
from pixelpipe.server.sources import AT_ONCE_PER_CLIENT, Sources, fetching, file_name
from pixelpipe.storage.folder import FolderError
from pixelpipe.webhooks.targets import check_url

# Whose turn a job has that another program has put into the queue: all of them are one client.
CLIENT = "queue"
_TOLD_S = 2.0
_AGAIN_S = 1.0
# Their sources are read while those before them are worked on.
_AHEAD = 2
_HEALTHY_EVERY_S = 5.0
_WITH_RESULT = frozenset({JobState.COMPLETED, JobState.PARTIAL})

_log = structlog.get_logger(__name__)


class Node:
    """Does what is taken from the queue, by the service and the workers of this process.

    Args:
        runtime: Of this process.
        sources: Fetches photographs from URLs.
    """

    def __init__(self, runtime: Runtime, sources: Sources) -> None:
        self._runtime = runtime
        self._service = runtime.service
        self._sources = sources
        # More at a time are refused to one client.
        self._turns = asyncio.Semaphore(AT_ONCE_PER_CLIENT)

    async def process(self, queued: QueuedJob) -> object:
        """Run a job to its end; see `scaleout.queue_job.Process`.

        Returns:
            The queue's return value for it: a `JobResult`.

        Raises:
            UnrecoverableError: It has failed, or was cancelled.
            PixelPipeError: It was not begun; what it says.
        """
        job_id = await self._begun(queued)
        telling = asyncio.create_task(self._tell(queued, job_id))
        try:
            job = await self._service.end_of(job_id)
            await asyncio.wait({telling}, timeout=_TOLD_S)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        return _outcome(job)

    async def give_up(self, queued: QueuedJob, why: GivenUp) -> object:
        """Record the end of a job that is not done; see `scaleout.queue_job.GiveUp`."""
        job_id = await queued.journal_id()
        if not await self._service.exists(job_id):
            return None
        if why is GivenUp.CANCELLED:
            await self._service.cancel_taken(job_id)
        else:
            died = WorkerCrashedError("Node after node went away while it worked on this.")
            await self._service.take(job_id, died)
        return _outcome(await self._service.end_of(job_id))

    async def _begun(self, queued: QueuedJob) -> str:
        while True:
            job_id = await self._job_id(queued)
            await self._service.take(job_id)
            if queued.name != queue_format.IMAGE or await self._service.exists(job_id):
                return job_id
            # Its acceptance was recorded without an answer, and withdrawn until it was claimed.

    async def _job_id(self, queued: QueuedJob) -> str:
        match queued.name:
            case queue_format.ACCEPTED:
                check_accepted(queued.data)
                return await queued.journal_id()
            case queue_format.IMAGE:
                return await self._accepted(queued)
        raise unknown_name(queued.name)

    async def _accepted(self, queued: QueuedJob) -> str:
        """The job for what another program asks for; the same one when it is begun again."""
        settings = self._runtime.settings
        wanted = read_request(queued.data, self._runtime.presets, settings)
        if wanted.request.webhook is not None:
            check_url(wanted.request.webhook, allow_private=settings.webhook_private)
        job_id = await queued.journal_id()
        while not await self._service.exists(job_id):
            try:
                async with self._turns:
                    await self._accept(wanted, job_id, queued.priority)
            except (MemoryFullError, StorageUnavailableError, LostJobError) as error:
                # Its program cannot help it, and may have given it one try; or whoever had it
                # before us, and does not know that he lost it, accepts it just now.
                _log.info("a job is not accepted yet", job=job_id, reason=str(error))
                await asyncio.sleep(_AGAIN_S)
        return job_id

    async def _accept(self, wanted: Wanted, job_id: str, priority: int) -> None:
        caller = Caller(tenant=wanted.request.tenant or "", client=CLIENT)
        async with self._source(wanted.request.source, caller) as upload:
            submission = _submission(upload, wanted, caller, priority)
            await self._service.accept(replace(submission, job_id=job_id), held=True)

    @asynccontextmanager
    async def _source(self, source: QueueSource, caller: Caller) -> AsyncIterator[Upload]:
        sender = Sender(tenant=caller.tenant, client=caller.client)
        room = partial(self._service.receive, stored=True, sender=sender)
        if source.url is not None:
            self._sources.check(source.url)
            async with self._sources.fetch(source.url, CLIENT, room) as upload:
                yield upload
            return
        assert source.sha256 is not None, "it has either"
        size_bytes = await self._runtime.storage.blobs.size_bytes(source.sha256)
        if size_bytes is None:
            detail = "must be the digest of a blob that is in the store"
            raise invalid_spec([Mistake(("source", "sha256"), detail)])
        content = bytearray(size_bytes)
        await self._runtime.storage.blobs.read_into(source.sha256, memoryview(content))
        async with room(size_bytes) as upload:
            await upload.write(bytes(content))
            yield upload

    async def _tell(self, queued: QueuedJob, job_id: str) -> None:
        """Have the queue show what happens to the job."""
        try:
            async with aclosing(self._service.follow(0, [job_id], EVERYBODYS)) as batches:
                async for batch in batches:
                    for event in batch:
                        if event.type in SHOWN:
                            await queued.progress(progress_of(event.type, event.data))
        except StorageFailedError as error:
            _log.warning("the progress of a job is not shown", job=job_id, error=str(error))


def _submission(upload: Upload, wanted: Wanted, caller: Caller, priority: int) -> Submission:
    request = wanted.request
    wishes = Wishes(priority=priority, webhook=request.webhook)
    name = source_name(
        request.name or (file_name(request.source.url) if request.source.url else None)
    )
    return Submission(upload, name, wanted.specs, 0.0, caller, wishes, wanted.accepted)


def _outcome(job: Job) -> dict[str, Any]:
    if job.state in _WITH_RESULT:
        return result_of(job_document(job))
    if job.state is JobState.CANCELLED:
        raise UnrecoverableError("cancelled: The job was cancelled.")
    if job.state is JobState.FAILED:
        raise UnrecoverableError(_failure(job))
    raise WorkerLostError("Another node has the job.")


def _failure(job: Job) -> str:
    problems = [*job.problems, *(v.problem for v in job.variants if v.problem)]
    slug = problems[0]["type"].rpartition(":")[2]
    return f"{slug}: {problems[0]['detail']}"


@asynccontextmanager
async def working(runtime: Runtime) -> AsyncIterator[None]:
    """Take jobs from the queue for as long as the context lasts; what runs then is let end."""
    assert runtime.cluster is not None, "there is a queue"
    settings = runtime.settings
    async with fetching(settings) as sources:
        node = Node(runtime, sources)
        work = Work(
            process=node.process,
            give_up=node.give_up,
            concurrency=settings.queue_concurrency or runtime.engine.limits.workers + _AHEAD,
            node=f"{platform.node()}-{os.getpid()}",
        )
        worker = await open_queue_worker(runtime.cluster.place, work)
        worker.start()
        try:
            yield
        finally:
            await worker.close(settings.drain_timeout_s)


@asynccontextmanager
async def _told_by(file: Path | None, runtime: Runtime) -> AsyncIterator[None]:
    """Touch a file again and again while work can be done: what has no HTTP is watched by that.

    Raises:
        FolderError: It cannot be made.
    """
    if file is None:
        yield
        return
    try:
        await asyncio.to_thread(file.touch)
    except OSError as error:
        raise FolderError(f"cannot touch {file}: {error.strerror}") from error
    touching = asyncio.create_task(_touch(file, runtime))
    try:
        yield
    finally:
        touching.cancel()
        await asyncio.gather(touching, return_exceptions=True)
        await asyncio.to_thread(file.unlink, missing_ok=True)


async def _touch(file: Path, runtime: Runtime) -> None:
    while True:
        await asyncio.sleep(_HEALTHY_EVERY_S)
        if runtime.ready()["ready"]:
            try:
                await asyncio.to_thread(file.touch)
            except OSError as error:
                _log.warning("the health file cannot be touched", error=str(error))


async def work(settings: Settings, health: Path | None = None) -> None:
    """Work without answering anybody, until SIGINT or SIGTERM.

    Args:
        settings: The settings.
        health: File that is touched every 5 s while work can be done, and goes in the end.
    """
    told_to_stop = watch_signals()
    opening = open_runtime(settings, answers=False)
    async with opening as runtime, working(runtime), _told_by(health, runtime):
        print("PixelPipe works", flush=True)  # noqa: T201 - for who started it
        await told_to_stop.wait()
