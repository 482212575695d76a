"""The journal's database: one thread that writes, one that reads, and what their errors mean."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from pixelpipe.errors import StorageFailedError, StorageFullError
from pixelpipe.storage.folder import FolderError, usable
from pixelpipe.storage.schema import migrate, pragma
from pixelpipe.storage.space import is_full
from pixelpipe.storage.threads import Threads

_BUSY_S = 10
_SETTINGS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = FAST",
    "temp_store = MEMORY",
    "wal_autocheckpoint = 4000",  # pages
    "journal_size_limit = 67108864",  # bytes
    "cache_size = -16384",  # KiB
)
_SCARCE_BYTES = 2**20
# What SQLite answers when a write fails for a reason that it does not look into.
_UNEXPLAINED = frozenset(
    {
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_CANTOPEN,
    }
)

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


class Reserve(Protocol):
    """Room that is set aside for when the file system has none left."""

    def exhausted(self, needed_bytes: int = 0) -> bool:
        """Note that there is no room; called in any thread.

        Args:
            needed_bytes: How much did not fit, if that is known.

        Returns:
            Whether some was released just now, so that trying once more may succeed.
        """


class NoDatabaseError(FolderError):
    """There is no database, or an empty one."""


class Database:
    """A SQLite database; made, and closed, where blocking is allowed.

    Args:
        path: Its file; brought to the newest version.
        space: Is told when there is no room.
        make: Whether it is made if it is not there, or empty.

    Raises:
        NoDatabaseError: It is not to be made, and not there; nothing was changed.
        FolderError: It cannot be opened, is damaged, or is of a newer version.
    """

    def __init__(self, path: Path, space: Reserve, *, make: bool = True) -> None:
        self._path = path
        self._space = space
        self._prepare = migrate if make else _migrate_what_is_there
        with _readable(path):
            # SQLite itself would begin by removing the log of a file that is empty.
            if not (make or (path.exists() and path.stat().st_size)):
                raise NoDatabaseError(f"the journal {path} is missing or empty")
            self._writer, self._reader = self._patiently(self._open)
        self._writing = Threads(1, "journal-write")
        self._reading = Threads(1, "journal-read")

    async def write(
        self,
        function: Callable[Concatenate[sqlite3.Connection, _Arguments], _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Run `function` in the writing thread, in a transaction that is undone if it raises.

        Returns once the transaction is durable; if the caller is cancelled, it is waited for all
        the same. `function` is called a second time where the first found no room.

        Raises:
            StorageFullError: There is no room; nothing was written.
            StorageFailedError: The database, or a file, could not be read or written; likewise.
        """

        def run() -> _Result:
            return function(self._writer, *args, **kwargs)

        transaction = partial(_transaction, self._writer, "BEGIN IMMEDIATE", run)
        return await self._writing.run(self._translated, transaction)

    async def read(
        self,
        function: Callable[Concatenate[sqlite3.Connection, _Arguments], _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Run `function` in the reading thread; all that it reads is of one moment.

        Raises:
            StorageFullError: There is no room, which SQLite may need even to read.
            StorageFailedError: The database could not be read.
        """

        def run() -> _Result:
            return function(self._reader, *args, **kwargs)

        transaction = partial(_transaction, self._reader, "BEGIN", run)
        return await self._reading.run(self._translated, transaction)

    def close(self) -> None:
        """Finish what was asked for, and close the file."""
        self._reading.close()
        self._writing.close()
        self._reader.close()
        # The last to close folds the log into the database, which the reader may not.
        self._writer.close()

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        writer = _connect(self._path, self._prepare)
        try:
            return writer, _connect(self._path, _only_read)
        except BaseException:
            writer.close()
            raise

    def _translated(self, call: Callable[[], _Result]) -> _Result:
        try:
            return self._patiently(call)
        except (sqlite3.Error, OSError) as error:
            if self._lacks_room(error):
                raise StorageFullError("The server has no room for its journal.") from error
            raise StorageFailedError("The server could not read or write its journal.") from error

    def _patiently(self, call: Callable[[], _Result]) -> _Result:
        try:
            return call()
        except (sqlite3.Error, OSError) as error:
            if not self._lacks_room(error):
                raise
            # Whether it is us who give the reserve up, or somebody else just has.
            self._space.exhausted()
        return call()

    def _lacks_room(self, error: sqlite3.Error | OSError) -> bool:
        if isinstance(error, OSError):
            return is_full(error)
        code = getattr(error, "sqlite_errorcode", None)  # Python's own errors have none.
        return code == sqlite3.SQLITE_FULL or (code in _UNEXPLAINED and self._scarce())

    def _scarce(self) -> bool:
        try:
            system = os.statvfs(self._path.parent)
        except OSError:
            return False  # Then it is not for want of room that SQLite failed.
        return system.f_bavail * system.f_frsize < _SCARCE_BYTES


def _transaction(connection: sqlite3.Connection, begin: str, run: Callable[[], _Result]) -> _Result:
    connection.execute(begin)
    try:
        result = run()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite undoes it by itself after some errors.
            connection.execute("ROLLBACK")
        raise
    return result


def _connect(path: Path, prepare: Callable[[sqlite3.Connection], object]) -> sqlite3.Connection:
    # Transactions are ours alone (no isolation level). Only one thread at a time uses each.
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        if not pragma(connection, "page_count"):  # It cannot be had later.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}").fetchall()
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate_what_is_there(connection: sqlite3.Connection) -> None:
    # Whoever made the file may have been killed before it had any tables.
    if not pragma(connection, "user_version"):
        raise NoDatabaseError("the journal is empty")
    migrate(connection)


def _only_read(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    with usable(f"the journal {path}"):
        try:
            yield
        except sqlite3.OperationalError as error:
            raise FolderError(f"cannot use the journal {path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise FolderError(
                f"cannot use the journal {path}: it is damaged, or no journal ({error})"
            ) from error
