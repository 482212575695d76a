"""Blobs in files, beyond what every blob store promises."""

import asyncio
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelpipe.errors import StorageFailedError, StorageFullError, WrongDigestError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import Digest
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.puts import Put
from pixelpipe.storage.space import Space
from pixelpipe.storage.threads import Outcome
from pixelpipe.storage.verified import State

CONTENT = bytes(range(256)) * 500
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOB = Blob(SHA256, len(CONTENT))
OTHER_SHA256 = hashlib.sha256(b"other").hexdigest()


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return Space(tmp_path / "space", 4096)


@pytest.fixture
def blobs(tmp_path: Path, space: Space) -> Iterator[FileBlobs]:
    store = FileBlobs(tmp_path / "blobs", space)
    yield store
    store.close()


@pytest.fixture
def reopened(blobs: FileBlobs, tmp_path: Path, space: Space) -> Iterator[FileBlobs]:
    """The same blobs after a restart, when none of them was looked at yet."""
    del blobs
    store = FileBlobs(tmp_path / "blobs", space)
    yield store
    store.close()


@pytest.fixture
def other(blobs: FileBlobs, tmp_path: Path, space: Space) -> Iterator[FileBlobs]:
    """The same blobs in another process."""
    del blobs
    store = FileBlobs(tmp_path / "blobs", space, writer=2)
    yield store
    store.close()


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _flip_a_byte(path: Path, *, unnoticed: bool = False) -> None:
    """Damage the file; unnoticed as a disk does, that changes bytes and not the times."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))
    if not unnoticed:
        # A clock that ticks every few milliseconds might tell of no change.
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))


def _damage(path: Path, how: str) -> None:
    if how == "flipped":
        _flip_a_byte(path)
    elif how == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.unlink()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def _content(store: FileBlobs) -> bytes:
    target = bytearray(len(CONTENT))
    await store.read_into(SHA256, memoryview(target))
    return bytes(target)


async def test_what_is_there_is_not_written_again(
    blobs: FileBlobs, reopened: FileBlobs, space: Space
) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    before = await asyncio.to_thread(blobs.path(SHA256).stat)
    # Not even room is needed for it.
    await asyncio.to_thread(space.exhausted)
    for store in (blobs, reopened):
        await store.put(SHA256, memoryview(CONTENT))
    assert (await asyncio.to_thread(blobs.path(SHA256).stat)).st_ino == before.st_ino


async def test_bytes_that_change_while_they_are_stored_are_not_stored(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, real = bytearray(CONTENT), hashlib.sha256

    def hashed(data: bytes = b"") -> "hashlib._Hash":
        found = real(bytes(data))
        content[:] = bytes(len(content))
        return found

    monkeypatch.setattr(hashlib, "sha256", hashed)
    with pytest.raises(WrongDigestError):
        await blobs.put(SHA256, memoryview(content))
    assert not await asyncio.to_thread(blobs.path(SHA256).exists)


@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_damaged_blob_is_removed_and_can_be_put_again(
    blobs: FileBlobs, reopened: FileBlobs, how: str, *, restarted: bool
) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await blobs.intact(BLOB)
    await asyncio.to_thread(_damage, blobs.path(SHA256), how)
    store = reopened if restarted else blobs
    assert not await store.intact(BLOB)
    assert not await asyncio.to_thread(blobs.path(SHA256).exists)
    assert not await store.intact(BLOB)

    await store.put(SHA256, memoryview(CONTENT))
    assert await store.intact(BLOB)
    assert await _content(store) == CONTENT


async def test_damage_found_in_reading_is_healed_although_the_file_looks_unchanged(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    looks = await asyncio.to_thread(blobs.path(SHA256).stat)
    await asyncio.to_thread(_flip_a_byte, blobs.path(SHA256), unnoticed=True)
    monkeypatch.setattr(os, "fstat", lambda _: looks)
    with pytest.raises(StorageFailedError):
        await _content(blobs)
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await asyncio.to_thread(_read, blobs.path(SHA256)) == CONTENT


async def test_a_blob_that_cannot_be_read_is_neither_intact_nor_damaged(
    blobs: FileBlobs, reopened: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    await blobs.put(SHA256, memoryview(CONTENT))
    with monkeypatch.context() as broken:
        broken.setattr(hashlib, "file_digest", unreadable)
        with pytest.raises(StorageFailedError):
            await reopened.intact(BLOB)
        await reopened.put(SHA256, memoryview(CONTENT))
        assert await reopened.intact(BLOB)


async def test_names_the_blobs_that_are_there(blobs: FileBlobs, tmp_path: Path) -> None:
    assert await asyncio.to_thread(list, blobs.digests()) == []
    await blobs.put(SHA256, memoryview(CONTENT))
    await blobs.put(OTHER_SHA256, memoryview(b"other"))
    others = ["lost+found/x", "unfinished/" + "0" * 64, f"{SHA256[:2]}/notes", "00/" + "1" * 64]
    for name in others:
        path = tmp_path / "blobs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (blobs.path(SHA256).parent / (SHA256[:2] + "0" * 62)).mkdir()
    assert set(await asyncio.to_thread(list, blobs.digests())) == {SHA256, OTHER_SHA256}
    assert all((tmp_path / "blobs" / name).exists() for name in others)


@pytest.mark.parametrize("call", ["write", "fdatasync", "rename"])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EIO, StorageFailedError),
    ],
)
async def test_a_write_that_fails_leaves_nothing(  # noqa: PLR0913 - fixtures
    *,
    blobs: FileBlobs,
    call: str,
    number: int,
    expected: type[StorageFailedError],
    space: Space,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        if call == "fdatasync":
            broken.setattr(os, "fdatasync", fail)
        elif call == "rename":
            broken.setattr(Path, "rename", fail)
        else:
            broken.setattr("pixelpipe.storage.blobs.write_file", fail)
        with pytest.raises(StorageFailedError) as caught:
            await blobs.put(SHA256, memoryview(CONTENT))
    assert caught.type is expected
    assert space.full is (expected is StorageFullError)
    assert await asyncio.to_thread(_files, tmp_path / "blobs") == []

    await space.start()
    await space.room()
    await blobs.put(SHA256, memoryview(CONTENT))
    await space.close()


async def test_what_another_process_puts_while_the_damaged_one_goes_stays(
    blobs: FileBlobs, other: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    await asyncio.to_thread(_flip_a_byte, blobs.path(SHA256))
    looks, find = [], State.of

    def of(found: os.stat_result) -> State:
        looks.append(found)
        if len(looks) == 2:  # The second look tells that it is the damaged one still.
            other._write(Put(SHA256, memoryview(CONTENT), Digest.UNCHECKED, outcome), sync=True)
        return find(found)

    outcome: Outcome[bool] = Outcome()
    monkeypatch.setattr(State, "of", of)
    assert await blobs.intact(BLOB)
    assert len(looks) > 2
    assert await asyncio.to_thread(_read, blobs.path(SHA256)) == CONTENT
    assert await asyncio.to_thread(_files, tmp_path / "blobs") == [blobs.path(SHA256)]


def test_what_an_interrupted_write_left_is_swept(tmp_path: Path, space: Space) -> None:
    FileBlobs(tmp_path / "blobs", space).close()
    leftover = tmp_path / "blobs" / "unfinished" / "abc"
    leftover.write_bytes(b"half")
    FileBlobs(tmp_path / "blobs", space).close()
    assert not leftover.exists()
