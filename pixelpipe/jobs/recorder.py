"""The one writer of the event log: in order, recorded before announced."""

import asyncio

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import Draft, EventType, Job, Variant
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.views import event_data

_log = structlog.get_logger(__name__)


class Recorder:
    """Takes events as they happen and brings them to the journal, many at a time.

    Their JSON is made when they happen, so that each shows the job as it was then.
    """

    def __init__(self, journal: Journal, feed: Feed) -> None:
        self._journal = journal
        self._feed = feed
        self._drafts: list[tuple[Draft, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    def record(
        self, job: Job, event: EventType, variant: Variant | None = None
    ) -> asyncio.Future[None]:
        """Take in an event of the job, or of one of its variants.

        Returns:
            Done once the event is recorded and announced; StorageFailedError if it could not be.
        """
        job.seq += 1
        draft = Draft(event, job.id, job.seq, event_data(job, variant))
        recorded = asyncio.get_running_loop().create_future()
        self._drafts.append((draft, recorded))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return recorded

    async def close(self) -> None:
        """Wait until everything is recorded."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        try:
            while self._drafts:
                batch, self._drafts = self._drafts, []
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[Draft, asyncio.Future[None]]]) -> None:
        try:
            events = await self._journal.append([draft for draft, _ in batch])
        except Exception as error:  # noqa: BLE001 - the writer must live on, whatever it was
            _log.exception("events could not be recorded", count=len(batch))
            failure = error if isinstance(error, StorageFailedError) else _defect()
            for _, recorded in batch:
                if not recorded.done():
                    recorded.set_exception(failure)
                    recorded.exception()  # Not everybody waits for it; that is no defect.
            return
        self._feed.announce(events)
        for _, recorded in batch:
            # Who waited for it may have been cancelled, and the future with him.
            if not recorded.done():
                recorded.set_result(None)


def _defect() -> StorageFailedError:
    return StorageFailedError("The server could not record what happened.")
