"""The journal and the outbox in memory, as plain as can be: what they say is right.

For one run of the command line, and for tests to hold the other journal against.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from pixelpipe.jobs.batches import batch_of
from pixelpipe.jobs.consequences import ended_at, message, numbered, references
from pixelpipe.jobs.model import Blob, Event, Job, TaskState, Variant
from pixelpipe.jobs.ports import Delivery, Keep, Listing
from pixelpipe.jobs.records import (
    MOST_POISONS,
    BlobMissingError,
    Entry,
    Key,
    KeyTakenError,
    LostJobError,
    Outcome,
    Poison,
    Record,
    RefusedError,
)

_by_id = attrgetter("id")


@dataclass(slots=True)
class _Kept:
    """A job as it was recorded, and what else belongs to it."""

    job: Job
    blobs: dict[str, Blob]
    key: Key | None
    seq: int = 0

    def made(self, reuse_key: str) -> Blob | None:
        """What the job has made and may still be used again."""
        if self.job.deleted_at:
            return None
        variants = (v for v in self.job.variants if v.state is TaskState.COMPLETED)
        return next((v.blob for v in variants if v.reuse_key == reuse_key), None)


class MemoryJournal:
    """`jobs.ports.Journal` in memory. Nothing that goes in or comes out is shared.

    Args:
        present: Whether a blob is in the store; called in the event loop, so it must not block.
        remove: Removes a blob from the store, if it is there; likewise.
    """

    def __init__(self, *, present: Callable[[Blob], bool], remove: Callable[[str], None]) -> None:
        self._present = present
        self._remove = remove
        self._kept: dict[str, _Kept] = {}
        # Ids of the jobs that were asked for something, by tenant and reuse key, as an ordered set.
        self._asked: dict[tuple[str, str], dict[str, None]] = {}
        self._events: list[Event] = []
        self._last_id = 0
        self._released: set[str] = set()
        self._poisons: dict[str, Poison] = {}
        self.deliveries: dict[str, Delivery] = {}

    async def write(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        """Record steps; see the port."""
        return [self._outcome(record) for record in records]

    async def take_over(self, living: Collection[str] = ()) -> Sequence[Job]:
        """All jobs that have not ended; see the port. There are no other owners here."""
        del living
        left = [kept.job for kept in self._kept.values() if not kept.job.ended]
        for job in left:
            job.epoch += 1
        return [_copy(job) for job in sorted(left, key=attrgetter("created_at"))]

    async def claim(self, job_id: str, epoch: int, *, ended: bool = False) -> bool:
        """Make the job the caller's; see the port."""
        kept = self._kept.get(job_id)
        if kept is None or kept.job.deleted_at:
            return False
        if (kept.job.epoch, kept.job.ended) != (epoch, ended):
            return False
        kept.job.epoch += 1
        return True

    async def get(self, job_id: str) -> Job | None:
        """The job; see the port."""
        kept = self._kept.get(job_id)
        return _copy(kept.job) if kept else None

    async def list(self, listing: Listing) -> Sequence[Job]:
        """The jobs that `listing` asks for; see the port."""
        wanted = [job for job in self._undeleted(listing.tenant) if _wanted(job, listing)]
        newest_first = sorted(wanted, key=_place, reverse=True)
        return [_copy(job) for job in newest_first[: listing.limit]]

    async def keyed(self, tenant: str, name: str) -> tuple[str, str] | None:
        """The id of the job that has this key, and the fingerprint; see the port."""
        for kept in self._kept.values():
            if kept.key and (kept.key.tenant, kept.key.name) == (tenant, name):
                return kept.job.id, kept.key.fingerprint
        return None

    async def reusable(self, tenant: str, reuse_keys: Collection[str]) -> Mapping[str, Blob]:
        """Variants that were made already; see the port."""
        makers = {key: self._asked.get((tenant, key), {}) for key in reuse_keys}
        made = (
            (key, self._kept[job_id].made(key)) for key, ids in makers.items() for job_id in ids
        )
        return {key: blob for key, blob in made if blob}

    async def events(
        self,
        after: int,
        job_ids: Collection[str] | None,
        limit: int,
        limit_bytes: int | None = None,
    ) -> Sequence[Event]:
        """Events in order; see the port."""
        later = self._events[bisect_right(self._events, after, key=_by_id) :]
        wanted = (e for e in later if job_ids is None or e.job_id in job_ids)
        return batch_of(wanted, limit, limit_bytes)

    async def tenant_events(
        self, tenant: str, ids: range, limit: int, limit_bytes: int | None = None
    ) -> Sequence[Event]:
        """Events of a tenant's jobs; see the port."""
        wanted = (e for e in self._events if e.tenant == tenant and e.id in ids)
        return batch_of(wanted, limit, limit_bytes)

    async def poisons(self) -> Sequence[Poison]:
        """Sources that were recorded as refused; see the port."""
        return sorted(self._poisons.values(), key=_since)

    async def last_event_id(self) -> int:
        """The newest event's id; see the port."""
        return self._last_id

    async def bury(self, job_id: str, now: datetime) -> bool:
        """Delete an ended job; see the port."""
        kept = self._kept.get(job_id)
        if kept is None or not kept.job.ended:
            return False
        if kept.job.deleted_at is None:
            kept.job.deleted_at = now
            self._released |= kept.blobs.keys()
            kept.blobs = {}
        return True

    async def expire(self, *, ended_before: datetime, deleted_before: datetime, keep: Keep) -> int:
        """Remove jobs that are over for long; see the port."""
        jobs = [kept.job for kept in self._kept.values()]
        return self._forget(
            job.id
            for job in jobs
            if _expired(job, ended_before, deleted_before) and not keep(job.id)
        )

    async def evict(self, limit_bytes: int, keep: Keep) -> int:
        """Remove ended jobs until blobs fit; see the port."""
        jobs = [kept.job for kept in self._kept.values()]
        ended = [(at, job.id) for job in jobs if (at := job.ended_at) and not job.deleted_at]
        removed = 0
        for _, job_id in sorted(ended, key=lambda pair: pair[0]):
            if sum(blob.size_bytes for blob in self._referenced().values()) <= limit_bytes:
                break
            if not keep(job_id):
                removed += self._forget([job_id])
        return removed

    async def sweep(self, suspects: Collection[str], keep: Keep) -> int:
        """Remove blobs that no job refers to; see the port."""
        unused = (self._released | set(suspects)) - self._referenced().keys()
        removed = 0
        for sha256 in unused:
            if not keep(sha256):
                self._remove(sha256)
                self._released.discard(sha256)
                removed += 1
        return removed

    def _outcome(self, record: Entry) -> Outcome:
        if isinstance(record, Poison):
            self._remember(record)
            return None
        try:
            kept = self._entered(record) if record.new else self._updated(record)
        except RefusedError as refusal:
            return refusal
        return self._append(kept, record) if record.event else None

    def _remember(self, poison: Poison) -> None:
        others = (other for sha, other in self._poisons.items() if sha != poison.sha256)
        kept = [poison, *(other for other in others if other.until > poison.since)]
        newest = sorted(kept, key=_since)[-MOST_POISONS:]
        self._poisons = {each.sha256: each for each in newest if each.until > poison.since}

    def _entered(self, record: Record) -> _Kept:
        if record.key:
            for other in self._kept.values():
                _check_key(record.key, other)
        blobs = self._stored(references(record))
        if record.job.id in self._kept:
            raise LostJobError(record.job.id)
        job = replace(record.job, variants=[variant for _, variant in record.variants])
        kept = _Kept(_copy(_told(job, None)), blobs, record.key)
        self._kept[job.id] = kept
        for variant in job.variants:
            self._asked.setdefault((job.tenant, variant.reuse_key), {})[job.id] = None
        return kept

    def _updated(self, record: Record) -> _Kept:
        kept = self._kept.get(record.job.id)
        if kept is None or kept.job.deleted_at or kept.job.epoch != record.job.epoch:
            raise LostJobError(record.job.id)
        blobs = references(record)
        added = self._stored({sha: blob for sha, blob in blobs.items() if sha not in kept.blobs})
        changed = dict(record.variants)
        variants = [changed.get(i, variant) for i, variant in enumerate(kept.job.variants)]
        kept.job = _copy(_told(replace(record.job, variants=variants), kept.job))
        kept.blobs |= added
        return kept

    def _stored(self, blobs: Mapping[str, Blob]) -> dict[str, Blob]:
        for blob in blobs.values():
            if not self._present(blob):
                raise BlobMissingError(blob.sha256)
        return dict(blobs)

    def _append(self, kept: _Kept, record: Record) -> Event:
        assert record.event
        kept.seq += 1
        self._last_id += 1
        data = numbered(record.data, kept.seq)
        event = Event(self._last_id, record.event, kept.job.id, kept.seq, data, kept.job.tenant)
        self._events.append(event)
        delivery = message(kept.job, event)
        if delivery:
            self.deliveries[delivery.id] = delivery
        return event

    def _undeleted(self, tenant: str | None) -> Iterator[Job]:
        jobs = (kept.job for kept in self._kept.values())
        return (job for job in jobs if tenant in (None, job.tenant) and not job.deleted_at)

    def _referenced(self) -> dict[str, Blob]:
        return {sha: blob for kept in self._kept.values() for sha, blob in kept.blobs.items()}

    def _forget(self, job_ids: Iterable[str]) -> int:
        forgotten = {job_id: self._kept.pop(job_id) for job_id in list(job_ids)}
        for kept in forgotten.values():
            self._released |= kept.blobs.keys()
            self._unask(kept.job)
        self._events = [event for event in self._events if event.job_id not in forgotten]
        return len(forgotten)

    def _unask(self, job: Job) -> None:
        for place in {(job.tenant, variant.reuse_key) for variant in job.variants}:
            del self._asked[place][job.id]
            if not self._asked[place]:
                del self._asked[place]


