"""Stored variants that were lost or damaged are made again from their source."""

import asyncio
from functools import partial

import structlog

from pixelpipe.engine.engine import Engine
from pixelpipe.engine.work import Encoded, Nobody, Order
from pixelpipe.errors import JobGoneError, PixelPipeError, ShuttingDownError, StorageFailedError
from pixelpipe.jobs.model import Blob, Job, TaskState, Variant
from pixelpipe.jobs.patience import put_patiently, read_patiently
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.ports import BlobStore, Digest, Stored
from pixelpipe.jobs.records import LostJobError, RefusedError
from pixelpipe.jobs.runner import Runner
from pixelpipe.jobs.stores import Stores
from pixelpipe.recipes.plan import Plan

_log = structlog.get_logger(__name__)


class _RestoreSink(Nobody):
    """Stores the one variant again."""

    def __init__(self, source_sha256: str, blobs: BlobStore, poison: PoisonList) -> None:
        self.blob: Blob | None = None
        self.error: PixelPipeError | None = None
        self._source_sha256 = source_sha256
        self._blobs = blobs
        self._poison = poison

    async def task_made(self, index: int, encoded: Encoded) -> None:
        """Store it.

        Raises:
            WrongDigestError: The bytes are not those that the worker spoke of.
            StorageFailedError: They could not be stored.
        """
        del index
        blob = Blob(encoded.sha256, len(encoded.content), encoded.facts)
        await put_patiently(self._blobs, blob.sha256, encoded.content, Digest.UNCHECKED)
        self.blob = blob

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """Keep the reason."""
        del index, strikes
        self.error = error

    def decode_struck_out(self) -> None:
        """Remember the source."""
        self._poison.remember(self._source_sha256)


class Restorer:
    """Sees to it that what is served is what was made."""

    def __init__(self, engine: Engine, stores: Stores, runner: Runner) -> None:
        self._engine = engine
        self._stores = stores
        self._runner = runner
        self._works: dict[tuple[str, str], asyncio.Task[Blob]] = {}

    @property
    def tasks(self) -> set[asyncio.Task[Blob]]:
        """What runs."""
        return set(self._works.values())

    async def intact(self, job: Job, variant: Variant) -> Stored:
        """A completed variant's bytes, made again if it is not what it was.

        Its blob is another one then if the codec is another one.

        Raises:
            StorageFailedError: The bytes are gone, and so is the source.
            PixelPipeError: They could not be made again.
        """
        assert variant.state is TaskState.COMPLETED, "only completed variants have bytes"
        assert variant.blob is not None
        if not await self._stores.blobs.intact(variant.blob):
            variant.blob = await self._restored(job, variant)
        return self._stores.blobs.stored(variant.blob)

    async def _restored(self, job: Job, variant: Variant) -> Blob:
        """Everybody who finds the variant damaged waits for the same work."""
        place = (job.id, variant.task.name)
        if place not in self._works:
            work = asyncio.create_task(self._restore(job, variant))
            self._works[place] = work
            work.add_done_callback(lambda _: self._works.pop(place, None))
        work = self._works[place]
        await asyncio.wait({work})
        if work.cancelled():
            raise ShuttingDownError("The server shut down before the variant was made again.")
        return work.result()

    async def _restore(self, job: Job, variant: Variant) -> Blob:
        _log.warning("a stored variant is damaged", job=job.id, variant=variant.task.name)
        source = Blob(job.source.sha256, job.source.size_bytes)
        if not await self._stores.blobs.intact(source):
            raise StorageFailedError("The variant's bytes were lost, and so was its source.")
        sink = _RestoreSink(source.sha256, self._stores.blobs, self._stores.poison)
        order = Order(
            label=job.id,
            plan=Plan(job.decode, (variant.task,)),
            source=None,
            source_bytes=source.size_bytes,
            load=partial(read_patiently, self._stores.blobs, source.sha256),
            client=job.client,
            check_source=partial(self._stores.poison.check, source.sha256),
        )
        await self._engine.run(order, sink)
        if sink.blob is None:
            raise sink.error or StorageFailedError("The variant could not be made again.")
        if sink.blob != variant.blob:
            await self._replace(job.id, variant.task.name, sink.blob)
        return sink.blob

    async def _replace(self, job_id: str, name: str, blob: Blob) -> None:
        """Another version of a codec makes other bytes of the same pixels.

        The job may have been taken up again, or deleted, while they were made.
        """
        async with self._stores.turns.of(job_id):
            live = self._runner.find(job_id)
            job = live or await self._stores.journal.get(job_id)
            variant = job.variant(name) if job else None
            try:
                # Of one that is under way elsewhere, whoever runs it says how it stands.
                if job is None or variant is None or not (live or job.ended):
                    raise LostJobError(job_id)
                variant.blob = blob
                await self._stores.recorder.record(job, None, [job.variants.index(variant)])
            except RefusedError as error:
                self._stores.suspects.add(blob.sha256)
                raise await self._refused(job_id) from error

    async def _refused(self, job_id: str) -> PixelPipeError:
        """Why what was made again is not the job's."""
        job = await self._stores.journal.get(job_id)
        if job is None or job.deleted_at is not None:
            return JobGoneError("The job was deleted meanwhile.")
        return StorageFailedError("The variant was lost, and its job is being tried again.")
