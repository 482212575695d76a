"""The way in: probe, plan, store the source, journal the job; then it is acknowledged."""

import asyncio
from contextlib import AbstractAsyncContextManager

from pixelpipe.engine.arena import Lease
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.uploads import Upload
from pixelpipe.errors import (
    EmptyBodyError,
    JobGoneError,
    KeyReusedError,
    ShuttingDownError,
    StorageFailedError,
    StorageFullError,
)
from pixelpipe.formats.probe import probe
from pixelpipe.formats.source import SourceInfo
from pixelpipe.jobs.model import Job
from pixelpipe.jobs.patience import put_patiently
from pixelpipe.jobs.records import BlobMissingError, Key, KeyTakenError
from pixelpipe.jobs.runner import Runner
from pixelpipe.jobs.stores import Stores
from pixelpipe.jobs.submission import SourceLimits, Submission, new_job
from pixelpipe.recipes.plan import Plan, plan

_STORE_ATTEMPTS = 5


class Intake:
    """Takes submissions in until it is closed."""

    def __init__(
        self, engine: Engine, stores: Stores, runner: Runner, limits: SourceLimits
    ) -> None:
        self.closed = False
        self._engine = engine
        self._stores = stores
        self._runner = runner
        self._limits = limits
        self._accepting: set[asyncio.Task[Job]] = set()

    async def close(self) -> None:
        """Take nothing more in, and wait for what is on its way."""
        self.closed = True
        await asyncio.gather(*self._accepting, return_exceptions=True)

    def check_open(self) -> None:
        """Refuse once the service drains.

        Raises:
            ShuttingDownError: It does.
        """
        if self.closed:
            raise ShuttingDownError("The server is shutting down and accepts nothing more.")

    def receive(
        self, declared_bytes: int | None, *, stored: bool
    ) -> AbstractAsyncContextManager[Upload]:
        """Room for an upload; see `JobService.receive`."""
        self.check_open()
        if stored and self._stores.space.full:
            raise StorageFullError(
                "The server's storage is full; it takes nothing in until there is room again."
            )
        return self._engine.receive(declared_bytes)

    def inspect(self, submission: Submission) -> tuple[SourceInfo, Plan]:
        """Probe and plan; see `JobService.accept` for what is refused."""
        self.check_open()
        upload = submission.upload
        if not upload.size_bytes:
            raise EmptyBodyError("The request carries no image: its body, or its file, is empty.")
        self._stores.poison.check(upload.sha256)
        limits = self._limits
        info = probe(upload.view, max_pixels=limits.max_pixels, max_side_px=limits.max_side_px)
        return info, plan(info, submission.specs, limits)

    def check_room(self, submission: Submission, planned: Plan) -> None:
        """Refuse what can never run, or not now; see `Engine.check`."""
        client = submission.caller.client
        # They are not in the engine's queue, and must not be without bounds either.
        entering = self._runner.outside(client)
        self._engine.check(planned, submission.upload.size_bytes, client=client, entering=entering)

    async def accept(self, submission: Submission) -> Job:
        """Take a job in; see `JobService.accept`."""
        self.check_open()
        key = submission.wishes.key
        if key is not None:
            taken = await self._stores.journal.keyed(key.tenant, key.name)
            if taken is not None:
                return await self._same(key, *taken)
        info, planned = self.inspect(submission)
        self.check_room(submission, planned)
        job = new_job(submission, info, planned)
        lease = submission.upload.take_over()
        # In a task of its own: were the client to go now, the storage's thread would still be
        # reading from a lease that is somebody else's by then.
        self._runner.enlist(job)
        task = asyncio.create_task(self._accept(job, key, lease))
        self._accepting.add(task)
        task.add_done_callback(self._accepted)
        return await asyncio.shield(task)

    def _accepted(self, task: asyncio.Task[Job]) -> None:
        self._accepting.discard(task)
        if not task.cancelled():
            task.exception()  # The client who would have been told may be gone.

    async def _accept(self, job: Job, key: Key | None, lease: Lease) -> Job:
        try:
            with lease.view(0, job.source.size_bytes) as content:
                await self._store(job, key, content)
        except BaseException as error:
            self._runner.dismiss(job)
            lease.release()
            self._stores.suspects.add(job.source.sha256)
            if isinstance(error, KeyTakenError) and key is not None:
                return await self._same(key, error.job_id, error.fingerprint)
            raise
        self._runner.start(job, lease)
        return job

    async def _store(self, job: Job, key: Key | None, content: memoryview) -> None:
        """The source, then the job that refers to it."""
        for _ in range(_STORE_ATTEMPTS):
            await put_patiently(self._stores.blobs, job.source.sha256, content)
            try:
                await self._stores.recorder.add(job, key)
            except BlobMissingError:
                continue  # The sweep of blobs that nobody refers to was quicker.
            return
        raise StorageFailedError("The source was stored, and removed, again and again.")

    async def _same(self, key: Key, job_id: str, fingerprint: str) -> Job:
        """The job that was made with the key before."""
        if fingerprint != key.fingerprint:
            raise KeyReusedError(
                f"The Idempotency-Key {key.name!r} came with another request before; a new "
                "request needs a new key."
            )
        job = self._runner.find(job_id) or await self._stores.journal.get(job_id)
        if job is None or job.deleted_at is not None:
            raise JobGoneError("The job that was made with this Idempotency-Key was deleted.")
        return job
