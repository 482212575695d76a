"""Who listens to the engine for a job: moves it through its states, records, stores."""

import asyncio
import time
from collections.abc import Sequence

from pixelpipe.engine.work import Encoded
from pixelpipe.errors import PixelPipeError, StorageFailedError
from pixelpipe.jobs.gathering import Gathering
from pixelpipe.jobs.model import Blob, Cache, Event, EventType, Job, JobState, TaskState, Variant
from pixelpipe.jobs.patience import put_when_room
from pixelpipe.jobs.recorder import Recorder
from pixelpipe.jobs.records import BlobMissingError
from pixelpipe.jobs.reuse import Makings
from pixelpipe.jobs.stores import Stores

_KEEP_ATTEMPTS = 5
# So often a job changes hands without harm: whoever has a place free claims it.
_CLAIMS = 1


async def complete(recorder: Recorder, job: Job, index: int, blob: Blob, cache: Cache) -> bool:
    """Complete a variant whose bytes are there; False, and it is open, if they have just gone.

    A caller that is cancelled does not know which; it is as it should be once all that was
    recorded so far is.

    Raises:
        LostJobError: The job is no longer ours.
    """
    variant = job.variants[index]
    before = variant.state
    variant.blob, variant.cache, variant.problem = blob, cache, None
    variant.move(TaskState.COMPLETED)
    recorded = recorder.record(job, EventType.VARIANT_COMPLETED, [index])

    def undo(done: asyncio.Future[Event | None]) -> None:
        # The sweep of blobs that nobody refers to took it just before we did.
        if isinstance(done.exception(), BlobMissingError):
            variant.blob, variant.cache, variant.state = None, Cache.MISS, before

    recorded.add_done_callback(undo)
    try:
        await asyncio.shield(recorded)
    except BlobMissingError:
        return False
    return True


class JobSink:
    """Moves a job and its variants through their states as the engine tells of them.

    Args:
        job: The job.
        indexes: Which of its variants each task of the order is.
        stores: Where things are kept.
        makings: Where others wait for the same variants.
        gathering: Where variants that are made wait for others, to be stored together; the last
            one of the order takes all along.
    """

    def __init__(
        self,
        job: Job,
        indexes: Sequence[int],
        stores: Stores,
        makings: Makings,
        gathering: Gathering,
    ) -> None:
        self._job = job
        self._indexes = indexes
        self._stores = stores
        self._makings = makings
        self._gathering = gathering
        self._to_make = set(range(len(indexes)))
        # Servers have died with this job: what is begun lingers no more, lest the next one dies
        # over it before it is counted, and so on for ever.
        self._wary = job.epoch > _CLAIMS

    def decode_called(self) -> None:
        """Count the decode; the first one starts the job."""
        self._job.decodes += 1
        # Recorded as it begins: should the server die over it, the next start knows of it.
        self._job.decode_attempts += 1
        event = None
        if self._job.state is JobState.QUEUED:
            self._job.move(JobState.RUNNING)
            event = EventType.JOB_STARTED
        self._stores.recorder.record(self._job, event, urgent=self._wary)

    def decoded(self, decode_ms: float) -> None:
        """Note the time; the decode's starts count no longer."""
        self._job.decode_attempts = 0
        self._job.timings_ms = self._job.timings_ms | {"decode": decode_ms}

    def decode_lost(self, starts: int, strikes: int) -> None:
        """Keep the account, so that a restart does not forgive a strike."""
        self._job.decode_attempts, self._job.decode_strikes = starts, strikes
        self._stores.recorder.record(self._job, None, urgent=False)

    def task_started(self, index: int, attempt: int) -> None:
        """A variant is being made."""
        variant = self._variant(index)
        variant.move(TaskState.RUNNING)
        variant.attempts = attempt
        variant.problem = None
        self._record(EventType.VARIANT_STARTED, index, urgent=self._wary)

    def task_retrying(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """A variant goes back to the queue."""
        self._to_make.add(index)
        variant = self._variant(index)
        variant.move(TaskState.QUEUED)
        variant.strikes = strikes
        variant.problem = error.problem()
        self._record(EventType.VARIANT_RETRYING, index)

    async def task_made(self, index: int, encoded: Encoded) -> None:
        """Store a variant; it is completed when its bytes are safe.

        Raises:
            WrongDigestError: The bytes are not those that the worker spoke of.
            StorageFailedError: They could not be stored.
        """
        blob = Blob(encoded.sha256, len(encoded.content), encoded.facts)
        kept = False
        await self._gather(index)
        try:
            for _ in range(_KEEP_ATTEMPTS):
                await self._store(index, encoded)
                if self._variant(index).state is not TaskState.RUNNING:
                    return  # Cancelled while it was being stored.
                kept = await self._complete(index, blob)
                if kept:
                    self._makings.settle(self._job, self._variant(index), blob)
                    return
            raise StorageFailedError("The variant was stored, and removed, again and again.")
        finally:
            if not kept:
                self._stores.suspects.add(blob.sha256)

    async def _gather(self, index: int) -> None:
        """Let a variant that is made wait for others, while there are any to come."""
        self._to_make.discard(index)
        if self._to_make:
            await self._gathering.wait()
        else:
            self._gathering.go_on()

    async def _store(self, index: int, encoded: Encoded) -> None:
        began = time.perf_counter()
        await put_when_room(self._stores.blobs, self._stores.space, encoded.sha256, encoded.content)
        self._variant(index).timings_ms = {
            "process": encoded.process_ms,
            "encode": encoded.encode_ms,
            "store": (time.perf_counter() - began) * 1000,
        }

    async def _complete(self, index: int, blob: Blob) -> bool:
        """Record that the variant is made; False if its blob was swept before that.

        Raises:
            LostJobError: The job is no longer ours.
        """
        return await complete(
            self._stores.recorder, self._job, self._indexes[index], blob, Cache.MISS
        )

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """A variant has failed for good."""
        self._to_make.discard(index)
        if not self._to_make:
            self._gathering.go_on()
        variant = self._variant(index)
        variant.move(TaskState.FAILED)
        variant.strikes = strikes
        variant.problem = error.problem()
        self._record(EventType.VARIANT_FAILED, index)
        self._makings.settle(self._job, variant, None)

    def decode_struck_out(self) -> None:
        """Remember the source."""
        self._stores.poison.remember(self._job.source.sha256)

    def _variant(self, index: int) -> Variant:
        return self._job.variants[self._indexes[index]]

    def _record(
        self, event: EventType, index: int, *, urgent: bool = False
    ) -> asyncio.Future[Event | None]:
        return self._stores.recorder.record(self._job, event, [self._indexes[index]], urgent=urgent)
