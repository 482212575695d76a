"""A journal that was lost does not take the blobs with it."""

import asyncio
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pixelpipe.jobs.model import Blob
from pixelpipe.storage.folder import FolderError
from pixelpipe.storage.opening import open_storage
from tests.journals import entry, make_job

RESERVE_BYTES = 4096
CONTENT = b"a source"
BLOB = Blob(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
JOURNAL = "journal.sqlite3"


async def _used(folder: Path) -> None:
    """Start, store a blob, stop."""
    async with open_storage(folder, RESERVE_BYTES, durable=True) as storage:
        await storage.blobs.put(BLOB.sha256, memoryview(CONTENT))


async def _opened(folder: Path) -> bool:
    """Whether the blob is there."""
    async with open_storage(folder, RESERVE_BYTES, durable=True) as storage:
        return await storage.blobs.intact(BLOB)


def _empty(journal: Path) -> None:
    journal.write_bytes(b"")


def _remove(journal: Path) -> None:
    journal.unlink()


def _without_tables(journal: Path) -> None:
    journal.unlink()
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()


@pytest.mark.parametrize("lose", [_empty, _remove, _without_tables])
async def test_blobs_without_a_journal_are_refused_until_somebody_decides(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    await _used(tmp_path)
    journal, copy = tmp_path / JOURNAL, tmp_path / "copy"
    await asyncio.to_thread(copy.write_bytes, await asyncio.to_thread(journal.read_bytes))
    await asyncio.to_thread(lose, journal)
    for _ in range(2):  # Having been refused does not make it a journal.
        with pytest.raises(FolderError, match=r"belong to no journal.*remove the blobs") as raised:
            await _opened(tmp_path)
        assert str(tmp_path / "blobs") in str(raised.value)
        assert str(journal) in str(raised.value)
    await asyncio.to_thread(copy.rename, journal)
    assert await _opened(tmp_path)


@pytest.mark.parametrize("lose", [_empty, _remove])
async def test_the_log_of_a_lost_journal_is_left_alone(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    """What it holds may be had back."""
    await _used(tmp_path)
    log = tmp_path / f"{JOURNAL}-wal"
    await asyncio.to_thread(log.write_bytes, b"the newest of it")
    await asyncio.to_thread(lose, tmp_path / JOURNAL)
    with pytest.raises(FolderError):
        await _opened(tmp_path)
    assert await asyncio.to_thread(log.read_bytes) == b"the newest of it"


@pytest.mark.parametrize("lose", [_empty, _remove, _without_tables])
async def test_without_blobs_a_journal_is_begun(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    await _used(tmp_path)
    await asyncio.to_thread(lose, tmp_path / JOURNAL)
    blobs = tmp_path / "blobs"
    await asyncio.to_thread((blobs / BLOB.sha256[:2] / BLOB.sha256).unlink)
    assert not await _opened(tmp_path)
    await _used(tmp_path)
    assert await _opened(tmp_path)


async def test_a_blob_whose_job_was_never_recorded_is_no_obstacle(tmp_path: Path) -> None:
    """A first start that is killed between the two."""
    await _used(tmp_path)
    assert await _opened(tmp_path)


async def test_a_journal_that_is_all_in_its_log_is_one(tmp_path: Path) -> None:
    """A kill in the first minutes: the file itself does not even have tables yet."""
    first, second = tmp_path / "first", tmp_path / "second"
    job = make_job("a")
    job.source = replace(job.source, sha256=BLOB.sha256, size_bytes=BLOB.size_bytes)
    async with open_storage(first, RESERVE_BYTES, durable=True) as storage:
        await storage.blobs.put(BLOB.sha256, memoryview(CONTENT))
        await storage.journal.write([entry(job)])
        await asyncio.to_thread(shutil.copytree, first, second)
    async with open_storage(second, RESERVE_BYTES, durable=True) as storage:
        assert await storage.journal.get("a") == job
