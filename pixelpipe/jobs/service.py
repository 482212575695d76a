"""The one door to the work, for server and command line alike."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

import structlog

from pixelpipe.engine.admission import Standing
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.uploads import Upload
from pixelpipe.errors import PixelPipeError
from pixelpipe.jobs.dispatch import Here, ToQueue
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.fleet import ALONE, Fleet
from pixelpipe.jobs.intake import Intake
from pixelpipe.jobs.lifecycle import Lifecycle
from pixelpipe.jobs.model import Event, Job, Variant
from pixelpipe.jobs.others import Others
from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.ports import Listing, Storage, Stored
from pixelpipe.jobs.reach import EVERYBODYS, Reach
from pixelpipe.jobs.recorder import Recorder
from pixelpipe.jobs.records import Poison
from pixelpipe.jobs.restoring import Restorer
from pixelpipe.jobs.retention import Retention, RetentionLimits
from pixelpipe.jobs.runner import Runner
from pixelpipe.jobs.sharing import Sharing
from pixelpipe.jobs.stores import InUse, Stores
from pixelpipe.jobs.submission import Rendered, Sender, SourceLimits, Submission
from pixelpipe.jobs.transforms import Transforms

# Nobody sees that an event came so much later; at the end of a job nothing lingers.
_LINGER_S = 0.03

_log = structlog.get_logger(__name__)


class JobService:
    """Jobs from their acceptance to their end, and after.

    Args:
        engine: Does the work.
        storage: Where jobs and their bytes are kept.
        limits: What sources and variants may be.
        retention: How long and how much is kept.
        poison_s: Seconds for which a source that crashed the decoder is refused.
        on_message: Called when a message for somebody's webhook may be in the outbox, also when
            another process has put it there.
        linger_s: How long what happens to a job may wait for what happens next, to be stored and
            recorded together.
        fleet: Other processes over the same storage.
    """

    def __init__(  # noqa: PLR0913 - the one place where all of it comes together
        self,
        engine: Engine,
        storage: Storage,
        *,
        limits: SourceLimits,
        retention: RetentionLimits,
        poison_s: float,
        on_message: Callable[[], None],
        linger_s: float = _LINGER_S,
        fleet: Fleet = ALONE,
    ) -> None:
        self._peers = peers = fleet.peers
        self._feed = Feed(storage.journal, self._is_live)
        self._others = Others(storage.journal, self._feed, peers)
        self._recorder = Recorder(storage.journal, self._others, self._lose, linger_s=linger_s)
        self._stores = Stores(
            journal=storage.journal,
            blobs=storage.blobs,
            space=storage.space,
            recorder=self._recorder,
            poison=PoisonList(poison_s, self._poison),
            in_use=InUse(marks=fleet.marks),
        )
        self._on_message = on_message
        self._runner = Runner(engine, self._stores, self._job_ended, linger_s=linger_s)
        queue = fleet.queue
        self._queue = ToQueue(self._runner, queue, storage.journal) if queue else None
        dispatch = self._queue or Here(self._runner)
        self._intake = Intake(engine, self._stores, self._runner, dispatch, limits)
        self._lifecycle = Lifecycle(
            engine, self._stores, self._runner, dispatch, self._others.elsewhere, peers
        )
        self._sharing = Sharing(engine, self._runner, self._lifecycle, storage.journal, peers)
        self._transforms = Transforms(engine, self._stores, self._intake)
        self._restorer = Restorer(engine, self._stores, self._runner)
        self._retention = Retention(
            self._stores, retention, self._runner.is_live, sweeps_only=not peers.leader
        )

    @property
    def draining(self) -> bool:
        """Whether no more work is accepted."""
        return self._intake.closed

    @property
    def running(self) -> int:
        """Jobs that have not ended."""
        return len(self._runner.live)

    @property
    def storable(self) -> bool:
        """Whether what happens can be stored at this moment."""
        return not (self._stores.space.full or self._recorder.stuck)

    async def recover(self, stored: Collection[str]) -> None:
        """Take up every unfinished job again, where it was, and begin to remove what is old.

        Args:
            stored: Digests of all blobs that are in the store; those that no job refers to go.

        Raises:
            StorageFailedError: The journal cannot be read or written.
        """
        await self._others.start(self._hear, self._sharing.hear)
        # First: an unfinished job may be of a source that is known by now.
        self._stores.poison.load(await self._stores.journal.poisons())
        jobs = 0
        if self._queue is not None:
            self._queue.start()
        else:
            jobs = await self._lifecycle.recover()
            self._sharing.start()
        self._recorder.insist()
        self._stores.suspects.update(stored)
        self._retention.start()
        if jobs:
            _log.info("unfinished jobs were taken up again", jobs=jobs)

    def receive(
        self, declared_bytes: int | None, *, stored: bool = True, sender: Sender | None = None
    ) -> AbstractAsyncContextManager[Upload]:
        """Room for an upload of so many bytes, or of an unknown number.

        Leaving the context gives the room back unless a submission took it over.

        Args:
            declared_bytes: How many there will be, if that is known.
            stored: Whether the upload is to be stored.
            sender: Who sends it; the upload has a place in the queue then, from now on.

        Raises (on entering):
            ShuttingDownError: The service is draining.
            StorageFullError: It is to be stored, and there is no room.
            QueueFullError: Too many jobs of the sender's wait.
            UploadTooLargeError: More than `max_upload_bytes`, or than the arena has
                for uploads.
            MemoryFullError: No room at this moment.
        """
        return self._intake.receive(declared_bytes, stored=stored, sender=sender)

    def standing(self, client: str) -> Standing:
        """How many more jobs the client may send in at this moment."""
        return self._intake.standing(client)

    async def accept(self, submission: Submission, *, held: bool = False) -> Job:
        """Probe, plan, store the source, and queue the job; on return it is acknowledged.

        It will then come to its end, whatever happens to the server.

        A submission with a key that made a job before gives that job.

        Args:
            submission: What is wanted.
            held: Whether it is in the queue already, and the caller is to `work` on it.

        Raises:
            PixelPipeError: The source or the specs are refused (EmptyBodyError,
                UnsupportedFormatError, DamagedImageError, PixelLimitError, InvalidSpecError,
                ImageTooSmallError, ExceedsMemoryError, PoisonedSourceError), or the key
                (KeyReusedError, JobGoneError), or there is no room or storage
                (QueueFullError, StorageFullError, StorageFailedError, ShuttingDownError).
            LostJobError: There is, or is about to be, a job of the id that the submission gives.
        """
        return await self._intake.accept(submission, held=held)

    async def transform(self, submission: Submission) -> Rendered:
        """Make the one spec of `submission` and hand the bytes back; nothing is stored.

        A caller that is cancelled frees the worker, unless others wait for the same.

        Raises:
            PixelPipeError: As `accept`, and what the work itself may end with
                (DamagedImageError, WorkerCrashedError, DeadlineExceededError).
        """
        return await self._transforms.transform(submission)

    async def take(self, job_id: str, doom: PixelPipeError | None = None) -> None:
        """Claim and begin a job that was taken from the queue.

        Nothing happens to one that has ended, or that somebody else has claimed just now. A caller
        that is cancelled lets go of it: it stays open for whoever takes it next.

        Args:
            job_id: Which.
            doom: What it fails with instead, if it is not to be run: a WorkerCrashedError.

        Raises:
            StorageFailedError: The journal could not be read or written.
        """
        await self._lifecycle.take(job_id, doom)

    async def end_of(self, job_id: str) -> Job:
        """A job that was taken, once it has ended here; as it stands if it was not taken after all.

        A caller that is cancelled lets go of it.

        Raises:
            JobNotFoundError: There is none.
            StorageFailedError: The journal could not be read.
        """
        return await self._lifecycle.end_of(job_id)

    async def cancel_taken(self, job_id: str) -> None:
        """Cancel a job that was taken from the queue; nothing happens where it has ended."""
        await self._lifecycle.cancel_here(job_id)

    async def exists(self, job_id: str) -> bool:
        """Whether there is, or was lately, a job of that id, or one is being accepted here."""
        # At once of what is under way: nothing comes between its beginning and `end_of`.
        return self._runner.is_live(job_id) or await self._stores.journal.get(job_id) is not None

    async def get(self, job_id: str, reach: Reach) -> Job:
        """The job, also one that was deleted lately.

        Raises:
            JobNotFoundError: There is none of that id within reach.
        """
        return await self._lifecycle.get(job_id, reach)

    async def list(self, listing: Listing) -> Sequence[Job]:
        """Jobs, newest first; see `Listing`."""
        return await self._stores.journal.list(listing)

    async def retry(self, job_id: str, reach: Reach) -> Job:
        """Take the failed variants of a partial or failed job back to the queue.

        Raises:
            JobNotFoundError: There is none of that id within reach.
            JobGoneError: It was deleted.
            NotRetryableError: It is neither partial nor failed.
            PixelPipeError: It cannot run (PoisonedSourceError, StorageFailedError,
                QueueFullError, ShuttingDownError).
        """
        self._intake.check_open()
        return await self._lifecycle.retry(job_id, reach)

    async def delete(self, job_id: str, reach: Reach) -> Job | None:
        """Cancel an unfinished job, or remove one that has ended.

        Returns:
            The job if it was cancelled; None if it was removed, now or before.

        Raises:
            JobNotFoundError: There is none of that id within reach.
            ShuttingDownError: It is unfinished and waits for the next start.
        """
        job = await self._lifecycle.delete(job_id, reach)
        if job is None:
            self._retention.soon()
        return job

    async def wait(self, job: Job, timeout_s: float, *, cancel_left: bool = False) -> Job:
        """The job at its end, or as it stands when the time is up.

        Args:
            job: As it stood a moment ago.
            timeout_s: For how long.
            cancel_left: Whether the job is cancelled when this call is, and nobody else waits
                or was told of it; of a job that is not here, only the caller can know that.

        Raises:
            JobNotFoundError: It is gone.
            StorageFailedError: The journal could not be read.
        """
        job_id = job.id
        job = self._runner.find(job_id) or job
        over = job.ended and not self._runner.is_live(job_id)
        until_s = asyncio.get_running_loop().time() + timeout_s
        try:
            over |= await self._runner.wait(job_id, timeout_s)
        except asyncio.CancelledError:
            if cancel_left and self._runner.unwanted(job_id):
                self._runner.cancel(job_id)
            raise
        self._runner.detach(job_id)
        if over or (self._peers.alone and not job.ended):
            return job
        # It was never here, or another process has it by now, or its end could not be recorded.
        left_s = max(0.0, until_s - asyncio.get_running_loop().time())
        await self._others.wait(job_id, left_s, self._lifecycle.abandon if cancel_left else None)
        return await self.get(job_id, EVERYBODYS)

    def detach(self, job_id: str) -> None:
        """Keep the job even if those who wait for it go: somebody was told of it and does not."""
        self._runner.detach(job_id)

    async def last_event_id(self) -> int:
        """The newest event's id; 0 when there is none."""
        return await self._stores.journal.last_event_id()

    def follow(
        self, after: int, job_ids: Collection[str] | None, reach: Reach
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Events after `after`, in order, each once: first those recorded, then those to come.

        Only those of jobs within reach.

        With `job_ids` it ends once all of those jobs have ended and their events are given;
        without, only with the service. Yields non-empty batches.
        """
        return self._others.follow(after, job_ids, reach)

    def reading(self, job: Job) -> AbstractContextManager[None]:
        """Around the reading of a job's variants: they are not removed meanwhile."""
        return self._stores.in_use.reading(job)

    async def stored(self, job: Job, variant: Variant) -> Stored:
        """A completed variant's bytes; within `reading`.

        Raises:
            StorageFailedError: They are gone, and so is the source.
            PixelPipeError: They were damaged and could not be made again.
        """
        return await self._restorer.intact(job, variant)

    def suspect(self, stored: Collection[str]) -> None:
        """Have these blobs removed in a while, but for those that a job refers to by then.

        Args:
            stored: Digests of what is in the store.
        """
        self._stores.suspects.update(stored)

    async def look_after(self) -> None:
        """Remove what is to be removed, without waiting for the next round.

        Raises:
            StorageFailedError: The journal could not be written.
        """
        await self._retention.look_after()

    async def drain(self, for_s: float) -> None:
        """Accept nothing more and let what runs finish.

        Jobs that have not after `for_s` stay unfinished in the journal, for the next start.
        """
        self._others.hasten(for_s)
        await self._intake.close()
        await self._sharing.close()
        if self._queue is not None:
            await self._queue.close()
        others = {*self._transforms.tasks, *self._restorer.tasks, *self._others.waiting}
        await asyncio.gather(self._runner.drain(for_s), _end(others, for_s))
        await self._retention.close()
        await self._recorder.close()
        await self._others.close()
        self._feed.close()

    def _is_live(self, job_id: str) -> bool:
        return self._runner.is_live(job_id) or self._others.elsewhere.is_open(job_id)

    def _hear(self, notice: Notice) -> None:
        match notice.kind:
            case Kind.CANCEL:
                self._runner.cancel(notice.about)
            case Kind.MESSAGE:
                self._on_message()
            case Kind.POISON:
                self._stores.poison.remember(notice.about, recorded=True)

    def _poison(self, poison: Poison) -> None:
        self._recorder.poison(poison)
        self._peers.tell(Notice(Kind.POISON, poison.sha256))

    def _lose(self, job: Job) -> None:
        self._runner.lose(job)

    def _job_ended(self, job: Job) -> None:
        self._feed.job_ended(job.id)
        self._sharing.look()
        if job.webhook is not None:
            self._on_message()
            self._peers.tell(Notice(Kind.MESSAGE))


async def _end(tasks: Collection[asyncio.Task[Any]], for_s: float) -> None:
    """Wait for the tasks, and cancel those that have not ended after `for_s`."""
    if not tasks:
        return
    _, left = await asyncio.wait(tasks, timeout=for_s)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
