"""The journal in Redis: jobs and events that several nodes write and read."""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from pixelpipe.jobs.model import Blob, Event, Job, JobState
from pixelpipe.jobs.ports import Keep, Listing
from pixelpipe.jobs.records import Entry, Outcome, Poison
from pixelpipe.jobs.texts import microseconds, moment_at
from pixelpipe.scaleout import redis_forget_scripts, redis_read_scripts, redis_sweeping
from pixelpipe.scaleout.redis_batch import Argument
from pixelpipe.scaleout.redis_server import RedisServer
from pixelpipe.scaleout.redis_texts import blob_of, event_of, job_of
from pixelpipe.scaleout.redis_writing import RedisWriter, Store

_UNBOUNDED = -1


class RedisJournal:
    """`jobs.ports.Journal` in Redis.

    Args:
        server: Where.
        store: Where the blobs are that jobs refer to.
        owner: Whose jobs are made or taken over here; no other journal, also of an earlier start,
            may have it. By default nobody's who was here before.
        unused_s: For so long a blob is left alone that no job refers to any more: others may still
            read it.
    """

    def __init__(
        self,
        server: RedisServer,
        store: Store,
        *,
        owner: str | None = None,
        unused_s: float = 0.0,
    ) -> None:
        self._server = server
        self._store = store
        self._owner = owner or secrets.token_urlsafe(16)
        self._unused_s = unused_s
        self._writer = RedisWriter(server, store, self._owner)

    async def write(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        """Record steps; see the port.

        When Redis was away in the middle of it, steps may have been recorded although this fails.
        Those that are written again are not recorded twice; new jobs that are not are removed.
        """
        return await self._writer.write(records)

    async def take_over(self, living: Collection[str] = ()) -> Sequence[Job]:
        """Jobs that have not ended; see the port."""
        script = redis_forget_scripts.TAKE_OVER
        return [
            job_of(job_id.decode(), fields)
            for job_id, fields in await self._server.run(script, self._owner, len(living), *living)
        ]

    async def claim(self, job_id: str, epoch: int, *, ended: bool = False) -> bool:
        """Make the job the caller's; see the port."""
        script, token = redis_forget_scripts.CLAIM, secrets.token_urlsafe(8)
        return bool(await self._server.run(script, job_id, epoch, int(ended), self._owner, token))

    async def get(self, job_id: str) -> Job | None:
        """The job; see the port."""
        return next(iter(await self._jobs([job_id])), None)

    async def list(self, listing: Listing) -> Sequence[Job]:
        """The jobs that `listing` asks for; see the port."""
        found = await self._server.run(redis_read_scripts.LISTED, *_wanted(listing))
        pairs = (pair for part in found for pair in zip(part[::2], part[1::2], strict=True))
        places = {(int(created_us), job_id.decode()) for job_id, created_us in pairs}
        listed = sorted((place for place in places if _within(place, listing)), reverse=True)
        return await self._jobs([job_id for _, job_id in listed[: listing.limit]])

    async def keyed(self, tenant: str, name: str) -> tuple[str, str] | None:
        """The id of the job that has this key, and the fingerprint; see the port."""
        found = await self._server.run(redis_read_scripts.KEYED, tenant, name)
        if found is None:
            return None
        job_id, _, fingerprint = found.decode().partition("\n")
        return job_id, fingerprint

    async def reusable(self, tenant: str, reuse_keys: Collection[str]) -> Mapping[str, Blob]:
        """Variants that were made already; see the port."""
        script, keys = redis_read_scripts.REUSABLE, [*reuse_keys]
        texts = await self._server.run(script, tenant, len(keys), *keys)
        blobs = {key: blob_of(text) for key, text in zip(keys, texts, strict=True) if text}
        return {key: blob for key, blob in blobs.items() if blob}

    async def events(
        self,
        after: int,
        job_ids: Collection[str] | None,
        limit: int,
        limit_bytes: int | None = None,
    ) -> Sequence[Event]:
        """Events in order; see the port."""
        bounds = _bounds(limit, limit_bytes)
        if job_ids is None:
            script, arguments = redis_read_scripts.EVENTS, [*bounds, f"{after}-0"]
        else:
            ids = frozenset(job_ids)
            script, arguments = redis_read_scripts.EVENTS_OF, [*bounds, after, len(ids), *ids]
        return [event_of(values) for values in await self._server.run(script, *arguments)]

    async def tenant_events(
        self, tenant: str, ids: range, limit: int, limit_bytes: int | None = None
    ) -> Sequence[Event]:
        """Events of a tenant's jobs; see the port."""
        if not ids:
            return []
        bounds, script = _bounds(limit, limit_bytes), redis_read_scripts.EVENTS_FOR
        found = await self._server.run(script, *bounds, tenant, ids.start, ids[-1])
        return [event_of(values) for values in found]

    async def poisons(self) -> Sequence[Poison]:
        """Sources that were recorded as refused; see the port."""
        since, until = await self._server.run(redis_read_scripts.POISONS)
        ends = dict(zip(until[::2], until[1::2], strict=True))
        return [
            Poison(sha256.decode(), moment_at(int(since_us)), moment_at(int(ends[sha256])))
            for sha256, since_us in zip(since[::2], since[1::2], strict=True)
        ]

    async def last_event_id(self) -> int:
        """The newest event's id; see the port."""
        last_id, _ = await self._server.run(redis_read_scripts.COUNTERS)
        return int(last_id)

    async def bury(self, job_id: str, now: datetime) -> bool:
        """Delete an ended job; see the port."""
        return bool(await self._server.run(redis_forget_scripts.BURY, job_id, microseconds(now)))

    async def expire(self, *, ended_before: datetime, deleted_before: datetime, keep: Keep) -> int:
        """Remove jobs that are over for long; see the port."""
        removed = 0
        for name, before in (("ended", ended_before), ("deleted", deleted_before)):
            bound = f"({microseconds(before)}"
            removed += await redis_sweeping.remove_jobs(self._server, name, bound, None, keep)
        return removed

    async def evict(self, limit_bytes: int, keep: Keep) -> int:
        """Remove ended jobs until blobs fit; see the port."""
        return await redis_sweeping.remove_jobs(self._server, "ended", "+inf", limit_bytes, keep)

    async def sweep(self, suspects: Collection[str], keep: Keep) -> int:
        """Remove blobs that no job refers to; see the port."""
        bound = "+inf"
        if self._unused_s:
            unused_us = int(self._unused_s * 1_000_000)
            bound = (await self._server.run(redis_forget_scripts.AGO, unused_us)).decode()
        return await redis_sweeping.sweep(self._server, self._store, suspects, bound, keep)

    async def _jobs(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """Those of them that are there, in this order."""
        found = await self._server.run(redis_read_scripts.JOBS, len(job_ids), *job_ids)
        pairs = zip(job_ids, found, strict=True)
        return [job_of(job_id, fields) for job_id, fields in pairs if fields]


def _bounds(limit: int, limit_bytes: int | None) -> list[Argument]:
    return [limit, _UNBOUNDED if limit_bytes is None else limit_bytes]


def _wanted(listing: Listing) -> Iterator[Argument]:
    """The arguments of LISTED."""
    yield from (int(listing.tenant is None), listing.tenant or "")
    states = frozenset(listing.states) or frozenset(JobState)
    yield len(states)
    yield from states
    after, (before_us, job_id) = listing.created_after, _end(listing)
    yield "-inf" if after is None else f"({microseconds(after)}"
    yield "+inf" if before_us is None else f"({before_us}"
    yield before_us if before_us is not None and job_id else ""
    yield listing.limit


def _end(listing: Listing) -> tuple[int | None, str]:
    """Behind what the list begins, in its order: a creation and an id; (None, "") for nothing.

    No id comes before the empty one, so with it this is "created before".
    """
    before, behind = listing.created_before, listing.behind
    bounds = [] if before is None else [(microseconds(before), "")]
    if behind is not None:
        bounds.append((microseconds(behind[0]), behind[1]))
    return min(bounds, default=(None, ""))


def _within(place: tuple[int, str], listing: Listing) -> bool:
    created_us, _ = place
    after, (before_us, job_id) = listing.created_after, _end(listing)
    late_enough = after is None or created_us > microseconds(after)
    return late_enough and (before_us is None or place < (before_us, job_id))
