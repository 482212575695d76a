"""Sources that are refused, as rows: who records one forgets those whose time is over."""

import sqlite3
from collections.abc import Sequence

from pixelpipe.jobs.records import MOST_POISONS, Poison
from pixelpipe.jobs.texts import microseconds, moment_at

_INSERT = """
    INSERT INTO poisons (sha256, since_us, until_us) VALUES (?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET since_us = excluded.since_us, until_us = excluded.until_us
"""
_FORGET = "DELETE FROM poisons WHERE until_us <= ?"
_FORGET_SURPLUS = """
    DELETE FROM poisons WHERE sha256 IN (
        SELECT sha256 FROM poisons ORDER BY since_us DESC, sha256 DESC LIMIT -1 OFFSET ?
    )
"""
_ALL = "SELECT sha256, since_us, until_us FROM poisons ORDER BY since_us, sha256"


def record(connection: sqlite3.Connection, poison: Poison) -> None:
    """Keep it in place of an older one of the same source."""
    since_us = microseconds(poison.since)
    connection.execute(_INSERT, (poison.sha256, since_us, microseconds(poison.until)))
    connection.execute(_FORGET, (since_us,))
    connection.execute(_FORGET_SURPLUS, (MOST_POISONS,))


def recorded(connection: sqlite3.Connection) -> Sequence[Poison]:
    """All there are, the oldest first."""
    return [
        Poison(sha256, moment_at(since_us), moment_at(until_us))
        for sha256, since_us, until_us in connection.execute(_ALL)
    ]
