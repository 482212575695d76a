"""How the SQLite journal forgets: in portions, each a transaction, so that writes get between."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Generic, NamedTuple, TypeVar

from pixelpipe.jobs.ports import Keep
from pixelpipe.storage.schema import pragma

_JOBS = 50
_BLOBS = 100
_FREED_PAGES = 500
_SPARE_PART = 4

_EXPIRED = """
    SELECT ended_us, number, id FROM jobs
    WHERE ended_us < ? AND deleted_us IS NULL AND (ended_us, number) > (?, ?)
    ORDER BY ended_us, number LIMIT ?
"""
_EXPIRED_GRAVES = """
    SELECT deleted_us, number, id FROM jobs
    WHERE deleted_us < ? AND (deleted_us, number) > (?, ?)
    ORDER BY deleted_us, number LIMIT ?
"""
_ENDED = """
    SELECT ended_us, number, id FROM jobs
    WHERE ended_us IS NOT NULL AND deleted_us IS NULL AND (ended_us, number) > (?, ?)
    ORDER BY ended_us, number LIMIT ?
"""
_UNUSED = "SELECT sha256 FROM blobs WHERE refs = 0 AND sha256 > ? ORDER BY sha256 LIMIT ?"

_Place = TypeVar("_Place")
At = tuple[int, int]
BEGINNING: At = (-(2**63), 0)


class Portion(NamedTuple, Generic[_Place]):
    """What one transaction has done.

    Attributes:
        removed: How many it removed.
        after: Behind what the next portion begins; None when there is none.
    """

    removed: int
    after: _Place | None


def expire_jobs(
    connection: sqlite3.Connection, after: At, before_us: int, keep: Keep
) -> Portion[At]:
    """Remove jobs that ended before this time and were not deleted."""
    return _expire(connection, connection.execute(_EXPIRED, (before_us, *after, _JOBS)), keep)


def expire_graves(
    connection: sqlite3.Connection, after: At, before_us: int, keep: Keep
) -> Portion[At]:
    """Remove jobs that were deleted before this time."""
    rows = connection.execute(_EXPIRED_GRAVES, (before_us, *after, _JOBS))
    return _expire(connection, rows, keep)


def evict_jobs(
    connection: sqlite3.Connection, after: At, limit_bytes: int, keep: Keep
) -> Portion[At]:
    """Remove ended jobs, the one that ended first first, until blobs fit in `limit_bytes`."""
    removed = 0
    rows = connection.execute(_ENDED, (*after, _JOBS)).fetchall()
    for *_, number, job_id in rows:
        if _referenced_bytes(connection) <= limit_bytes:
            rows = []
            break
        if not keep(job_id):
            _remove_job(connection, number)
            removed += 1
    return Portion(removed, _end(rows))


def sweep_unused(
    connection: sqlite3.Connection,
    after: str,
    suspects: Collection[str],
    keep: Keep,
    remove: Callable[[str], None],
) -> Portion[str]:
    """Remove blobs that jobs referred to and none does any more, other than `suspects`."""
    digests = [sha256 for (sha256,) in connection.execute(_UNUSED, (after, _BLOBS))]
    removed = 0
    for sha256 in digests:
        if sha256 not in suspects and not keep(sha256):
            _remove_blob(connection, sha256, remove)
            removed += 1
    return Portion(removed, digests[-1] if len(digests) == _BLOBS else None)


def sweep_suspects(
    connection: sqlite3.Connection,
    after: int,
    suspects: Sequence[str],
    keep: Keep,
    remove: Callable[[str], None],
) -> Portion[int]:
    """Remove those of `suspects` that no job refers to; `after` counts those looked at."""
    end, removed = after + _BLOBS, 0
    for sha256 in suspects[after:end]:
        if not _referenced(connection, sha256) and not keep(sha256):
            _remove_blob(connection, sha256, remove)
            removed += 1
    return Portion(removed, end if end < len(suspects) else None)


def give_back(connection: sqlite3.Connection) -> bool:
    """Shrink the file by some pages, but for those that new jobs are likely to need soon.

    Returns:
        Whether it can shrink further.
    """
    free = pragma(connection, "freelist_count")
    used = pragma(connection, "page_count") - free
    surplus = free - used // _SPARE_PART
    for _ in range(min(surplus, _FREED_PAGES)):
        # One at a time: sqlite3 stops at the first step of a statement without columns.
        connection.execute("PRAGMA incremental_vacuum(1)")
    return surplus > _FREED_PAGES


def _expire(connection: sqlite3.Connection, found: sqlite3.Cursor, keep: Keep) -> Portion[At]:
    rows, removed = found.fetchall(), 0
    for _, number, job_id in rows:
        if not keep(job_id):
            _remove_job(connection, number)
            removed += 1
    return Portion(removed, _end(rows))


def _end(rows: Sequence[tuple[int, int, str]]) -> At | None:
    return rows[-1][:2] if len(rows) == _JOBS else None


def _remove_job(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM jobs WHERE number = ?", (number,))


def _referenced_bytes(connection: sqlite3.Connection) -> int:
    (size_bytes,) = connection.execute("SELECT referenced_bytes FROM totals").fetchone()
    return int(size_bytes)


def _referenced(connection: sqlite3.Connection, sha256: str) -> bool:
    found = connection.execute("SELECT 1 FROM blobs WHERE sha256 = ? AND refs > 0", (sha256,))
    return found.fetchone() is not None


def _remove_blob(
    connection: sqlite3.Connection, sha256: str, remove: Callable[[str], None]
) -> None:
    # A crash from here on leaves a row without a file, which the next sweep finds again.
    remove(sha256)
    connection.execute("DELETE FROM blobs WHERE sha256 = ?", (sha256,))
