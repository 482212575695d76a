"""The journal in SQLite: jobs, tasks and events that survive a crash."""

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, TypeVar

from pixelpipe.jobs.batches import batch_of
from pixelpipe.jobs.model import Blob, Event, Job, JobState
from pixelpipe.jobs.ports import Keep, Listing
from pixelpipe.jobs.records import Entry, Outcome, Poison
from pixelpipe.jobs.texts import json_text, microseconds
from pixelpipe.storage import poisons, removal, rows, steps
from pixelpipe.storage.database import Database

_TAKE_OVER = """
    UPDATE jobs SET epoch = epoch + 1, owner = ?
    WHERE ended_us IS NULL AND owner NOT IN (SELECT value FROM json_each(?))
"""
_OPEN = """
    SELECT number FROM jobs WHERE ended_us IS NULL AND owner = ? ORDER BY created_us, number
"""
_CLAIM = """
    UPDATE jobs SET epoch = epoch + 1, owner = ? WHERE id = ? AND epoch = ? AND deleted_us IS NULL
        AND (ended_us IS NOT NULL) = ?
"""
_LISTED = """
    SELECT created_us, id, number FROM jobs
    WHERE tenant = ? AND deleted_us IS NULL AND created_us > ? AND (created_us, id) < (?, ?)
    ORDER BY created_us DESC, id DESC LIMIT ?
"""
_LISTED_IN = """
    SELECT created_us, id, number FROM jobs
    WHERE tenant = ? AND state = ? AND deleted_us IS NULL
        AND created_us > ? AND (created_us, id) < (?, ?)
    ORDER BY created_us DESC, id DESC LIMIT ?
"""
# One look into the index for each tenant, not for each job.
_TENANTS = """
    WITH RECURSIVE found (tenant) AS (
        SELECT MIN(tenant) FROM jobs WHERE deleted_us IS NULL
        UNION ALL
        SELECT (SELECT MIN(tenant) FROM jobs WHERE deleted_us IS NULL AND tenant > found.tenant)
        FROM found WHERE found.tenant IS NOT NULL
    ) SELECT tenant FROM found WHERE tenant IS NOT NULL
"""
_MADE = "SELECT sha256, size_bytes, facts FROM tasks WHERE made_for = ? AND reuse_key = ? LIMIT 1"
_EVENTS = """
    SELECT events.id, type, jobs.id, events.seq, data, tenant FROM events
    JOIN jobs ON jobs.number = events.job
    WHERE events.id > ? ORDER BY events.id LIMIT ?
"""
_EVENTS_OF = """
    SELECT events.id, type, jobs.id, events.seq, data, tenant FROM events
    JOIN jobs ON jobs.number = events.job
    WHERE events.id IN (
        SELECT id FROM events
        WHERE job IN (SELECT number FROM jobs WHERE id IN (SELECT value FROM json_each(?)))
            AND id > ?
        ORDER BY id LIMIT ?
    ) ORDER BY events.id
"""
# From the events to their jobs: the other way round it would be all jobs of the tenant.
_EVENTS_FOR = """
    SELECT events.id, type, jobs.id, events.seq, data, tenant FROM events
    CROSS JOIN jobs ON jobs.number = events.job
    WHERE events.id >= ? AND events.id < ? AND tenant = ? ORDER BY events.id LIMIT ?
"""
_ENDED = "SELECT number, deleted_us FROM jobs WHERE id = ? AND ended_us IS NOT NULL"

_NEVER_US = -(2**63)
_EVER_US = 2**63 - 1

_Place = TypeVar("_Place")


