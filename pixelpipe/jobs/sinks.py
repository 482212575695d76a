"""Who listens to the engine: a job that records and stores, or a transform that hands back."""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from pixelpipe.engine.work import Encoded
from pixelpipe.errors import PixelPipeError, StorageFailedError, WrongDigestError
from pixelpipe.jobs.model import EventType, Job, JobState, TaskState
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.ports import BlobStore
from pixelpipe.jobs.recorder import Recorder

STORE_ATTEMPTS = 3
_STORE_BACKOFF_S = 0.1


class JobSink:
    """Moves a job and its variants through their states as the engine tells of them."""

    def __init__(self, job: Job, blobs: BlobStore, recorder: Recorder, poison: PoisonList) -> None:
        self._job = job
        self._blobs = blobs
        self._recorder = recorder
        self._poison = poison

    def decode_called(self) -> None:
        """Count the decode; the first one starts the job."""
        self._job.decodes += 1
        if self._job.state is JobState.QUEUED:
            self._job.move(JobState.RUNNING)
            self._recorder.record(self._job, EventType.JOB_STARTED)

    def decoded(self, decode_ms: float) -> None:
        """Note the time."""
        self._job.timings_ms["decode"] = decode_ms

    def task_started(self, index: int, attempt: int) -> None:
        """A variant is being made."""
        variant = self._job.variants[index]
        variant.move(TaskState.RUNNING)
        variant.attempts = attempt
        variant.problem = None
        self._recorder.record(self._job, EventType.VARIANT_STARTED, variant)

    def task_retrying(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """A variant goes back to the queue."""
        variant = self._job.variants[index]
        variant.move(TaskState.QUEUED)
        variant.strikes = strikes
        variant.problem = error.problem()
        self._recorder.record(self._job, EventType.VARIANT_RETRYING, variant)

    async def task_made(self, index: int, encoded: Encoded) -> None:
        """Store a variant; it is completed when its bytes are safe.

        Raises:
            StorageFailedError: They could not be stored.
        """
        variant = self._job.variants[index]
        began = time.perf_counter()
        await put_patiently(self._blobs, encoded.sha256, encoded.content)
        if variant.state is not TaskState.RUNNING:
            return  # Cancelled while it was being stored.
        variant.timings_ms = {
            "process": encoded.process_ms,
            "encode": encoded.encode_ms,
            "store": (time.perf_counter() - began) * 1000,
        }
        variant.size_bytes = len(encoded.content)
        variant.sha256 = encoded.sha256
        variant.move(TaskState.COMPLETED)
        await self._recorder.record(self._job, EventType.VARIANT_COMPLETED, variant)

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """A variant has failed for good."""
        variant = self._job.variants[index]
        variant.move(TaskState.FAILED)
        variant.strikes = strikes
        variant.problem = error.problem()
        self._job.failures.append(error.problem() | {"variant": variant.task.name})
        self._recorder.record(self._job, EventType.VARIANT_FAILED, variant)

    def decode_struck_out(self) -> None:
        """Remember the source."""
        self._poison.remember(self._job.source.sha256)

    def end_rest(self, state: TaskState, error: PixelPipeError) -> None:
        """What is not settled never will be."""
        for variant in self._job.variants:
            if variant.state in {TaskState.QUEUED, TaskState.RUNNING}:
                variant.move(state)
                variant.problem = error.problem()
        self._job.failures.append(error.problem())


class RenderSink:
    """Keeps the one output of a transform."""

    def __init__(self, sha256: str, poison: PoisonList) -> None:
        self.content = b""
        self.sha256 = ""
        self.timings_ms: dict[str, float] = {}
        self.error: PixelPipeError | None = None
        self._source_sha256 = sha256
        self._poison = poison

    def decode_called(self) -> None:
        """Nothing is counted."""

    def decoded(self, decode_ms: float) -> None:
        """Note the time."""
        self.timings_ms["decode"] = decode_ms

    def task_started(self, index: int, attempt: int) -> None:
        """Nobody watches."""

    def task_retrying(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """Nobody watches."""

    async def task_made(self, index: int, encoded: Encoded) -> None:
        """Copy the bytes out of the arena, which they are about to leave.

        Raises:
            WrongDigestError: They are not those that the worker spoke of.
        """
        del index
        self.content = bytes(encoded.content)
        if await asyncio.to_thread(_sha256, self.content) != encoded.sha256:
            raise WrongDigestError("bytes that are not those of their digest")
        self.sha256 = encoded.sha256
        self.timings_ms |= {"process": encoded.process_ms, "encode": encoded.encode_ms}

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """Keep the reason."""
        del index, strikes
        self.error = error

    def decode_struck_out(self) -> None:
        """Remember the source."""
        self._poison.remember(self._source_sha256)


async def patiently(operation: Callable[[], Awaitable[None]]) -> None:
    """Do something with the storage; trouble is tried again, with backoff and jitter.

    Raises:
        StorageFailedError: The last attempt failed as well.
    """
    for attempt in range(1, STORE_ATTEMPTS):
        try:
            await operation()
        except StorageFailedError:
            most = _STORE_BACKOFF_S * 2**attempt
            await asyncio.sleep(random.uniform(most / 2, most))  # noqa: S311 - jitter
        else:
            return
    await operation()


async def put_patiently(blobs: BlobStore, sha256: str, content: memoryview) -> None:
    """Store a blob; see `BlobStore.put` and `patiently`."""
    await patiently(partial(blobs.put, sha256, content))


async def read_patiently(blobs: BlobStore, sha256: str, target: memoryview) -> None:
    """Read a blob; see `BlobStore.read_into` and `patiently`."""
    await patiently(partial(blobs.read_into, sha256, target))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
