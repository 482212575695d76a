"""Blobs as files: threads that cross each other's way, a disk that is full, what is not hashed."""

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelpipe.errors import StorageFailedError, StorageFullError
from pixelpipe.jobs import patience
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.patience import put_when_room
from pixelpipe.storage import blobs as blobs_module
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.puts import Put
from pixelpipe.storage.space import Space
from pixelpipe.storage.writing import write_file
from tests.filesystems import fill, small_filesystem

MIB = 2**20
RESERVE_BYTES = 4 * MIB
DEADLINE_S = 5
CONTENT = bytes(range(256)) * 500
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOB = Blob(SHA256, len(CONTENT))


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return Space(tmp_path / "space", 4096)


@pytest.fixture
def blobs(tmp_path: Path, space: Space) -> Iterator[FileBlobs]:
    store = FileBlobs(tmp_path / "blobs", space)
    yield store
    store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_filesystem(tmp_path / "disk", 24 * MIB) as folder:
        yield folder


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def _replace_bytes(path: Path) -> None:
    """Damage the file without a change of its size."""
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_who_cancels_a_write_waits_for_its_thread(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, cancellations: int
) -> None:
    loop, began, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def write(_self: FileBlobs, _put: object, *, sync: bool) -> None:
        assert sync
        loop.call_soon_threadsafe(began.set)
        may_end.wait(10)

    monkeypatch.setattr(FileBlobs, "_write", write)
    put = asyncio.create_task(blobs.put("0" * 64, memoryview(b"bytes")))
    await began.wait()
    for _ in range(cancellations):
        put.cancel()
        done, _ = await asyncio.wait({put}, timeout=0.05)
        assert not done

    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await put


