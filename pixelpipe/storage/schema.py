"""The tables of the journal, and how a database of an older version gets them.

Times are microseconds since 1970 in UTC. What only Python reads is JSON.
"""

import sqlite3
from collections.abc import Callable, Sequence

from pixelpipe.storage.folder import FolderError

Migration = Callable[[sqlite3.Connection], None]

_FIRST = (
    # What stands before `state` never changes. A job is known by its number inside, so that what
    # belongs to jobs of about the same time lies together; `ended_us` is null until it has ended.
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        client TEXT NOT NULL,
        priority INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        webhook TEXT,
        source TEXT NOT NULL,
        decode TEXT NOT NULL,
        state TEXT NOT NULL,
        owner TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        decodes INTEGER NOT NULL,
        decode_attempts INTEGER NOT NULL,
        decode_strikes INTEGER NOT NULL,
        problems TEXT NOT NULL,
        timings_ms TEXT NOT NULL,
        ended_us INTEGER,
        deleted_us INTEGER
    ) STRICT
    """,
    "CREATE INDEX jobs_open ON jobs (created_us, number) WHERE ended_us IS NULL",
    "CREATE INDEX jobs_of ON jobs (tenant, created_us, id) WHERE deleted_us IS NULL",
    "CREATE INDEX jobs_in ON jobs (tenant, state, created_us, id) WHERE deleted_us IS NULL",
    """
    CREATE INDEX jobs_ended ON jobs (ended_us, number)
        WHERE ended_us IS NOT NULL AND deleted_us IS NULL
    """,
    "CREATE INDEX jobs_deleted ON jobs (deleted_us, number) WHERE deleted_us IS NOT NULL",
    # `made_for` is the tenant who may have the bytes again; null unless they are made, and the
    # job is not deleted.
    """
    CREATE TABLE tasks (
        job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
        position INTEGER NOT NULL,
        task TEXT NOT NULL,
        reuse_key TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        strikes INTEGER NOT NULL,
        sha256 TEXT,
        size_bytes INTEGER,
        cache TEXT NOT NULL,
        timings_ms TEXT NOT NULL,
        problem TEXT,
        made_for TEXT,
        PRIMARY KEY (job, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX tasks_made ON tasks (made_for, reuse_key) WHERE made_for IS NOT NULL",
    # AUTOINCREMENT gives no id twice, even after the newest events were removed.
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        type TEXT NOT NULL,
        data BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX events_of ON events (job, id)",
    """
    CREATE TABLE keys (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
        PRIMARY KEY (tenant, name)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX keys_of ON keys (job)",
    # The triggers count a blob's references, and the bytes of all blobs that have any.
    """
    CREATE TABLE blobs (
        sha256 TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        refs INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX blobs_unused ON blobs (sha256) WHERE refs = 0",
    """
    CREATE TABLE blob_refs (
        job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        PRIMARY KEY (job, sha256)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE totals (referenced_bytes INTEGER NOT NULL) STRICT",
    "INSERT INTO totals VALUES (0)",
    """
    CREATE TRIGGER blob_ref_added AFTER INSERT ON blob_refs BEGIN
        INSERT INTO blobs VALUES (new.sha256, new.size_bytes, 1)
            ON CONFLICT (sha256) DO UPDATE SET refs = refs + 1;
        UPDATE totals SET referenced_bytes = referenced_bytes + blobs.size_bytes
            FROM blobs WHERE blobs.sha256 = new.sha256 AND blobs.refs = 1;
    END
    """,
    """
    CREATE TRIGGER blob_ref_removed AFTER DELETE ON blob_refs BEGIN
        UPDATE blobs SET refs = refs - 1 WHERE sha256 = old.sha256;
        UPDATE totals SET referenced_bytes = referenced_bytes - blobs.size_bytes
            FROM blobs WHERE blobs.sha256 = old.sha256 AND blobs.refs = 0;
    END
    """,
    # Deliveries outlive their jobs.
    """
    CREATE TABLE deliveries (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        url TEXT NOT NULL,
        body BLOB NOT NULL,
        attempts INTEGER NOT NULL,
        due_us INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX deliveries_due ON deliveries (due_us, number)",
)


_POISONS = (
    """
    CREATE TABLE poisons (
        sha256 TEXT PRIMARY KEY,
        since_us INTEGER NOT NULL,
        until_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX poisons_since ON poisons (since_us)",
    "CREATE INDEX poisons_until ON poisons (until_us)",
)


_FACTS = (
    "ALTER TABLE tasks ADD COLUMN facts TEXT",
    # Pictures of watermarks: one may lie on every variant of its job, whose tasks have its digest.
    """
    CREATE TABLE marks (
        job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
        sha256 TEXT NOT NULL,
        image TEXT NOT NULL,
        PRIMARY KEY (job, sha256)
    ) STRICT
    """,
)


def _create(connection: sqlite3.Connection) -> None:
    for statement in _FIRST:
        connection.execute(statement)


def _add_poisons(connection: sqlite3.Connection) -> None:
    for statement in _POISONS:
        connection.execute(statement)


def _add_facts(connection: sqlite3.Connection) -> None:
    for statement in _FACTS:
        connection.execute(statement)


# From each version to the next, from 0, the empty database, on. What stands here once released
# is never changed.
MIGRATIONS: Sequence[Migration] = (_create, _add_poisons, _add_facts)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the database to the newest version, one whole step after the other.

    Raises:
        FolderError: It is of a version that this program does not know yet.
        sqlite3.Error: A step failed; those before it are done, of itself nothing is.
    """
    while (version := pragma(connection, "user_version")) != len(migrations):
        if version > len(migrations):
            raise FolderError(
                f"the journal is of version {version}, written by a newer PixelPipe; this one "
                f"knows versions up to {len(migrations)}"
            )
        _step(connection, version, migrations[version])


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """The value of a pragma that is a number."""
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _step(connection: sqlite3.Connection, version: int, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Somebody else may have opened it at the same moment, and done this step meanwhile.
        if pragma(connection, "user_version") == version:
            migration(connection)
            connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