class MemoryOutbox:
    """`jobs.ports.Outbox` in memory.

    Args:
        deliveries: Those of the journal, by id; shared with it.
    """

    def __init__(self, deliveries: dict[str, Delivery]) -> None:
        self._deliveries = deliveries

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """Messages to be sent by now; see the port."""
        due = [delivery for delivery in self._deliveries.values() if delivery.due_at <= now]
        return sorted(due, key=attrgetter("due_at"))[:limit]

    async def next_due_at(self) -> datetime | None:
        """When the next one is due; see the port."""
        return min((delivery.due_at for delivery in self._deliveries.values()), default=None)

    async def postpone(self, delivery_id: str, attempts: int, due_at: datetime) -> None:
        """Note failed attempts; see the port."""
        delivery = self._deliveries.get(delivery_id)
        if delivery:
            later = replace(delivery, attempts=attempts, due_at=due_at)
            self._deliveries[delivery_id] = later

    async def close(self, delivery_id: str) -> None:
        """Forget a message; see the port."""
        self._deliveries.pop(delivery_id, None)


def _since(poison: Poison) -> tuple[datetime, str]:
    return poison.since, poison.sha256


def _check_key(key: Key, other: _Kept) -> None:
    taken = other.key
    if taken and (key.tenant, key.name) == (taken.tenant, taken.name):
        raise KeyTakenError(other.job.id, taken.fingerprint)