async def test_a_file_that_did_not_change_is_hashed_once(
    blobs: FileBlobs, tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    really = hashlib.file_digest

    def file_digest(*arguments: Any) -> object:
        hashed.append(arguments)
        return really(*arguments)

    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    await blobs.put(SHA256, memoryview(CONTENT))
    for _ in range(3):
        assert await blobs.intact(BLOB)
    await blobs.put(SHA256, memoryview(CONTENT))
    assert len(hashed) == 0

    restarted = await asyncio.to_thread(FileBlobs, tmp_path / "blobs", space)
    for _ in range(3):
        assert await restarted.intact(BLOB)
    await restarted.put(SHA256, memoryview(CONTENT))
    assert len(hashed) == 1
    await asyncio.to_thread(os.utime, blobs.path(SHA256), ns=(1, 1))
    assert await restarted.intact(BLOB)
    assert len(hashed) == 2
    await asyncio.to_thread(restarted.close)


async def test_a_whole_read_counts_as_a_look_at_the_digest(
    blobs: FileBlobs, tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    restarted = await asyncio.to_thread(FileBlobs, tmp_path / "blobs", space)
    await restarted.read_into(SHA256, memoryview(bytearray(len(CONTENT))))
    monkeypatch.delattr(hashlib, "file_digest")
    assert await restarted.intact(BLOB)
    await asyncio.to_thread(restarted.close)


async def test_the_looks_that_were_of_use_least_recently_are_forgotten(
    tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs_module, "_MOST_VERIFIED", 2)
    store = await asyncio.to_thread(FileBlobs, tmp_path / "blobs", space)
    contents = [b"first", b"second", b"third"]
    first, second, third = (
        Blob(hashlib.sha256(content).hexdigest(), len(content)) for content in contents
    )
    await store.put(first.sha256, memoryview(contents[0]))
    await store.put(second.sha256, memoryview(contents[1]))
    assert await store.intact(first)
    await store.put(third.sha256, memoryview(contents[2]))
    assert set(store._verified._states) == {first.sha256, third.sha256}
    assert await store.intact(second)
    await asyncio.to_thread(store.close)


async def test_a_blob_that_is_put_while_its_damaged_file_is_looked_at_is_kept(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look has found the damage; before it removes the file, a put has healed it."""
    loop, found, healed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    really = FileBlobs._discard

    def discard(store: FileBlobs, *arguments: Any) -> bool:
        loop.call_soon_threadsafe(found.set)
        assert healed.wait(DEADLINE_S)
        return really(store, *arguments)

    monkeypatch.setattr(FileBlobs, "_discard", discard)
    await blobs.put(SHA256, memoryview(CONTENT))
    await asyncio.to_thread(_replace_bytes, blobs.path(SHA256))
    look = asyncio.create_task(blobs.intact(BLOB))
    await found.wait()
    await blobs.put(SHA256, memoryview(CONTENT))
    healed.set()
    assert await look
    assert await asyncio.to_thread(blobs.path(SHA256).read_bytes) == CONTENT


async def test_a_put_that_has_returned_outlives_all_looks_at_the_damage(blobs: FileBlobs) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    for _ in range(30):
        await asyncio.to_thread(_replace_bytes, blobs.path(SHA256))
        looks = [asyncio.create_task(blobs.intact(BLOB)) for _ in range(3)]
        puts = [asyncio.create_task(blobs.put(SHA256, memoryview(CONTENT))) for _ in range(3)]
        await asyncio.gather(*looks, *puts)
        assert await asyncio.to_thread(blobs.path(SHA256).read_bytes) == CONTENT


async def test_a_full_disk_is_told_and_the_reserve_given_up(disk: Path) -> None:
    space = await asyncio.to_thread(Space, disk, RESERVE_BYTES, poll_s=0.01)
    blobs = await asyncio.to_thread(FileBlobs, disk / "blobs", space)
    await space.start()
    filler = await asyncio.to_thread(fill, disk)
    puts = [blobs.put(SHA256, memoryview(CONTENT)) for _ in range(8)]
    failures = await asyncio.gather(*puts, return_exceptions=True)
    assert {type(failure) for failure in failures} == {StorageFullError}
    assert _files(disk) == {"filler"}
    full_meanwhile = space.full

    # What the reserve leaves is for the journal: not even a small blob takes of it.
    with pytest.raises(StorageFullError, match="waits until there is room"):
        await blobs.put(SHA256, memoryview(CONTENT))
    await asyncio.to_thread((disk / "journal").write_bytes, bytes(RESERVE_BYTES - MIB))

    filler.unlink()
    async with asyncio.timeout(DEADLINE_S):
        await space.room()
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await blobs.intact(BLOB)
    assert (full_meanwhile, space.full) == (True, False)
    assert _files(disk) == {"reserve", "journal", SHA256}
    await asyncio.to_thread(blobs.close)
    await space.close()


async def test_room_that_comes_free_while_a_blob_is_written_is_not_taken(
    blobs: FileBlobs, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = write_file

    def write_as_the_reserve_goes(path: Path, put: Put, *, sync: bool) -> None:
        assert space.exhausted()
        really(path, put, sync=sync)

    monkeypatch.setattr(blobs_module, "write_file", write_as_the_reserve_goes)
    with pytest.raises(StorageFullError):
        await blobs.put(SHA256, memoryview(CONTENT))
    assert _files(tmp_path / "blobs") == set()


async def test_a_blob_that_is_larger_than_the_disk_leaves_its_room(disk: Path) -> None:
    content = bytes(32 * MIB)
    space = await asyncio.to_thread(Space, disk, RESERVE_BYTES, poll_s=0.01)
    blobs = await asyncio.to_thread(FileBlobs, disk / "blobs", space)
    await space.start()
    with pytest.raises(StorageFullError):
        await blobs.put(hashlib.sha256(content).hexdigest(), memoryview(content))
    async with asyncio.timeout(DEADLINE_S):
        await space.room()
    assert _files(disk) == {"reserve"}
    await blobs.put(SHA256, memoryview(CONTENT))
    await asyncio.to_thread(blobs.close)
    await space.close()


async def test_a_blob_that_waits_for_room_is_not_written_over_and_over(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_LEAST_ROOM_BACKOFF_S", 0.001)
    content = os.urandom(9 * MIB)
    sha256 = hashlib.sha256(content).hexdigest()
    space = await asyncio.to_thread(Space, disk, RESERVE_BYTES, poll_s=0.01)
    blobs = await asyncio.to_thread(FileBlobs, disk / "blobs", space)
    await space.start()
    really, attempts = write_file, list[Path]()

    def write(path: Path, put: Put, *, sync: bool) -> None:
        attempts.append(path)
        really(path, put, sync=sync)

    monkeypatch.setattr(blobs_module, "write_file", write)
    filler = disk / "filler"
    await asyncio.to_thread(filler.write_bytes, bytes(12 * MIB))  # It leaves 8, and the reserve.
    waiting = asyncio.create_task(put_when_room(blobs, space, sha256, memoryview(content)))
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    assert not done
    assert len(attempts) == 1
    for _ in range(3):  # What is smaller does not get in between at random.
        with pytest.raises(StorageFullError):
            await blobs.put(SHA256, memoryview(CONTENT))
    await asyncio.to_thread(os.truncate, filler, 9 * MIB)
    async with asyncio.timeout(DEADLINE_S):
        await waiting
    assert len(attempts) == 2
    assert await blobs.intact(Blob(sha256, len(content)))
    await blobs.put(SHA256, memoryview(CONTENT))
    await asyncio.to_thread(blobs.close)
    await space.close()


def test_what_the_journal_asks_for_fails_as_storage(blobs: FileBlobs, tmp_path: Path) -> None:
    (tmp_path / "blobs" / SHA256[:2]).write_bytes(b"a file in place of a folder")
    with pytest.raises(StorageFailedError):
        blobs.holds(BLOB)
    with pytest.raises(StorageFailedError):
        blobs.remove(SHA256)
    (tmp_path / "blobs").rename(tmp_path / "elsewhere")
    with pytest.raises(StorageFailedError):
        list(blobs.digests())
