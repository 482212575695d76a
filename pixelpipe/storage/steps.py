"""How steps come into the SQLite journal: what several of them change is written once."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pixelpipe.jobs.consequences import message, numbered, references
from pixelpipe.jobs.model import Blob, Event, Variant
from pixelpipe.jobs.records import (
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
from pixelpipe.jobs.texts import microseconds
from pixelpipe.storage import poisons, rows

_KEYED = """
    SELECT jobs.id, keys.fingerprint FROM keys JOIN jobs ON jobs.number = keys.job
    WHERE keys.tenant = ? AND keys.name = ?
"""
_STANDING = "SELECT number, seq FROM jobs WHERE id = ? AND epoch = ? AND deleted_us IS NULL"
_HELD = "SELECT 1 FROM blob_refs WHERE job = ? AND sha256 = ?"
_INSERT_KEY = "INSERT INTO keys VALUES (?, ?, ?, ?)"
_INSERT_REFERENCE = "INSERT INTO blob_refs VALUES (?, ?, ?)"
_LAST_EVENT = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
_INSERT_EVENT = "INSERT INTO events (id, job, seq, type, data) VALUES (?, ?, ?, ?, ?)"
_INSERT_DELIVERY = """
    INSERT INTO deliveries (id, url, body, attempts, due_us) VALUES (?, ?, ?, ?, ?)
"""


@dataclass(slots=True)
class _Standing:
    """A job within the transaction.

    Attributes:
        number: Its number.
        seq: Of its newest event, those to be written included.
        added: Digests of the blobs that it refers to since the transaction began.
        last: The newest record of it, if its row is to be written.
        variants: Those of its variants that are to be written, by index, as they were last.
    """

    number: int
    seq: int
    added: set[str] = field(default_factory=set)
    last: Record | None = None
    variants: dict[int, Variant] = field(default_factory=dict)


class Steps:
    """The steps of one transaction, which begins before it is made and ends after `write`.

    Rows of which several steps tell are written as the last of them left them, and all in a row:
    each statement costs about as much in handing Python's lock to and fro as in itself.

    Args:
        connection: The database.
        owner: Of new jobs.
        present: Whether a blob is in the store.
    """

    def __init__(
        self, connection: sqlite3.Connection, owner: str, present: Callable[[Blob], bool]
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._present = present
        self._standings: dict[tuple[str, int], _Standing] = {}
        self._references: list[rows.Row] = []
        self._events: list[rows.Row] = []
        self._deliveries: list[rows.Row] = []
        self._last_event_id = last_event_id(connection)

    def write(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        """Write these steps; gives what came of each."""
        outcomes = [self._outcome(record) for record in records]
        self._flush()
        return outcomes

    def _outcome(self, record: Entry) -> Outcome:
        if isinstance(record, Poison):
            poisons.record(self._connection, record)
            return None
        try:
            return self._take(record)
        except RefusedError as refusal:
            return refusal

    def _take(self, record: Record) -> Event | None:
        # All that can refuse it comes before the first change.
        if record.new:
            standing, blobs = self._entered(record)
        else:
            standing, blobs = self._updated(record)
        standing.added.update(blobs)
        self._references += (
            (standing.number, blob.sha256, blob.size_bytes) for blob in blobs.values()
        )
        return self._append(record, standing) if record.event else None

    def _entered(self, record: Record) -> tuple[_Standing, dict[str, Blob]]:
        """Write the rows of a new job and of its tasks, to which events and blobs will refer."""
        key, blobs = record.key, references(record)
        taken = key and keyed(self._connection, key.tenant, key.name)
        if taken:
            raise KeyTakenError(*taken)
        self._check(blobs)
        execute = self._connection.execute
        written = execute(rows.INSERT_JOB, rows.new_job_row(record, self._owner)).fetchone()
        if written is None:
            raise LostJobError(record.job.id)
        standing = _Standing(*written)
        self._standings[record.job.id, record.job.epoch] = standing
        self._connection.executemany(rows.INSERT_TASK, rows.new_task_rows(record, standing.number))
        for mark in rows.new_mark_rows(record, standing.number):
            execute(rows.INSERT_MARK, mark)
        if key:
            execute(_INSERT_KEY, _key_row(key, standing.number))
        return standing, blobs

    def _updated(self, record: Record) -> tuple[_Standing, dict[str, Blob]]:
        """Note what the step changes; gives the blobs that the job did not refer to before."""
        standing = self._standing(record)
        blobs = {
            sha256: blob
            for sha256, blob in references(record).items()
            if not self._held(standing, sha256)
        }
        self._check(blobs)
        standing.seq += record.event is not None
        standing.last = record
        standing.variants.update(record.variants)
        return standing, blobs

    def _standing(self, record: Record) -> _Standing:
        place = record.job.id, record.job.epoch
        standing = self._standings.get(place)
        if standing is None:
            found = self._connection.execute(_STANDING, place).fetchone()
            if found is None:
                raise LostJobError(record.job.id)
            standing = self._standings[place] = _Standing(*found)
        return standing

    def _held(self, standing: _Standing, sha256: str) -> bool:
        """Whether the job refers to the blob already."""
        if sha256 in standing.added:
            return True
        found = self._connection.execute(_HELD, (standing.number, sha256))
        return found.fetchone() is not None

    def _check(self, blobs: dict[str, Blob]) -> None:
        for blob in blobs.values():
            if not self._present(blob):
                raise BlobMissingError(blob.sha256)

    def _append(self, record: Record, standing: _Standing) -> Event:
        assert record.event
        self._last_event_id += 1
        data = numbered(record.data, standing.seq)
        event = Event(
            self._last_event_id,
            record.event,
            record.job.id,
            standing.seq,
            data,
            record.job.tenant,
        )
        self._events.append((event.id, standing.number, event.seq, event.type.value, data))
        delivery = message(record.job, event)
        if delivery:
            due_us = microseconds(delivery.due_at)
            self._deliveries.append((delivery.id, delivery.url, delivery.body, 0, due_us))
        return event

    def _flush(self) -> None:
        changed = [
            (standing, standing.last)
            for standing in self._standings.values()
            if standing.last is not None
        ]
        many = self._connection.executemany
        many(rows.UPDATE_JOB, [rows.job_row(last, each.seq, each.number) for each, last in changed])
        many(
            rows.UPDATE_TASK,
            [
                row
                for each, last in changed
                for row in rows.task_rows(each.variants, last.job.tenant, each.number)
            ],
        )
        many(_INSERT_REFERENCE, self._references)
        many(_INSERT_EVENT, self._events)
        many(_INSERT_DELIVERY, self._deliveries)


def keyed(connection: sqlite3.Connection, tenant: str, name: str) -> tuple[str, str] | None:
    """The id of the job that has this key, and the fingerprint."""
    found: tuple[str, str] | None = connection.execute(_KEYED, (tenant, name)).fetchone()
    return found


def last_event_id(connection: sqlite3.Connection) -> int:
    """The newest event's id, even if it was removed since; 0 when there was none."""
    found = connection.execute(_LAST_EVENT).fetchone()
    return int(found[0]) if found else 0


def _key_row(key: Key, number: int) -> rows.Row:
    return (key.tenant, key.name, key.fingerprint, number)
