"""Blobs that are stored together wait for the disk once."""

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixelpipe.errors import StorageFailedError, StorageFullError, WrongDigestError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import Digest
from pixelpipe.storage import blobs as blobs_module
from pixelpipe.storage import syncing
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.puts import Put
from pixelpipe.storage.space import Space
from pixelpipe.storage.writing import write_file

CONTENTS = [bytes([number]) * 1000 for number in range(5)]


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob_of(content: bytes) -> Blob:
    return Blob(digest_of(content), len(content))


async def put_together(blobs: FileBlobs) -> list[bool | BaseException]:
    puts = (blobs.put(digest_of(each), memoryview(each)) for each in CONTENTS)
    return await asyncio.gather(*puts, return_exceptions=True)


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    store = FileBlobs(tmp_path / "blobs", Space(tmp_path / "space", 4096))
    yield store
    store.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each wait for the disk, in turn."""
    seen: list[str] = []

    def noted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            seen.append(name)
            return real(*arguments)

        return call

    monkeypatch.setattr(syncing, "_syncfs", noted("all", syncing._syncfs))
    monkeypatch.setattr(os, "fdatasync", noted("file", os.fdatasync))
    return seen


async def test_many_wait_for_the_disk_once(blobs: FileBlobs, waits: list[str]) -> None:
    assert await put_together(blobs) == [True] * len(CONTENTS)
    assert waits == ["all"]
    for content in CONTENTS:
        assert await blobs.intact(blob_of(content))


async def test_one_waits_for_its_own_file(blobs: FileBlobs, waits: list[str]) -> None:
    await blobs.put(digest_of(CONTENTS[0]), memoryview(CONTENTS[0]), Digest.KNOWN)
    assert waits == ["file"]


async def test_what_is_there_for_good_is_not_waited_for_again(
    blobs: FileBlobs, waits: list[str]
) -> None:
    await put_together(blobs)
    waits.clear()
    assert await put_together(blobs) == [False] * len(CONTENTS)
    assert waits == []


async def test_what_another_has_only_begun_to_store_is_waited_for(
    blobs: FileBlobs, waits: list[str], tmp_path: Path
) -> None:
    await put_together(blobs)
    waits.clear()
    # The files are there, but for all that the next server knows the last one died over them.
    space = await asyncio.to_thread(Space, tmp_path / "space", 4096)
    later = await asyncio.to_thread(FileBlobs, tmp_path / "blobs", space)
    try:
        assert await put_together(later) == [False] * len(CONTENTS)
    finally:
        await asyncio.to_thread(later.close)
    assert waits == ["file"] * len(CONTENTS)


@pytest.mark.parametrize(
    ("code", "error"), [(errno.EIO, StorageFailedError), (errno.ENOSPC, StorageFullError)]
)
async def test_what_the_disk_did_not_take_is_written_again(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(syncing, "_syncfs", fail)
        outcomes = await put_together(blobs)
    assert [type(outcome) for outcome in outcomes] == [error] * len(CONTENTS)
    # The kernel tells of bytes that it lost only once: to wait for the same files is not enough.
    assert not await asyncio.to_thread(list, blobs.digests())


async def test_one_that_cannot_be_written_does_not_keep_the_others_out(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_file

    def write(path: Path, put: Put, *, sync: bool) -> None:
        if put.sha256 == digest_of(CONTENTS[2]):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(path, put, sync=sync)

    monkeypatch.setattr(blobs_module, "write_file", write)
    outcomes = await put_together(blobs)
    assert [outcome is True for outcome in outcomes] == [True, True, False, True, True]


async def test_to_name_the_digest_of_what_is_there_is_not_enough_to_be_given_it(
    blobs: FileBlobs,
) -> None:
    secret = CONTENTS[0]
    await blobs.put(digest_of(secret), memoryview(secret), Digest.KNOWN)
    with pytest.raises(WrongDigestError):
        await blobs.put(digest_of(secret), memoryview(CONTENTS[1]))


async def test_a_lie_of_another_size_takes_the_place_of_nothing(blobs: FileBlobs) -> None:
    true = blob_of(CONTENTS[0])
    await blobs.put(true.sha256, memoryview(CONTENTS[0]), Digest.KNOWN)
    with pytest.raises(WrongDigestError):
        await blobs.put(true.sha256, memoryview(b"short"))
    assert await blobs.intact(true)


async def test_who_comes_after_the_end_is_told(blobs: FileBlobs) -> None:
    await asyncio.to_thread(blobs.close)
    with pytest.raises(RuntimeError):
        await blobs.put(digest_of(CONTENTS[0]), memoryview(CONTENTS[0]))