def _told(job: Job, before: Job | None) -> Job:
    """The job with what a record may tell of it; what it is made of stays as it was `before`."""
    fixed = before or job
    return replace(
        fixed,
        variants=job.variants,
        state=job.state,
        decodes=job.decodes,
        decode_attempts=job.decode_attempts,
        decode_strikes=job.decode_strikes,
        problems=job.problems,
        timings_ms=job.timings_ms,
        ended_at=ended_at(job),
        deleted_at=None,
    )


def _copy(job: Job) -> Job:
    return replace(
        job,
        variants=[_copy_variant(variant) for variant in job.variants],
        problems=deepcopy(job.problems),
        timings_ms=dict(job.timings_ms),
    )


def _copy_variant(variant: Variant) -> Variant:
    timings_ms = dict(variant.timings_ms)
    return replace(variant, timings_ms=timings_ms, problem=deepcopy(variant.problem))


def _place(job: Job) -> tuple[datetime, str]:
    return job.created_at, job.id


def _wanted(job: Job, listing: Listing) -> bool:
    after, before = listing.created_after, listing.created_before
    return (
        (not listing.states or job.state in listing.states)
        and (after is None or job.created_at > after)
        and (before is None or job.created_at < before)
        and (listing.behind is None or _place(job) < listing.behind)
    )


def _expired(job: Job, ended_before: datetime, deleted_before: datetime) -> bool:
    if job.deleted_at:
        return job.deleted_at < deleted_before
    return job.ended_at is not None and job.ended_at < ended_before
