"""What every blob store promises; see `jobs.ports.BlobStore`."""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelpipe.errors import StorageFailedError, WrongDigestError
from pixelpipe.storage.blobs import FileBlobs

CONTENT = bytes(range(256)) * 500
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    store = FileBlobs(tmp_path / "blobs")
    yield store
    store.close()


def _read(path: Path) -> bytes:
    return path.read_bytes()


async def test_gives_back_what_was_put(blobs: FileBlobs) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    target = bytearray(len(CONTENT))
    await blobs.read_into(SHA256, memoryview(target))
    assert target == CONTENT
    assert await asyncio.to_thread(_read, blobs.path(SHA256)) == CONTENT


async def test_putting_again_is_allowed(blobs: FileBlobs) -> None:
    await asyncio.gather(*(blobs.put(SHA256, memoryview(CONTENT)) for _ in range(8)))
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await asyncio.to_thread(_read, blobs.path(SHA256)) == CONTENT


async def test_nothing_is_stored_under_the_digest_of_other_bytes(blobs: FileBlobs) -> None:
    with pytest.raises(WrongDigestError):
        await blobs.put(SHA256, memoryview(b"other bytes"))
    assert not await asyncio.to_thread(blobs.path(SHA256).exists)
    await blobs.put(SHA256, memoryview(CONTENT))
    with pytest.raises(WrongDigestError):
        await blobs.put(SHA256, memoryview(b"other bytes"))


async def test_a_blob_that_is_not_there_is_an_error(blobs: FileBlobs) -> None:
    with pytest.raises(StorageFailedError):
        await blobs.read_into(SHA256, memoryview(bytearray(1)))


@pytest.mark.parametrize("difference", [-1, 1])
async def test_a_blob_of_another_length_is_an_error(blobs: FileBlobs, difference: int) -> None:
    await blobs.put(SHA256, memoryview(CONTENT))
    with pytest.raises(StorageFailedError):
        await blobs.read_into(SHA256, memoryview(bytearray(len(CONTENT) + difference)))


@pytest.mark.parametrize("call", ["write", "fdatasync", "rename"])
async def test_a_write_that_fails_leaves_nothing(
    blobs: FileBlobs, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        if call == "fdatasync":
            broken.setattr(os, "fdatasync", full)
        elif call == "rename":
            broken.setattr(Path, "rename", full)
        else:
            broken.setattr("pixelpipe.storage.blobs._write_synced", full)
        with pytest.raises(StorageFailedError):
            await blobs.put(SHA256, memoryview(CONTENT))
    files = await asyncio.to_thread(lambda: [p for p in tmp_path.rglob("*") if p.is_file()])
    assert files == []
    await blobs.put(SHA256, memoryview(CONTENT))


def test_what_an_interrupted_write_left_is_swept(tmp_path: Path) -> None:
    FileBlobs(tmp_path).close()
    leftover = tmp_path / "unfinished" / "abc"
    leftover.write_bytes(b"half")
    FileBlobs(tmp_path).close()
    assert not leftover.exists()
