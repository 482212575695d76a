"""Blobs in a real S3: what it costs, who comes by a link, and trouble on the way."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from obstore.store import MemoryStore

from pixelpipe.errors import StorageFailedError, StorageUnavailableError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.patience import read_patiently
from pixelpipe.scaleout import objects, objects_watch
from pixelpipe.scaleout.objects import ObjectBlobs
from pixelpipe.scaleout.objects_opening import open_objects
from pixelpipe.scaleout.objects_place import ObjectStorageError, Place, place_of
from pixelpipe.scaleout.objects_removal import key_of
from tests.http_jobs import until
from tests.object_store import KEY, SECRET, ObjectStore
from tests.photographs import photo_jpeg
from tests.wire import Wire, wire_to

CONTENT = photo_jpeg(1200, 900) + bytes(range(256)) * 8000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOB = Blob(SHA256, len(CONTENT))


@pytest.fixture(scope="module")
def bucket(object_store: ObjectStore) -> str:
    return object_store.bucket()


@asynccontextmanager
async def _opened(
    url: str,
    environment: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    owner: str = "ours",
) -> AsyncIterator[ObjectBlobs]:
    with monkeypatch.context() as there:
        for name, value in environment.items():
            there.setenv(name, value)
        opening = open_objects(url, environment, owner)
        blobs = await opening.__aenter__()
    try:
        yield blobs
    finally:
        await opening.__aexit__(None, None, None)


@pytest_asyncio.fixture
async def wire(object_store: ObjectStore) -> AsyncIterator[Wire]:
    async with wire_to(object_store.port) as opened:
        yield opened


@pytest_asyncio.fixture
async def blobs(
    object_store: ObjectStore,
    bucket: str,
    wire: Wire,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ObjectBlobs]:
    """Over the wire; each test has a prefix of its own."""
    monkeypatch.setattr(objects_watch, "_LOOK_IN_TROUBLE_S", 0.02)
    monkeypatch.setattr(objects_watch, "_LOOK_S", 0.05)
    url = f"s3://{bucket}/{hashlib.sha256(request.node.name.encode()).hexdigest()}"
    async with _opened(url, object_store.environment(wire.url), monkeypatch) as opened:
        yield opened


async def _put(blobs: ObjectBlobs) -> bool:
    return await blobs.put(SHA256, memoryview(CONTENT))


async def _read(blobs: ObjectBlobs, wanted: range = range(len(CONTENT))) -> bytes:
    return b"".join([piece async for piece in blobs.stored(BLOB).pieces(wanted)])


async def test_keys_are_below_the_path_of_the_url(
    object_store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = object_store.environment()
    async with _opened(f"s3://{bucket}/one/two", environment, monkeypatch) as blobs:
        await _put(blobs)
    listed = await object_store.store(bucket, "one/two").list().collect_async()
    assert {each["path"] for each in listed} == {"owner", f"blobs/{SHA256[:2]}/{SHA256}"}


@pytest.mark.parametrize("disposition", ["inline", 'attachment; filename="a b&c.jpg"'])
async def test_who_comes_by_a_link_gets_the_bytes_and_what_they_are(
    blobs: ObjectBlobs, disposition: str
) -> None:
    await _put(blobs)
    headers = {"Content-Type": "image/jpeg", "Content-Disposition": disposition, "ETag": '"x"'}
    url = await blobs.stored(BLOB).link(headers)
    assert url is not None
    assert SECRET not in url
    assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= 60
    async with ClientSession() as session:
        async with session.get(url) as answer:
            assert answer.status == 200
            assert await answer.read() == CONTENT
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["Content-Disposition"] == disposition
        async with session.get(url, headers={"Range": "bytes=5-9"}) as answer:
            assert answer.status == 206
            assert await answer.read() == CONTENT[5:10]
        async with session.get(url.replace("attachment", "inline") + "0") as answer:
            assert answer.status == 403
        async with session.put(url, data=b"something else") as answer:
            assert answer.status == 403


async def test_a_link_that_cannot_say_the_name_is_none(blobs: ObjectBlobs) -> None:
    """As where the key is not ours to know: what is shown has its type from the object itself."""
    await _put(blobs)
    blobs._place.signer = None
    stored = blobs.stored(BLOB)
    assert await stored.link({"Content-Disposition": 'attachment; filename="a.jpg"'}) is None
    url = await stored.link({"Content-Disposition": 'inline; filename="a.jpg"'})
    assert url is not None
    async with ClientSession() as session, session.get(url) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"


async def test_there_are_no_links_to_stores_that_sign_nothing() -> None:
    store = MemoryStore()
    blobs = ObjectBlobs(Place("memory", store, store), "ours")
    await _put(blobs)
    assert await blobs.stored(BLOB).link({}) is None


async def test_reading_goes_on_where_it_was_broken_off(blobs: ObjectBlobs, wire: Wire) -> None:
    await _put(blobs)
    wire.breaks, wire.after_bytes = 2, 1_000_000
    assert await _read(blobs, range(10, len(CONTENT))) == CONTENT[10:]
    assert wire.breaks == 0


async def test_reading_that_gets_nowhere_ends(blobs: ObjectBlobs, wire: Wire) -> None:
    await _put(blobs)
    wire.breaks = 1000
    with pytest.raises(StorageUnavailableError):
        await _read(blobs)
    wire.breaks = 0


async def test_others_bytes_are_not_given_for_the_rest(blobs: ObjectBlobs) -> None:
    await _put(blobs)
    stored = blobs.stored(BLOB)
    await blobs._place.store.put_async(key_of(SHA256), bytes(len(CONTENT)))
    with pytest.raises(StorageFailedError):
        _ = [piece async for piece in stored.pieces(range(len(CONTENT)))]
    with pytest.raises(OSError, match="storage"):
        await asyncio.to_thread(stored.open().read, 10)
    assert not await blobs.intact(BLOB)


async def test_nothing_is_asked_of_a_storage_that_is_away_until_it_is_there(
    blobs: ObjectBlobs, wire: Wire
) -> None:
    await _put(blobs)
    await wire.cut()
    with pytest.raises(StorageUnavailableError):
        await blobs.intact(BLOB)
    await until(lambda: blobs.trouble is not None)
    with pytest.raises(StorageUnavailableError) as caught:
        await _put(blobs)
    assert caught.value.status == 503
    assert caught.value.retry_after_s is not None
    await wire.start()
    await until(lambda: blobs.trouble is None)
    assert await blobs.intact(BLOB)


async def test_what_was_accepted_waits_for_the_storage(blobs: ObjectBlobs, wire: Wire) -> None:
    await _put(blobs)
    await wire.cut()
    await until(lambda: blobs._place.trouble is not None or blobs.trouble is not None)
    target = bytearray(len(CONTENT))
    reading = asyncio.ensure_future(read_patiently(blobs, SHA256, memoryview(target)))
    await until(lambda: blobs.trouble is not None)
    assert not reading.done()
    await wire.start()
    await reading
    assert target == CONTENT


async def test_a_storage_that_says_nothing_is_away(
    blobs: ObjectBlobs, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_watch, "_PATIENCE_S", 0.1)
    wire.silent = True
    await until(lambda: blobs.trouble is not None)
    wire.silent = False
    await until(lambda: blobs.trouble is None)


async def test_starts_while_the_storage_is_away(
    object_store: ObjectStore, bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_watch, "_LOOK_IN_TROUBLE_S", 0.02)
    await wire.cut()
    environment = object_store.environment(wire.url)
    async with _opened(f"s3://{bucket}/late", environment, monkeypatch) as blobs:
        assert blobs.trouble is not None
        await wire.start()
        await until(lambda: blobs.trouble is None)
        assert await _put(blobs)


async def test_the_blobs_of_another_journal_are_left_alone(
    object_store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = object_store.environment()
    url = f"s3://{bucket}/shared"
    async with _opened(url, environment, monkeypatch, "ours"):
        pass
    async with _opened(url, environment, monkeypatch, "ours"):
        pass
    with pytest.raises(ObjectStorageError, match="another journal"):
        async with _opened(url, environment, monkeypatch, "theirs"):
            pass


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, "403"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "403"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "GenericError"),
    ],
)
async def test_a_refusal_is_told_without_what_is_secret(  # noqa: PLR0913 - fixtures
    *,
    object_store: ObjectStore,
    bucket: str,
    change: Mapping[str, str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    environment = {**object_store.environment(), **change}
    async with _opened(f"s3://{bucket}/refused", environment, monkeypatch) as blobs:
        assert blobs.trouble is not None
        assert why in blobs.trouble
        with pytest.raises(StorageUnavailableError) as caught:
            await _put(blobs)
    said = f"{caught.value!r} {caught.value.__cause__!r} {blobs.trouble} {capfd.readouterr()}"
    for secret in (KEY, SECRET, "wrong-secret", "X-Amz", "http://"):
        assert secret not in said


async def test_a_bucket_that_is_not_there_is_no_lost_blob(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = object_store.environment()
    async with _opened("s3://no-such-bucket/x", environment, monkeypatch) as blobs:
        assert blobs.trouble is not None
        assert "NoSuchBucket" in blobs.trouble
        with pytest.raises(StorageUnavailableError):
            await blobs.read_into(SHA256, memoryview(bytearray(len(CONTENT))))


async def test_whoever_is_cancelled_leaves_nothing_that_reads_his_memory(
    blobs: ObjectBlobs,
) -> None:
    content = bytearray(CONTENT)
    with memoryview(content) as view:
        putting = asyncio.ensure_future(blobs.put(SHA256, view))
        await asyncio.sleep(0)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
    content.clear()  # which fails while somebody has a view of it
    assert await _put(blobs) in {True, False}
    assert await _read(blobs) == CONTENT


def test_a_url_that_obstore_cannot_use_is_said() -> None:
    with pytest.raises(ObjectStorageError, match="ftp://somewhere"):
        place_of("ftp://somewhere/else", {})


async def test_parts_are_small_enough_to_be_sent_again() -> None:
    assert objects.PART_BYTES >= 5 * 1024 * 1024  # S3 takes no smaller ones
