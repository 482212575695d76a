"""What only the journal in SQLite has: a file, threads, versions, and disks that run full."""

import asyncio
import random
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from pixelpipe.errors import StorageFailedError, StorageFullError
from pixelpipe.jobs.model import Blob, Event, Job, JobState, TaskState
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.records import Key, LostJobError, Outcome, Record
from pixelpipe.storage.database import Database
from pixelpipe.storage.folder import FolderError
from pixelpipe.storage.journal import SqliteJournal
from pixelpipe.storage.schema import MIGRATIONS, Migration, migrate, pragma
from pixelpipe.storage.space import Space
from tests.filesystems import fill, small_filesystem
from tests.journals import (
    NoReserve,
    Shelf,
    Stock,
    at,
    end,
    entry,
    finish,
    make_job,
    memory_stock,
    opened,
    requeue,
    sqlite_stock,
    step,
    unused,
)
from tests.tasks import MARK

SMALL = Blob("small", 10)
DEADLINE_S = 20
# Each is a small table, or an index that holds nothing else than what is wanted.
HARMLESS_SCANS = {
    "SCAN json_each VIRTUAL TABLE INDEX 1:",
    "SCAN sqlite_sequence",
    "SCAN totals",
    "SCAN jobs USING INDEX jobs_open",
    "SCAN jobs USING COVERING INDEX jobs_open",
    "SCAN deliveries USING COVERING INDEX deliveries_due",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest_asyncio.fixture
async def stock(path: Path) -> AsyncIterator[Stock]:
    async with opened(path) as made:
        yield made


@pytest_asyncio.fixture
async def database(stock: Stock) -> Database:
    return _database(stock)


def _database(stock: Stock) -> Database:
    assert isinstance(stock.journal, SqliteJournal)
    return stock.journal._database


async def _everything(stock: Stock) -> tuple[object, ...]:
    return (
        await stock.journal.list(Listing(tenant="tenant", limit=1000)),
        await stock.journal.events(0, None, 1000),
        await stock.journal.last_event_id(),
        await stock.journal.keyed("tenant", "key"),
        await stock.outbox.due(at(1000), 1000),
    )


async def _fill(stock: Stock) -> None:
    await stock.enter(make_job("open", "one", "two"), Key("tenant", "key", "fingerprint"))
    await stock.finished(make_job("ended", webhook="http://127.0.0.1:1"), SMALL)


# Files


async def test_what_was_written_is_there_after_a_restart(path: Path) -> None:
    async with opened(path) as stock:
        await _fill(stock)
        before = await _everything(stock)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    async with opened(path) as stock:
        assert await _everything(stock) == before
        last = await stock.journal.last_event_id()
        assert (await stock.record(entry(make_job("new")))).id == last + 1


async def test_what_was_written_survives_a_crash(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    async with opened(path) as stock:
        await _fill(stock)
        before = await _everything(stock)
        for suffix in ("", "-wal"):  # As the files lie there when the process is killed.
            shutil.copy(f"{path}{suffix}", copy)
    async with opened(copy / path.name) as stock:
        assert await _everything(stock) == before


async def test_who_takes_over_takes_it_from_another_on_the_same_file(path: Path) -> None:
    async with opened(path) as first, opened(path) as second:
        job = await first.enter(make_job("a"))
        await first.record(step(job))
        (taken,) = await second.journal.take_over()
        (outcome,) = await first.write(step(job))
        assert isinstance(outcome, LostJobError)
        assert (await second.record(step(taken))).seq == 3
        assert await first.journal.get("a") == await second.journal.get("a")


async def test_two_on_one_file_wait_for_each_other(path: Path) -> None:
    async with opened(path) as first, opened(path) as second:
        stocks = [first, second]
        jobs = [make_job(str(number)) for number in range(100)]
        await asyncio.gather(*(stocks[i % 2].enter(job) for i, job in enumerate(jobs)))
        assert sorted(await first.ids()) == sorted(job.id for job in jobs)
        assert [event.id for event in await second.journal.events(0, None, 999)] == [*range(1, 101)]


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(FolderError, match=r"cannot use the journal .* damaged"):
        Database(path, NoReserve())


def test_a_damaged_database_is_refused(path: Path) -> None:
    Database(path, NoReserve()).close()
    content = bytearray(path.read_bytes())
    content[100:200] = bytes(100)  # The root of the schema's own table.
    path.write_bytes(content)
    with pytest.raises(FolderError, match=r"cannot use the journal .* damaged"):
        Database(path, NoReserve())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"cannot use the journal .*unable to open"):
        Database(tmp_path / "nowhere" / "journal", NoReserve())


async def test_a_file_that_breaks_later_is_an_error(stock: Stock) -> None:
    writer = _database(stock)._writer
    writer.execute("PRAGMA writable_schema = ON")
    writer.execute("DROP TABLE events")
    with pytest.raises(StorageFailedError) as raised:
        await stock.enter(make_job("a"))
    assert not isinstance(raised.value, StorageFullError)
    assert isinstance(raised.value.__cause__, sqlite3.Error)
    assert await stock.journal.get("a") is None


async def test_removed_jobs_give_their_room_back(path: Path) -> None:
    async with opened(path) as stock:
        jobs = [make_job(f"{number}") for number in range(300)]
        for job in jobs:
            finish(job.variants[0], None)
        await stock.write(*(replace(entry(job), data=b'{"":"%b"}' % bytes(8000)) for job in jobs))
        await stock.write(*map(end, jobs))
        grown = await _database(stock).read(pragma, "page_count")
        await stock.journal.evict(-1, unused)
        assert grown > 600
        assert await _database(stock).read(pragma, "page_count") < grown / 10


async def test_a_mark_on_many_variants_takes_room_once_and_goes_with_its_job(path: Path) -> None:
    async with opened(path) as stock:
        job = make_job("a", *(f"v{number}" for number in range(50)))
        for variant in job.variants:
            variant.task = replace(variant.task, watermark=replace(MARK, image="A" * 100_000))
        before = await _database(stock).read(pragma, "page_count")
        await stock.enter(job)
        pages = await _database(stock).read(pragma, "page_count") - before
        assert pages * await _database(stock).read(pragma, "page_size") < 300_000
        images = {
            id(v.task.watermark.image) for v in (await stock.get("a")).variants if v.task.watermark
        }
        assert len(images) == 1
        await stock.complete(job, {})
        await stock.journal.evict(-1, unused)
        await stock.journal.expire(ended_before=at(1000), deleted_before=at(1000), keep=unused)
        count = await _database(stock).read(_count_marks)
        assert count == 0


# Versions


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
async def test_an_older_database_is_brought_to_the_newest_version(path: Path, version: int) -> None:
    assert await asyncio.to_thread(_migrated, path, MIGRATIONS[:version]) == version
    async with opened(path) as stock:
        await _fill(stock)
        assert await _database(stock).read(pragma, "user_version") == len(MIGRATIONS)


async def test_a_migration_finds_what_was_there_and_is_done_once(path: Path) -> None:
    async with opened(path) as stock:
        await _fill(stock)
        before = await _everything(stock)
    calls = []

    def add(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE jobs ADD COLUMN later TEXT DEFAULT 'new'")
        calls.append(connection.execute("SELECT id, later FROM jobs ORDER BY id").fetchall())

    for _ in range(2):
        newest = await asyncio.to_thread(_migrated, path, [*MIGRATIONS, add])
        assert newest == len(MIGRATIONS) + 1
    assert calls == [[("ended", "new"), ("open", "new")]]
    await asyncio.to_thread(_set_version, path, len(MIGRATIONS))
    async with opened(path) as stock:
        assert await _everything(stock) == before


async def test_a_migration_that_fails_leaves_the_older_version(path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE events")
        connection.execute("DROP TABLE nothing")

    async with opened(path) as stock:
        await _fill(stock)
        before = await _everything(stock)
    with pytest.raises(sqlite3.OperationalError):
        await asyncio.to_thread(_migrated, path, [*MIGRATIONS, fail])
    assert await asyncio.to_thread(_migrated, path, MIGRATIONS) == len(MIGRATIONS)
    async with opened(path) as stock:
        assert await _everything(stock) == before


def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    Database(path, NoReserve()).close()
    _set_version(path, len(MIGRATIONS) + 1)
    before = path.read_bytes()
    with pytest.raises(FolderError, match="written by a newer PixelPipe"):
        Database(path, NoReserve())
    assert path.read_bytes() == before


def test_opening_at_the_same_moment_makes_the_tables_once(path: Path) -> None:
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def open_it() -> None:
        together.wait()
        try:
            Database(path, NoReserve()).close()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def _count_marks(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT COUNT(*) FROM marks").fetchone()
    return int(count)


def _migrated(path: Path, migrations: Sequence[Migration]) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, migrations)
        return pragma(connection, "user_version")


def _set_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")


# Full disks


class Reserve:
    """A reserve that is worth so many pages, once."""

    def __init__(self, pages: int = 0) -> None:
        self.database: Database | None = None
        self.pages = pages
        self.calls = 0

    def exhausted(self, needed_bytes: int = 0) -> bool:
        del needed_bytes
        self.calls += 1
        if self.pages and self.database:
            _limit(self.database._writer, self.pages)
        return self.pages > 0


def _limit(writer: sqlite3.Connection, more_pages: int) -> None:
    limit = pragma(writer, "page_count") + more_pages
    writer.execute(f"PRAGMA max_page_count = {limit}")


def _batch(first: int, size: int = 20) -> list[Record]:
    return [
        replace(entry(make_job(str(number))), data=b'{"":"%b"}' % bytes(4000))
        for number in range(first, first + size)
    ]


@pytest.mark.parametrize(("pages", "fits"), [(0, 0), (3, 0), (1000, 20)])
async def test_a_full_disk_records_nothing_unless_the_reserve_has_room(
    path: Path, pages: int, fits: int
) -> None:
    reserve = Reserve(pages)
    database = await asyncio.to_thread(Database, path, reserve)
    reserve.database = database
    stock = sqlite_stock(database)
    try:
        await stock.write(*_batch(0, 1))
        await database.write(_limit, 5)
        if fits:
            await stock.write(*_batch(1))
        else:
            with pytest.raises(StorageFullError):
                await stock.write(*_batch(1))
        assert reserve.calls == 1
        assert len(await stock.ids()) == 1 + fits
        await database.write(_limit, 1000)
        await stock.write(*_batch(100))
        events = await stock.journal.events(0, None, 1000)
        assert [event.id for event in events] == [*range(1, 1 + 1 + fits + 20)]
    finally:
        await asyncio.to_thread(database.close)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_filesystem(tmp_path / "disk", 4 * 2**20) as folder:
        yield folder


async def test_a_journal_goes_on_after_its_file_system_was_full(disk: Path) -> None:
    space = await asyncio.to_thread(Space, disk, 2**19)
    database = await asyncio.to_thread(Database, disk / "journal", space)
    stock = sqlite_stock(database)
    await stock.enter(make_job("first"))
    filler = fill(disk)
    states = [space.full]
    await _until_full(stock)
    assert [*states, space.full] == [False, True]
    known = await stock.ids()
    filler.unlink()
    await stock.enter(make_job("afterwards"))
    assert await stock.ids() == [*known, "afterwards"]
    await asyncio.to_thread(database.close)
    async with opened(disk / "journal") as again:
        assert await again.ids() == [*known, "afterwards"]


def test_opens_on_a_full_file_system_with_the_reserve(disk: Path) -> None:
    Database(disk / "journal", NoReserve()).close()
    space = Space(disk, 2**19)
    fill(disk)
    with pytest.raises(FolderError, match="cannot use the journal"):
        Database(disk / "journal", NoReserve())
    Database(disk / "journal", space).close()
    assert space.full


async def _until_full(stock: Stock) -> None:
    for first in range(0, 10_000, 20):
        try:
            await stock.write(*_batch(first))
        except StorageFullError:
            return
    pytest.fail("it never was full")


# Threads


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM totals")
        raise KeyError("not ours")

    with pytest.raises(KeyError, match="not ours"):
        await database.write(fail)
    assert await database.read(_rows, "totals") == 1


async def test_a_file_that_fails_in_a_write_leaves_nothing(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM totals")
        raise PermissionError(13, "not ours")

    with pytest.raises(StorageFailedError) as raised:
        await database.write(fail)
    assert not isinstance(raised.value, StorageFullError)
    assert await database.read(_rows, "totals") == 1


async def test_a_blob_that_cannot_be_removed_is_swept_later(path: Path) -> None:
    shelf = Shelf()
    async with opened(path, shelf) as stock:
        await stock.finished(make_job("a", "one", "two"), SMALL, Blob("stuck", 1))
        await stock.journal.evict(0, unused)
        journal = SqliteJournal(_database(stock), present=shelf.present, remove=_refusing(shelf))
        with pytest.raises(StorageFailedError):
            await journal.sweep([], unused)
        assert "stuck" in shelf.digests
        assert await stock.journal.sweep([], unused) == 3
        assert shelf.digests == set()


def _refusing(shelf: Shelf) -> Callable[[str], None]:
    def remove(sha256: str) -> None:
        if sha256 == "stuck":
            raise PermissionError(13, "not ours")
        shelf.remove(sha256)

    return remove


async def test_who_reads_cannot_write(database: Database) -> None:
    def write(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM totals")

    with pytest.raises(StorageFailedError):
        await database.read(write)
    assert await database.read(_rows, "totals") == 1


async def test_what_is_read_together_is_of_one_moment(database: Database) -> None:
    halfway, go_on = threading.Event(), threading.Event()

    def read(connection: sqlite3.Connection) -> tuple[int, int]:
        before = _rows(connection, "totals")
        halfway.set()
        assert go_on.wait(DEADLINE_S)
        return before, _rows(connection, "totals")

    reading = asyncio.create_task(database.read(read))
    assert await asyncio.to_thread(halfway.wait, DEADLINE_S)
    await database.write(_add_total)  # Readers do not hold it up, nor does it them.
    go_on.set()
    assert await reading == (1, 1)
    assert await database.read(_rows, "totals") == 2


async def test_who_is_cancelled_goes_on_once_the_write_is_done(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def write(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(DEADLINE_S)
        _add_total(connection)

    writing = asyncio.create_task(database.write(write))
    assert await asyncio.to_thread(begun.wait, DEADLINE_S)
    for _ in range(3):  # However often.
        writing.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not writing.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await database.read(_rows, "totals") == 2


async def test_a_failure_after_a_cancellation_is_no_complaint(database: Database) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    begun, go_on = threading.Event(), threading.Event()

    def fail(_: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(DEADLINE_S)
        raise OSError("not ours")

    writing = asyncio.create_task(database.write(fail))
    assert await asyncio.to_thread(begun.wait, DEADLINE_S)
    writing.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    del writing
    await database.write(_add_total)
    asyncio.get_running_loop().set_exception_handler(None)
    assert complaints == []


def _rows(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def _add_total(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO totals VALUES (0)")


# Plans


async def test_no_statement_reads_a_big_table_from_end_to_end(stock: Stock) -> None:
    database = _database(stock)
    statements: set[str] = set()
    for connection in (database._writer, database._reader):
        connection.set_trace_callback(statements.add)
    await _use_all(stock)
    for connection in (database._writer, database._reader):
        connection.set_trace_callback(None)
    sorted_by_hand = set()
    for statement in statements:
        if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            plan = await database.read(_plan, statement)
            assert {part for part in plan if part.startswith("SCAN")} <= HARMLESS_SCANS, statement
            if any("TEMP B-TREE" in part for part in plan):
                sorted_by_hand.add(statement)
    assert len(statements) > 30
    # Only the ids of the events of several jobs, which an index has in order for each.
    assert {"json_each" in statement for statement in sorted_by_hand} <= {True}


def _plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    return [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


async def _use_all(stock: Stock) -> None:
    journal = stock.journal
    job = make_job("a", webhook="http://127.0.0.1:1")
    await stock.enter(job, Key("tenant", "key", ""))
    await stock.complete(job, {0: SMALL})
    await journal.take_over()
    for states in ((), (JobState.QUEUED,)):
        await journal.list(Listing(tenant="tenant", states=states))
        await journal.list(Listing(tenant="tenant", states=states, behind=(at(9), "x")))
    await journal.keyed("tenant", "key")
    await journal.reusable("tenant", ["key of small"])
    await journal.events(0, None, 10)
    await journal.events(0, ["a"], 10)
    await journal.last_event_id()
    await stock.outbox.due(at(9), 10)
    await stock.outbox.next_due_at()
    await stock.outbox.postpone("msg_a_2", 1, at(1))
    await stock.outbox.close("msg_a_2")
    await journal.bury("a", at(1))
    await journal.evict(0, unused)
    await journal.expire(ended_before=at(9), deleted_before=at(9), keep=unused)
    await journal.sweep(["suspect"], unused)


# The oracle


@pytest.mark.parametrize("seed", range(8))
async def test_says_what_the_journal_in_memory_says(seed: int, path: Path) -> None:
    oracle = memory_stock()
    async with opened(path) as stock:
        deed = _Deeds(random.Random(seed), [oracle, stock])
        for _ in range(150):
            await deed.do()
            assert await _everything(stock) == await _everything(oracle)
            assert stock.shelf.digests == oracle.shelf.digests


class _Deeds:
    """The same things done to several journals."""

    def __init__(self, dice: random.Random, stocks: Sequence[Stock]) -> None:
        self._dice = dice
        self._stocks = stocks
        self._jobs: list[Job] = []
        self._clock = 0

    async def do(self) -> None:
        """Do one."""
        self._clock += self._dice.randrange(2)
        kinds = (self._write, self._write, self._write, self._remove, self._ask, self._bury)
        await self._dice.choice(kinds)()

    async def _same(self, call: Callable[[Stock], Awaitable[object]]) -> None:
        first, *others = [await call(stock) for stock in self._stocks]
        for other in others:
            assert other == first

    async def _write(self) -> None:
        records = [self._record() for _ in range(self._dice.randrange(1, 5))]
        digests = {f"blob {self._dice.randrange(9)}" for _ in range(9)} | {"source"}
        for stock in self._stocks:
            stock.shelf.put(*digests)

        async def write(stock: Stock) -> list[object]:
            return [_plain(outcome) for outcome in await stock.write(*records)]

        await self._same(write)

    def _record(self) -> Record:
        dice = self._dice
        if not self._jobs or dice.random() < 0.3:
            return self._new()
        job = dice.choice(self._jobs[-6:])
        if dice.random() < 0.1:
            job.epoch = 1 - job.epoch
        for variant in job.variants:
            if dice.random() < 0.5 and variant.state is not TaskState.COMPLETED:
                blob = self._blob() if dice.random() < 0.7 else None
                finish(variant, blob)
        if job.ended and dice.random() < 0.5:
            return requeue(job)
        return end(job, self._clock) if dice.random() < 0.5 else step(job, event=None)

    def _new(self) -> Record:
        again = self._jobs and self._dice.random() < 0.1
        name = self._jobs[-1].id if again else str(len(self._jobs))
        webhook = "http://127.0.0.1:1" if int(name) % 2 else None
        job = make_job(name, "one", "two", created_at=at(self._clock // 3), webhook=webhook)
        self._jobs.append(job)
        key = Key("tenant", "key", name) if self._dice.random() < 0.2 else None
        return entry(job, key)

    def _blob(self) -> Blob:
        number = self._dice.randrange(9)
        return Blob(f"blob {number}", 10**number)

    async def _remove(self) -> None:
        dice = self._dice
        keep = {str(dice.randrange(40)) for _ in range(10)}.__contains__
        before, limit = at(self._clock - dice.randrange(30)), dice.randrange(10**8)
        spared = {self._blob().sha256}.__contains__

        async def remove(stock: Stock) -> tuple[int, ...]:
            journal = stock.journal
            return (
                await journal.expire(ended_before=before, deleted_before=before, keep=keep),
                await journal.evict(limit, keep),
                await journal.sweep({"blob 3", "unknown"}, spared),
            )

        await self._same(remove)

    async def _bury(self) -> None:
        job_id, now = str(self._dice.randrange(40)), at(self._clock)

        async def bury(stock: Stock) -> bool:
            return await stock.journal.bury(job_id, now)

        await self._same(bury)

    async def _ask(self) -> None:
        ids = [str(self._dice.randrange(40)) for _ in range(8)]
        after, limit = self._dice.randrange(50), self._dice.randrange(1, 20)
        states = self._dice.sample([*JobState], 2)
        listing = Listing(
            tenant="tenant", states=states, behind=(at(self._clock // 4), "2"), limit=limit
        )
        take_over = self._dice.random() < 0.2

        async def ask(stock: Stock) -> tuple[object, ...]:
            return (
                await stock.journal.events(after, ids, limit),
                await stock.journal.list(listing),
                [await stock.journal.get(job_id) for job_id in ids],
                # Any of the blobs will do.
                sorted(await stock.journal.reusable("tenant", ["key of one", "key of three"])),
                await stock.journal.take_over() if take_over else (),
            )

        await self._same(ask)


def _plain(outcome: Outcome) -> object:
    if outcome is None or isinstance(outcome, Event):
        return outcome
    return type(outcome), vars(outcome)


async def test_the_jobs_of_the_living_are_left_to_them(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.put("large")
    space = await asyncio.to_thread(Space, tmp_path, 4096)
    database = await asyncio.to_thread(Database, tmp_path / "journal.sqlite3", space)
    of = {
        owner: SqliteJournal(database, present=shelf.present, remove=shelf.remove, owner=owner)
        for owner in ("one", "two", "three")
    }
    for owner, journal in of.items():
        await journal.write([entry(make_job(f"of {owner}"))])
    assert [job.id for job in await of["two"].take_over({"one", "three"})] == ["of two"]
    assert [job.id for job in await of["one"].take_over({"two"})] == ["of one", "of three"]
    assert await of["two"].claim("of three", 1)
    assert [job.id for job in await of["one"].take_over({"two"})] == ["of one"]
    await asyncio.to_thread(database.close)
