"""The way in: probe, plan, store the source, journal the job; then it is acknowledged."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pixelpipe.engine.admission import Standing
from pixelpipe.engine.arena import Lease
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.uploads import Upload
from pixelpipe.errors import (
    EmptyBodyError,
    JobGoneError,
    KeyReusedError,
    QueueFullError,
    ShuttingDownError,
    StorageFailedError,
    StorageFullError,
)
from pixelpipe.formats.probe import probe
from pixelpipe.formats.source import SourceInfo
from pixelpipe.jobs.dispatch import Dispatch
from pixelpipe.jobs.model import Job
from pixelpipe.jobs.patience import put_patiently
from pixelpipe.jobs.places import Places
from pixelpipe.jobs.plans import Planned, Plans
from pixelpipe.jobs.ports import Digest
from pixelpipe.jobs.records import BlobMissingError, Key, KeyTakenError, LostJobError
from pixelpipe.jobs.reuse import reuse_key
from pixelpipe.jobs.runner import Runner
from pixelpipe.jobs.stores import Stores
from pixelpipe.jobs.submission import Sender, SourceLimits, Submission, new_job
from pixelpipe.recipes.plan import Plan

_STORE_ATTEMPTS = 5
# Sources that are stored at a time. The storage serves who comes first: more of them would keep
# the variants of what is accepted already waiting, and one client's flood another client's upload.
_STORED_AT_ONCE = 3


class Intake:
    """Takes submissions in until it is closed."""

    def __init__(
        self,
        engine: Engine,
        stores: Stores,
        runner: Runner,
        dispatch: Dispatch,
        limits: SourceLimits,
    ) -> None:
        self.closed = False
        self._engine = engine
        self._stores = stores
        self._runner = runner
        self._dispatch = dispatch
        self._limits = limits
        self._plans = Plans(limits)
        self._accepting: set[asyncio.Task[Job]] = set()
        self._arriving: dict[Upload, str] = {}
        self._reserved: Counter[str] = Counter()
        self._storing = Places(_STORED_AT_ONCE)

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

    @asynccontextmanager
    async def receive(
        self, declared_bytes: int | None, *, stored: bool, sender: Sender | None
    ) -> AsyncIterator[Upload]:
        """Room for an upload; see `JobService.receive`."""
        self.check_open()
        if stored and self._stores.space.full:
            raise StorageFullError(
                "The server's storage is full; it takes nothing in until there is room again."
            )
        if sender is not None:
            await self._check_place(sender)
        async with self._engine.receive(declared_bytes) as upload:
            if sender is not None:
                self._arriving[upload] = sender.client
                self._reserved[sender.client] += 1
            try:
                yield upload
            finally:
                self._arrived(upload)

    def standing(self, client: str) -> Standing:
        """How the client stands in the queue; uploads on their way have their places in it."""
        return self._engine.admission.standing(client, self._entering(client))

    async def _check_place(self, sender: Sender) -> None:
        """Refuse an upload whose job would find the queue full, before any of it is read."""
        try:
            self._engine.admission.check_queue(sender.client, self._entering(sender.client))
        except QueueFullError:
            # A job that is there already needs no place.
            key = sender.key
            if key is None or await self._stores.journal.keyed(sender.tenant, key) is None:
                raise

    def _entering(self, client: str) -> int:
        """Jobs of the client's that are not in the engine's queue yet but will be.

        Uploads count as soon as any job of the client's waits: else all that come in beside each
        other for one place would be read, and all but one be refused after that. While none waits
        a slow upload must not keep another out.
        """
        outside = self._runner.outside(client)
        waits = self._engine.admission.waiting_of(client)
        return outside + (self._reserved[client] if waits else 0)

    def _arrived(self, upload: Upload) -> None:
        """The upload is no longer on its way: its job has a place now, or there is none."""
        client = self._arriving.pop(upload, None)
        if client is not None:
            self._reserved -= Counter({client: 1})

    def inspect(self, submission: Submission) -> tuple[SourceInfo, Planned]:
        """Probe and plan; see `JobService.accept` for what is refused."""
        self.check_open()
        upload = submission.upload
        if not upload.size_bytes:
            raise EmptyBodyError("The request carries no image: its body, or its file, is empty.")
        self._stores.poison.check(upload.sha256)
        limits = self._limits
        info = probe(upload.view, max_pixels=limits.max_pixels, max_side_px=limits.max_side_px)
        return info, self._plans.of(info, submission.specs, submission.accepted)

    def check_room(self, submission: Submission, planned: Plan, *, held: bool = False) -> None:
        """Refuse what can never run, or not now; see `Engine.check`.

        What was taken from the queue has had its place there.
        """
        self._arrived(submission.upload)
        client = submission.caller.client
        # They are not in the engine's queue, and must not be without bounds either.
        entering = self._runner.outside(client)
        self._engine.check(planned, submission.upload.size_bytes, client=client, entering=entering)
        if not held:
            self._dispatch.check_room()

    async def accept(self, submission: Submission, *, held: bool = False) -> Job:
        """Take a job in; see `JobService.accept`."""
        self.check_open()
        key = submission.wishes.key
        if key is not None:
            taken = await self._stores.journal.keyed(key.tenant, key.name)
            if taken is not None:
                return await self._same(key, *taken)
        info, planned = self.inspect(submission)
        self.check_room(submission, planned.plan, held=held)
        sha256 = submission.upload.sha256
        reuse_keys = (reuse_key(sha256, wish) for wish in planned.wishes)
        job = new_job(submission, info, planned.plan, reuse_keys)
        # Whoever claims a job of this id here just now has it in the list when his turn is over.
        async with self._stores.turns.of(job.id):
            if self._runner.is_live(job.id):
                raise LostJobError(job.id)  # Whoever had it here before us is about to accept it.
            lease = submission.upload.take_over()
            self._runner.enlist(job)
        # In a task of its own: were the client to go now, the storage's thread would still be
        # reading from a lease that is somebody else's by then.
        task = asyncio.create_task(self._accept(job, key, lease, held=held))
        self._accepting.add(task)
        task.add_done_callback(self._accepted)
        return await asyncio.shield(task)

    def _accepted(self, task: asyncio.Task[Job]) -> None:
        self._accepting.discard(task)
        if not task.cancelled():
            task.exception()  # The client who would have been told may be gone.

    async def _accept(self, job: Job, key: Key | None, lease: Lease, *, held: bool) -> Job:
        try:
            with lease.view(0, job.source.size_bytes) as content:
                fresh = await self._store(job, key, content)
        except BaseException as error:
            self._runner.dismiss(job)
            lease.release()
            self._stores.suspects.add(job.source.sha256)
            if isinstance(error, KeyTakenError) and key is not None:
                return await self._same(key, error.job_id, error.fingerprint)
            raise
        if held:
            self._runner.dismiss(job)
            lease.release()
        else:
            await self._dispatch.send(job, lease, fresh=fresh)
        return job

    async def _store(self, job: Job, key: Key | None, content: memoryview) -> bool:
        """The source, then the job that refers to it; gives whether the source was not there."""
        for _ in range(_STORE_ATTEMPTS):
            async with self._storing.taken(job.client, len(content)):
                fresh = await put_patiently(
                    self._stores.blobs, job.source.sha256, content, Digest.KNOWN
                )
            try:
                await self._stores.recorder.add(job, key)
            except BlobMissingError:
                continue  # The sweep of blobs that nobody refers to was quicker.
            return fresh
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
        if not job.ended and self._runner.find(job_id) is None:
            # Its sender may have been refused although it was recorded: then nobody has sent it on.
            await self._dispatch.remind(job)
        return job
