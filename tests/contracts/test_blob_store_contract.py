"""What every blob store promises; see `jobs.ports.BlobStore` and `SweptBlobs`."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from obstore.store import MemoryStore

from pixelpipe.errors import StorageFailedError, WrongDigestError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import PIECE_BYTES, BlobStore, Digest
from tests.contracts.blob_stands import Stand, files, objects
from tests.object_store import ObjectStore

CONTENT = bytes(range(256)) * 500
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOB = Blob(SHA256, len(CONTENT))
HOW = ["flipped", "truncated", "missing"]


@pytest_asyncio.fixture(params=["files", "memory", "s3"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    match request.param:
        case "files":
            async with files(tmp_path) as opened:
                yield opened
        case "memory":
            async with objects(MemoryStore()) as opened_objects:
                yield opened_objects
        case "s3":
            store: ObjectStore = request.getfixturevalue("object_store")
            bucket = await asyncio.to_thread(store.bucket)
            async with objects(store.store(bucket, "a/prefix")) as opened_objects:
                yield opened_objects


async def _damage(stand: Stand, how: str) -> None:
    if how == "missing":
        await stand.remove(SHA256)
    elif how == "truncated":
        await stand.write(SHA256, CONTENT[: len(CONTENT) // 2])
    else:
        flipped = bytearray(CONTENT)
        flipped[1000] ^= 1
        await stand.write(SHA256, bytes(flipped))


async def _content(store: BlobStore, content: bytes = CONTENT) -> bytes:
    target = bytearray(len(content))
    await store.read_into(hashlib.sha256(content).hexdigest(), memoryview(target))
    return bytes(target)


async def test_gives_back_what_was_put(stand: Stand) -> None:
    blobs = await stand.open()
    assert await blobs.put(SHA256, memoryview(CONTENT))
    assert await _content(blobs) == CONTENT
    assert await stand.read(SHA256) == CONTENT


async def test_a_blob_may_be_empty(stand: Stand) -> None:
    blobs = await stand.open()
    sha256 = hashlib.sha256(b"").hexdigest()
    assert not await blobs.intact(Blob(sha256, 0))
    await blobs.put(sha256, memoryview(b""))
    assert await _content(blobs, b"") == b""
    assert await blobs.intact(Blob(sha256, 0))
    assert [piece async for piece in blobs.stored(Blob(sha256, 0)).pieces(range(0))] == []


async def test_a_blob_may_be_large(stand: Stand) -> None:
    """So large that S3 takes it in parts."""
    blobs = await stand.open()
    content = bytes(range(251)) * 90_000
    sha256 = hashlib.sha256(content).hexdigest()
    assert await blobs.put(sha256, memoryview(content))
    assert not await blobs.put(sha256, memoryview(content))
    assert await _content(blobs, content) == content
    assert await (await stand.open()).intact(Blob(sha256, len(content)))


async def test_putting_again_is_allowed(stand: Stand) -> None:
    blobs = await stand.open()
    fresh = await asyncio.gather(*(blobs.put(SHA256, memoryview(CONTENT)) for _ in range(32)))
    assert fresh.count(True) == 1
    assert not await blobs.put(SHA256, memoryview(CONTENT))
    assert await stand.count() == 1
    assert await stand.read(SHA256) == CONTENT
    assert await blobs.intact(BLOB)


async def test_processes_may_put_the_same_at_the_same_moment(stand: Stand) -> None:
    stores = [await stand.open() for _ in range(4)]
    fresh = await asyncio.gather(*(each.put(SHA256, memoryview(CONTENT)) for each in stores))
    assert fresh.count(True) >= 1
    assert await stand.read(SHA256) == CONTENT
    for each in stores:
        assert await each.intact(BLOB)
        assert await asyncio.to_thread(each.holds, BLOB)


@pytest.mark.parametrize("digest", Digest)
async def test_what_is_there_is_not_fresh_to_another_process(stand: Stand, digest: Digest) -> None:
    assert await (await stand.open()).put(SHA256, memoryview(CONTENT))
    another = await stand.open()
    for _ in range(2):
        assert not await another.put(SHA256, memoryview(CONTENT), digest)
    assert await another.intact(BLOB)


async def test_nothing_is_stored_under_the_digest_of_other_bytes(stand: Stand) -> None:
    blobs = await stand.open()
    with pytest.raises(WrongDigestError):
        await blobs.put(SHA256, memoryview(b"other bytes"))
    assert await stand.read(SHA256) is None
    await blobs.put(SHA256, memoryview(CONTENT))
    with pytest.raises(WrongDigestError):
        await blobs.put(SHA256, memoryview(b"other bytes"))
    assert await stand.read(SHA256) == CONTENT


async def test_bytes_that_change_while_they_are_stored_are_not_stored(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are stored are those of the digest, whatever is made of the others meanwhile."""
    blobs = await stand.open()
    content, real = bytearray(CONTENT), hashlib.sha256

    def hashed(data: bytes = b"") -> "hashlib._Hash":
        found = real(bytes(data))
        content[:] = bytes(len(content))
        return found

    with monkeypatch.context() as changing:
        changing.setattr(hashlib, "sha256", hashed)
        try:
            await blobs.put(SHA256, memoryview(content))
        except WrongDigestError:
            assert await stand.read(SHA256) is None
            return
    assert await stand.read(SHA256) == CONTENT