class SqliteJournal:
    """`jobs.ports.Journal` in a SQLite database.

    Args:
        database: Where.
        present: Whether a blob is in the store; called in a thread, within a transaction.
        remove: Removes a blob from the store, if it is there; likewise.
        owner: Whose jobs are made or taken over here; by default nobody's who was here before.
    """

    def __init__(
        self,
        database: Database,
        *,
        present: Callable[[Blob], bool],
        remove: Callable[[str], None],
        owner: str | None = None,
    ) -> None:
        self._database = database
        self._present = present
        self._remove = remove
        self._owner = owner or secrets.token_urlsafe(16)

    async def write(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        """Record steps; see the port."""
        return await self._database.write(self._write, records)

    async def take_over(self, living: Collection[str] = ()) -> Sequence[Job]:
        """Jobs that have not ended; see the port."""
        return await self._database.write(_take_over, self._owner, living)

    async def claim(self, job_id: str, epoch: int, *, ended: bool = False) -> bool:
        """Make the job the caller's; see the port."""
        return await self._database.write(_claim, (self._owner, job_id, epoch, ended))

    async def get(self, job_id: str) -> Job | None:
        """The job; see the port."""
        return await self._database.read(_get, job_id)

    async def list(self, listing: Listing) -> Sequence[Job]:
        """The jobs that `listing` asks for; see the port."""
        return await self._database.read(_listed, listing)

    async def keyed(self, tenant: str, name: str) -> tuple[str, str] | None:
        """The id of the job that has this key, and the fingerprint; see the port."""
        return await self._database.read(steps.keyed, tenant, name)

    async def reusable(self, tenant: str, reuse_keys: Collection[str]) -> Mapping[str, Blob]:
        """Variants that were made already; see the port."""
        return await self._database.read(_reusable, tenant, reuse_keys)

    async def events(
        self,
        after: int,
        job_ids: Collection[str] | None,
        limit: int,
        limit_bytes: int | None = None,
    ) -> Sequence[Event]:
        """Events in order; see the port."""
        return await self._database.read(_events, after, job_ids, limit, limit_bytes)

    async def tenant_events(
        self, tenant: str, ids: range, limit: int, limit_bytes: int | None = None
    ) -> Sequence[Event]:
        """Events of a tenant's jobs; see the port."""
        return await self._database.read(_events_for, tenant, ids, limit, limit_bytes)

    async def poisons(self) -> Sequence[Poison]:
        """Sources that were recorded as refused; see the port."""
        return await self._database.read(poisons.recorded)

    async def last_event_id(self) -> int:
        """The newest event's id; see the port."""
        return await self._database.read(steps.last_event_id)

    async def bury(self, job_id: str, now: datetime) -> bool:
        """Delete an ended job; see the port."""
        return await self._database.write(_bury, job_id, microseconds(now))

    async def expire(self, *, ended_before: datetime, deleted_before: datetime, keep: Keep) -> int:
        """Remove jobs that are over for long; see the port."""
        ended_us, deleted_us = microseconds(ended_before), microseconds(deleted_before)
        begin = removal.BEGINNING
        ended = await self._in_portions(removal.expire_jobs, begin, ended_us, keep)
        deleted = await self._in_portions(removal.expire_graves, begin, deleted_us, keep)
        await self._shrink()
        return ended + deleted

    async def evict(self, limit_bytes: int, keep: Keep) -> int:
        """Remove ended jobs until blobs fit; see the port."""
        begin = removal.BEGINNING
        evicted = await self._in_portions(removal.evict_jobs, begin, limit_bytes, keep)
        await self._shrink()
        return evicted

    async def sweep(self, suspects: Collection[str], keep: Keep) -> int:
        """Remove blobs that no job refers to; see the port."""
        # Suspects that some job referred to once are left to the second round: none counts twice.
        later, how = frozenset(suspects), (keep, self._remove)
        unused = await self._in_portions(removal.sweep_unused, "", later, *how)
        return unused + await self._in_portions(removal.sweep_suspects, 0, sorted(later), *how)

    async def _shrink(self) -> None:
        while await self._database.write(removal.give_back):
            pass

    async def _in_portions(
        self,
        function: Callable[..., removal.Portion[_Place]],
        begin: _Place,
        *arguments: Any,  # noqa: ANN401 - those of `function`
    ) -> int:
        removed, after = 0, begin
        while True:
            portion = await self._database.write(function, after, *arguments)
            removed += portion.removed
            if portion.after is None:
                return removed
            after = portion.after

    def _write(self, connection: sqlite3.Connection, records: Sequence[Entry]) -> Sequence[Outcome]:
        return steps.Steps(connection, self._owner, self._present).write(records)


def _take_over(
    connection: sqlite3.Connection, owner: str, living: Collection[str]
) -> Sequence[Job]:
    connection.execute(_TAKE_OVER, (owner, json_text([*living])))
    numbers = [number for (number,) in connection.execute(_OPEN, (owner,))]
    return rows.read_jobs(connection, numbers)


def _claim(connection: sqlite3.Connection, claim: tuple[str, str, int, bool]) -> bool:
    return connection.execute(_CLAIM, claim).rowcount == 1


def _get(connection: sqlite3.Connection, job_id: str) -> Job | None:
    found = connection.execute("SELECT number FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return rows.read_jobs(connection, found)[0] if found else None


def _listed(connection: sqlite3.Connection, listing: Listing) -> Sequence[Job]:
    after, before = listing.created_after, listing.created_before
    after_us = _NEVER_US if after is None else microseconds(after)
    # No id comes before the empty one, so this is "created before".
    bounds = [(_EVER_US, "")] if before is None else [(microseconds(before), "")]
    if listing.behind is not None:
        created_at, job_id = listing.behind
        bounds.append((microseconds(created_at), job_id))
    place = (after_us, *min(bounds), listing.limit)
    # Tenant by tenant and state by state, so that each is read from an index, and no more of it
    # than wanted.
    parts = [
        part
        for tenant in _tenants(connection, listing.tenant)
        for part in _listed_of(connection, tenant, listing.states, place)
    ]
    found = sorted((row for part in parts for row in part), reverse=True)
    return rows.read_jobs(connection, [number for *_, number in found[: listing.limit]])


def _tenants(connection: sqlite3.Connection, tenant: str | None) -> Sequence[str]:
    return [name for (name,) in connection.execute(_TENANTS)] if tenant is None else [tenant]


def _listed_of(
    connection: sqlite3.Connection, tenant: str, states: Collection[JobState], place: rows.Row
) -> Iterator[Sequence[rows.Row]]:
    """What is listed of one tenant, each state apart; `place` is what follows in the statements."""
    for state in frozenset(states):
        yield connection.execute(_LISTED_IN, (tenant, state.value, *place)).fetchall()
    if not states:
        yield connection.execute(_LISTED, (tenant, *place)).fetchall()


def _reusable(
    connection: sqlite3.Connection, tenant: str, reuse_keys: Collection[str]
) -> Mapping[str, Blob]:
    found = {key: connection.execute(_MADE, (tenant, key)).fetchone() for key in reuse_keys}
    return {key: rows.blob_of(*row) for key, row in found.items() if row}


def _events(
    connection: sqlite3.Connection,
    after: int,
    job_ids: Collection[str] | None,
    limit: int,
    limit_bytes: int | None,
) -> Sequence[Event]:
    if job_ids is None:
        found = connection.execute(_EVENTS, (after, limit))
    else:
        found = connection.execute(_EVENTS_OF, (json_text(list(job_ids)), after, limit))
    # A statement that is left half read would keep its moment, and the log behind it.
    with closing(found):
        return batch_of(map(rows.event_of, found), limit, limit_bytes)


def _events_for(
    connection: sqlite3.Connection,
    tenant: str,
    ids: range,
    limit: int,
    limit_bytes: int | None,
) -> Sequence[Event]:
    found = connection.execute(_EVENTS_FOR, (ids.start, ids.stop, tenant, limit))
    with closing(found):
        return batch_of(map(rows.event_of, found), limit, limit_bytes)


def _bury(connection: sqlite3.Connection, job_id: str, now_us: int) -> bool:
    found = connection.execute(_ENDED, (job_id,)).fetchone()
    if found is None:
        return False
    number, deleted_us = found
    if deleted_us is None:
        connection.execute("UPDATE jobs SET deleted_us = ? WHERE number = ?", (now_us, number))
        connection.execute("UPDATE tasks SET made_for = NULL WHERE job = ?", (number,))
        connection.execute("DELETE FROM blob_refs WHERE job = ?", (number,))
    return True
