"""The one writer of the journal: in order, recorded before announced, many records at a time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Event, EventType, Job
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.records import (
    Entry,
    Key,
    LostJobError,
    Outcome,
    Poison,
    Record,
    RefusedError,
    snapshot,
)
from pixelpipe.jobs.records import snapshots as snapshots_of
from pixelpipe.jobs.views import event_data

_BATCH = 512
_BACKOFF_FIRST_S = 0.05
_BACKOFF_MOST_S = 1.0

_log = structlog.get_logger(__name__)


class Announced(Protocol):
    """Who is told of what is in the journal."""

    def announce(self, events: Sequence[Event]) -> None:
        """Events that are in the journal by now, in its order."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A record on its way, and who waits for it."""

    record: Entry
    recorded: asyncio.Future[Event | None]


class Recorder:
    """Takes what happens as it happens and brings it to the journal.

    Each record shows the job as it was then. While the journal cannot write (a full disk, say),
    new jobs are refused; what happens to those it has waits in order until it can, once it was told
    to `insist`.

    Args:
        journal: Where to.
        readers: Told of each event once it is recorded.
        on_lost: Told of a job, as it was recorded, that the journal says is no longer ours.
        linger_s: How long a step may wait for others when nobody waits for it: many of them cost
            the journal little more than one.
    """

    def __init__(
        self,
        journal: Journal,
        readers: Announced,
        on_lost: Callable[[Job], None],
        *,
        linger_s: float = 0.0,
    ) -> None:
        self._journal = journal
        self._readers = readers
        self._on_lost = on_lost
        self._pending: list[_Pending] = []
        self._writer: asyncio.Task[None] | None = None
        self._linger_s = linger_s
        self._lingering: asyncio.TimerHandle | None = None
        self._urgent = False
        self._backoff_s = 0.0
        self._closing = asyncio.Event()
        self._insisting = False
        self._given_up: Exception | None = None

    @property
    def stuck(self) -> bool:
        """Whether the journal cannot be written at this moment."""
        return self._backoff_s > 0

    def insist(self) -> None:
        """From now on wait for the journal; before, at the start, what fails is told at once."""
        self._insisting = True

    def add(self, job: Job, key: Key | None) -> asyncio.Future[Event | None]:
        """Take in a new job; as `record`, and KeyTakenError if another job has the key."""
        everything = list(range(len(job.variants)))
        return self._put(_record(job, EventType.JOB_ACCEPTED, everything, key=key, new=True))

    def record(
        self,
        job: Job,
        event: EventType | None,
        variants: Sequence[int] = (),
        *,
        urgent: bool = True,
    ) -> asyncio.Future[Event | None]:
        """Take in a step of the job.

        Args:
            job: The job as it is now.
            event: What to tell the world: of a `variant.*` event, of the one in `variants`. None
                tells nothing and keeps the state.
            variants: Indexes of the variants whose state changed.
            urgent: Whether it is recorded at once; otherwise within `linger_s`, or with the next
                step that is.

        Returns:
            Done once the step is recorded and announced. Of new jobs StorageFailedError if it
            could not be; of others only when the recorder was closed before it could. LostJobError
            and BlobMissingError as `Journal.write`.
        """
        return self._put(_record(job, event, list(variants)), urgent=urgent)

    def poison(self, poison: Poison) -> None:
        """Take in a source that is refused from now on; before all that is taken in later."""
        self._put(poison)

    async def close(self) -> None:
        """Wait until everything is recorded, or the journal fails to."""
        self._closing.set()
        self._hurry()
        if self._writer is not None:
            await self._writer

    def _put(self, record: Entry, *, urgent: bool = True) -> asyncio.Future[Event | None]:
        loop = asyncio.get_running_loop()
        recorded = loop.create_future()
        self._pending.append(_Pending(record, recorded))
        if urgent or not self._linger_s or self._closing.is_set():
            self._hurry()
        elif self._lingering is None:
            self._lingering = loop.call_later(self._linger_s, self._hurry)
        return recorded

    def _hurry(self) -> None:
        """Write what is pending as soon as the journal is free."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        self._urgent = True
        if self._writer is None and self._pending:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._pending and self._urgent:
                batch, self._pending = self._pending[:_BATCH], self._pending[_BATCH:]
                self._urgent = bool(self._pending)
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[_Pending]) -> None:
        if self._given_up is not None:
            # Without the steps before it, it would leave its job in a state that never was.
            for each in batch:
                _fail(each, self._given_up)
            return
        try:
            outcomes = await self._journal.write([each.record for each in batch])
        except Exception as error:  # noqa: BLE001 - the writer must live on, whatever it was
            await self._wait_with(batch, error)
            return
        if self._backoff_s:
            _log.info("the journal can be written again")
            self._backoff_s = 0.0
        self._readers.announce([outcome for outcome in outcomes if isinstance(outcome, Event)])
        for each, outcome in zip(batch, outcomes, strict=True):
            self._tell(each, outcome)

    def _tell(self, pending: _Pending, outcome: Outcome) -> None:
        if isinstance(outcome, LostJobError) and isinstance(pending.record, Record):
            self._on_lost(pending.record.job)
        # Who waited for it may have been cancelled, and the future with him.
        if pending.recorded.done():
            return
        if isinstance(outcome, RefusedError):
            _fail(pending, outcome)
        else:
            pending.recorded.set_result(outcome)

    async def _wait_with(self, batch: list[_Pending], error: Exception) -> None:
        """Refuse new jobs at once; put the rest back and let some time pass."""
        failure = error
        if not isinstance(error, StorageFailedError):
            _log.error("steps could not be recorded", count=len(batch), exc_info=error)
            failure = StorageFailedError("The server could not record what happened.")
        elif not self._backoff_s:
            _log.warning("the journal cannot be written", error=str(error))
        if self._closing.is_set():
            self._given_up = failure
        for each in batch:
            if not self._waits(each):
                _fail(each, failure)
        self._pending = [each for each in batch if self._waits(each)] + self._pending
        self._urgent = True
        if not self._pending:
            self._backoff_s = 0.0  # Whether it can be written again shows when it has to be.
            return
        self._backoff_s = min(_BACKOFF_MOST_S, self._backoff_s * 2 or _BACKOFF_FIRST_S)
        if not any(self._waits(each) for each in self._pending):
            return
        try:
            await asyncio.wait_for(self._closing.wait(), self._backoff_s)
        except TimeoutError:
            return

    def _waits(self, pending: _Pending) -> bool:
        """Whether the step waits until the journal can be written again."""
        refused = isinstance(pending.record, Record) and pending.record.new
        return self._insisting and self._given_up is None and not refused


def _record(
    job: Job,
    event: EventType | None,
    indexes: list[int],
    *,
    key: Key | None = None,
    new: bool = False,
) -> Record:
    about = job.variants[indexes[0]] if event and event.startswith("variant.") else None
    data = event_data(job, about) if event else b""
    return Record(snapshot(job), snapshots_of(job, indexes), event, data, new=new, key=key)


def _fail(pending: _Pending, error: Exception) -> None:
    if not pending.recorded.done():
        pending.recorded.set_exception(error)
        pending.recorded.exception()  # Not everybody waits for it; that is no defect.