async def test_a_blob_that_is_not_there_is_an_error(stand: Stand) -> None:
    with pytest.raises(StorageFailedError):
        await (await stand.open()).read_into(SHA256, memoryview(bytearray(1)))


@pytest.mark.parametrize("difference", [-1, 1])
async def test_a_blob_of_another_length_is_an_error(stand: Stand, difference: int) -> None:
    blobs = await stand.open()
    await blobs.put(SHA256, memoryview(CONTENT))
    with pytest.raises(StorageFailedError):
        await blobs.read_into(SHA256, memoryview(bytearray(len(CONTENT) + difference)))


@pytest.mark.parametrize("how", HOW)
async def test_reading_a_damaged_blob_is_an_error(stand: Stand, how: str) -> None:
    blobs = await stand.open()
    await blobs.put(SHA256, memoryview(CONTENT))
    await _damage(stand, how)
    with pytest.raises(StorageFailedError):
        await _content(blobs)


async def test_a_blob_is_intact_once_it_is_put(stand: Stand) -> None:
    blobs = await stand.open()
    assert not await blobs.intact(BLOB)
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await blobs.intact(BLOB)
    assert await (await stand.open()).intact(BLOB)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_damaged_blob_is_not_intact_and_can_be_put_again(
    stand: Stand, how: str, *, restarted: bool
) -> None:
    blobs = await stand.open()
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await blobs.intact(BLOB)
    await _damage(stand, how)
    store = await stand.open() if restarted else blobs
    for _ in range(2):
        assert not await store.intact(BLOB)

    await store.put(SHA256, memoryview(CONTENT))
    assert await store.intact(BLOB)
    assert await _content(store) == CONTENT


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("restarted", [False, True])
async def test_putting_a_damaged_blob_heals_it(stand: Stand, how: str, *, restarted: bool) -> None:
    blobs = await stand.open()
    await blobs.put(SHA256, memoryview(CONTENT))
    await _damage(stand, how)
    store = await stand.open() if restarted else blobs
    await store.put(SHA256, memoryview(CONTENT))
    assert await _content(store) == CONTENT
    assert await store.intact(BLOB)


async def test_holds_a_blob_of_that_name_and_size(stand: Stand) -> None:
    blobs = await stand.open()
    assert not await asyncio.to_thread(blobs.holds, BLOB)
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await asyncio.to_thread(blobs.holds, BLOB)
    assert not await asyncio.to_thread(blobs.holds, Blob(SHA256, len(CONTENT) + 1))


async def test_holds_a_blob_that_was_found_intact(stand: Stand) -> None:
    await (await stand.open()).put(SHA256, memoryview(CONTENT))
    another = await stand.open()
    assert await another.intact(BLOB)
    assert await asyncio.to_thread(another.holds, BLOB)


async def test_what_was_removed_is_not_held_and_can_be_put_again(stand: Stand) -> None:
    blobs = await stand.open()
    await asyncio.to_thread(blobs.remove, SHA256)
    for _ in range(2):
        await blobs.put(SHA256, memoryview(CONTENT))
        assert await blobs.intact(BLOB)
        await asyncio.to_thread(blobs.remove, SHA256)
        assert not await asyncio.to_thread(blobs.holds, BLOB)
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await asyncio.to_thread(blobs.holds, BLOB)


@pytest.mark.parametrize("wanted", [range(len(CONTENT)), range(1), range(1000, 90_000)])
async def test_gives_any_part_of_a_blob_in_pieces(stand: Stand, wanted: range) -> None:
    blobs = await stand.open()
    await blobs.put(SHA256, memoryview(CONTENT))
    pieces = [piece async for piece in blobs.stored(BLOB).pieces(wanted)]
    assert b"".join(pieces) == CONTENT[wanted.start : wanted.stop]


async def test_pieces_are_small(stand: Stand) -> None:
    blobs = await stand.open()
    content = bytes(range(251)) * 20_000
    blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
    await blobs.put(blob.sha256, memoryview(content))
    pieces = [piece async for piece in blobs.stored(blob).pieces(range(len(content)))]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= PIECE_BYTES


async def test_a_blob_can_be_read_like_a_file(stand: Stand) -> None:
    blobs = await stand.open()
    await blobs.put(SHA256, memoryview(CONTENT))

    def read() -> tuple[bytes, bytes, bytes]:
        with blobs.stored(BLOB).open() as file:
            whole, rest = file.read(len(CONTENT)), file.read(1)
            file.seek(500)
            return whole, rest, file.read(20)

    assert await asyncio.to_thread(read) == (CONTENT, b"", CONTENT[500:520])


async def test_a_blob_that_has_gone_is_an_error_to_its_readers(stand: Stand) -> None:
    blobs = await stand.open()
    await blobs.put(SHA256, memoryview(CONTENT))
    stored = blobs.stored(BLOB)
    await stand.remove(SHA256)
    with pytest.raises(StorageFailedError):
        _ = [piece async for piece in stored.pieces(range(len(CONTENT)))]

    def read() -> bytes:
        with stored.open() as file:
            return file.read(len(CONTENT))

    with pytest.raises(OSError, match=r"storage|No such file"):
        await asyncio.to_thread(read)


async def test_tells_how_long_a_blob_is(stand: Stand) -> None:
    blobs = await stand.open()
    assert await blobs.size_bytes(SHA256) is None
    await blobs.put(SHA256, memoryview(CONTENT))
    assert await blobs.size_bytes(SHA256) == len(CONTENT)
