"""Messages to webhooks, in the journal's database."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from pixelpipe.jobs.ports import Delivery
from pixelpipe.jobs.texts import microseconds, moment_at
from pixelpipe.storage.database import Database

_DUE = """
    SELECT id, url, body, attempts, due_us FROM deliveries
    WHERE due_us <= ? ORDER BY due_us, number LIMIT ?
"""
_NEXT_DUE = "SELECT due_us FROM deliveries ORDER BY due_us LIMIT 1"
_POSTPONE = "UPDATE deliveries SET attempts = ?, due_us = ? WHERE id = ?"


class SqliteOutbox:
    """`jobs.ports.Outbox` in a SQLite database, that of the journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """Messages to be sent by now; see the port."""
        return await self._database.read(_due, microseconds(now), limit)

    async def next_due_at(self) -> datetime | None:
        """When the next one is due; see the port."""
        return await self._database.read(_next_due_at)

    async def postpone(self, delivery_id: str, attempts: int, due_at: datetime) -> None:
        """Note failed attempts; see the port."""
        await self._database.write(_postpone, delivery_id, attempts, microseconds(due_at))

    async def close(self, delivery_id: str) -> None:
        """Forget a message; see the port."""
        await self._database.write(_close, delivery_id)


def _due(connection: sqlite3.Connection, now_us: int, limit: int) -> Sequence[Delivery]:
    return [
        Delivery(delivery_id, url, body, attempts, moment_at(due_us))
        for delivery_id, url, body, attempts, due_us in connection.execute(_DUE, (now_us, limit))
    ]


def _next_due_at(connection: sqlite3.Connection) -> datetime | None:
    found = connection.execute(_NEXT_DUE).fetchone()
    return moment_at(found[0]) if found else None


def _postpone(connection: sqlite3.Connection, delivery_id: str, attempts: int, due_us: int) -> None:
    connection.execute(_POSTPONE, (attempts, due_us, delivery_id))


def _close(connection: sqlite3.Connection, delivery_id: str) -> None:
    connection.execute("DELETE FROM deliveries WHERE id = ?", (delivery_id,))
