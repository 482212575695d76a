"""Jobs over HTTP whose blobs are in a real S3."""

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from obstore.store import S3Store
from pytest_aiohttp import AiohttpClient, AiohttpServer
from yarl import URL

from pixelpipe.config import Settings
from pixelpipe.errors import StorageUnavailableError
from pixelpipe.jobs import patience
from pixelpipe.jobs.ports import Digest
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.scaleout import objects_removal, objects_watch
from pixelpipe.scaleout.objects import GRACE_S, ObjectBlobs
from pixelpipe.scaleout.objects_removal import key_of
from tests.http_jobs import (
    begun,
    calling,
    made,
    own_photo,
    picture,
    refusal,
    send,
    specs,
    status,
    until,
    until_state,
    until_true,
    variant,
)
from tests.object_store import SECRET, ObjectStore
from tests.processes import descendants
from tests.serving import Client, LiveServer, connected, small_settings
from tests.wire import Wire, wire_to

PREFIX = "pictures/of-tests"


@pytest.fixture(scope="module")
def bucket(object_store: ObjectStore) -> str:
    return object_store.bucket()


@pytest.fixture(scope="module")
def behind(object_store: ObjectStore, bucket: str) -> S3Store:
    """The blobs, past PixelPipe."""
    return object_store.store(bucket, PREFIX)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, bucket: str) -> Settings:
    url = f"s3://{bucket}/{PREFIX}"
    return small_settings(tmp_path_factory.mktemp("data"), storage_url=url, upkeep_s=0.2)


@pytest_asyncio.fixture(scope="module")
async def wire(object_store: ObjectStore) -> AsyncIterator[Wire]:
    async with wire_to(object_store.port) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def runtime(
    settings: Settings, object_store: ObjectStore, wire: Wire
) -> AsyncIterator[Runtime]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects_watch, "_LOOK_IN_TROUBLE_S", 0.02)
        patch.setattr(objects_watch, "_LOOK_S", 0.05)
        for name, value in object_store.environment(wire.url).items():
            patch.setenv(name, value)
        async with open_runtime(settings) as opened:
            yield opened


@pytest_asyncio.fixture
async def redirecting(
    runtime: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> Client:
    """A client of a server that is told to redirect."""
    told = runtime.settings.model_copy(update={"storage_redirect": True})
    return await connected(replace(runtime, settings=told), aiohttp_server, aiohttp_client)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_job_in_a_server_with_s3(
    start_server: Callable[..., LiveServer], object_store: ObjectStore, bucket: str
) -> None:
    environment = {
        **object_store.environment(),
        "PIXELPIPE_STORAGE_URL": f"s3://{bucket}/whole",
    }
    asyncio.run(_whole_job(start_server(**environment), object_store.store(bucket, "whole")))


async def _whole_job(server: LiveServer, behind: S3Store) -> None:
    photo = own_photo()
    async with calling(server.url) as client:
        job = await made(client, photo, specs("a", "b"))
        assert job["state"] == "completed"
        stored = await behind.list("blobs").collect_async()
        digests = {_sha256(photo), *(each["sha256"] for each in job["variants"])}
        assert {each["path"] for each in stored} == set(map(key_of, digests))
        assert not (server.data_dir / "blobs").exists()
        content = await picture(client, job, "a")
        assert _sha256(content) == variant(job, "a")["sha256"]
        answer = await client.get(f"/api/jobs/{job['id']}/archive.zip")
        with zipfile.ZipFile(io.BytesIO(await answer.read())) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            assert archive.read(manifest["files"]["a"]) == content
        async with client.delete(f"/api/jobs/{job['id']}") as answer:
            assert answer.status == 204
        assert await status(client, f"/api/jobs/{job['id']}/variants/a") == 410
        assert await status(client, "/readyz") == 200
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in descendants(server.pid)]
    assert environments
    assert not any(SECRET.encode() in environment for environment in environments)


async def test_a_variant_is_answered_as_from_a_file(client: Client) -> None:
    job = await made(client, own_photo(), specs("a"))
    url, size = variant(job, "a")["url"], variant(job, "a")["bytes"]
    content = await picture(client, job, "a")
    etag = f'"{_sha256(content)}"'

    head = await client.head(url)
    assert (head.status, head.headers["ETag"], head.headers["Content-Length"]) == (
        200,
        etag,
        str(size),
    )
    for field, part in (("bytes=0-9", slice(10)), ("bytes=-7", slice(-7, None))):
        answer = await client.get(url, headers={"Range": field, "If-Range": etag})
        assert (answer.status, await answer.read()) == (206, content[part])
    assert (await client.get(url, headers={"If-None-Match": etag})).status == 304
    assert (await client.get(url, headers={"Range": f"bytes={size}-"})).status == 416


@pytest.mark.parametrize("how", ["missing", "damaged"])
async def test_a_variant_that_was_lost_is_made_again(
    client: Client, behind: S3Store, how: str
) -> None:
    job = await made(client, own_photo(), specs("a"))
    content = await picture(client, job, "a")
    key = key_of(_sha256(content))
    if how == "missing":
        await behind.delete_async(key)
    else:
        await behind.put_async(key, bytes(len(content)))
    assert await picture(client, job, "a") == content
    assert bytes(await (await behind.get_async(key)).bytes_async()) == content


async def test_a_source_that_was_lost_as_well_is_said(client: Client, behind: S3Store) -> None:
    photo = own_photo()
    job = await made(client, photo, specs("a"))
    await behind.delete_async([key_of(_sha256(photo)), key_of(variant(job, "a")["sha256"])])
    answer = await client.get(variant(job, "a")["url"])
    assert await refusal(answer) == (500, "storage-failed")


async def test_while_the_storage_is_away_clients_are_told_to_come_back(
    client: Client, runtime: Runtime, wire: Wire
) -> None:
    remote = runtime.storage.remote
    assert remote is not None
    job = await made(client, own_photo(), specs("a"))
    assert await status(client, "/readyz") == 200
    await wire.cut()
    await until(lambda: remote.trouble is not None)
    try:
        ready = await client.get("/readyz")
        assert ready.status == 503
        assert (await ready.json())["missing"] == ["object storage"]
        for answer in (
            await client.get(variant(job, "a")["url"]),
            await send(client, own_photo(), specs("a")),
        ):
            assert "Retry-After" in answer.headers
            assert await refusal(answer) == (503, "storage-unavailable")
        assert await status(client, f"/api/jobs/{job['id']}") == 200
    finally:
        await wire.start()
    await until(lambda: remote.trouble is None)
    assert await status(client, "/readyz") == 200
    assert await status(client, variant(job, "a")["url"]) == 200
    assert (await made(client, own_photo(), specs("a")))["state"] == "completed"


async def test_a_job_under_way_goes_on_when_the_storage_is_there_again(
    client: Client, runtime: Runtime, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, real, failed = runtime.storage.remote, ObjectBlobs.put, asyncio.Event()
    assert remote is not None

    async def put(
        self: ObjectBlobs, sha256: str, content: memoryview, digest: Digest = Digest.UNCHECKED
    ) -> bool:
        if digest is Digest.UNCHECKED and remote.trouble is None and not failed.is_set():
            await wire.cut()
            await until(lambda: remote.trouble is not None)
        try:
            return await real(self, sha256, content, digest)
        except StorageUnavailableError:
            failed.set()
            raise

    with monkeypatch.context() as patched:
        patched.setattr(ObjectBlobs, "put", put)
        patched.setattr(patience, "STORE_ATTEMPTS", 1)
        patched.setattr(patience, "_LEAST_ROOM_BACKOFF_S", 0.01)
        job = await begun(client, own_photo(), specs("a", "b", "c"))
        await failed.wait()
        await wire.start()
        job = await until_state(client, job["id"], "completed")
    assert [each["attempts"] for each in job["variants"]] == [1, 1, 1]
    for name in "abc":
        assert _sha256(await picture(client, job, name)) == variant(job, name)["sha256"]


async def test_what_nobody_refers_to_any_more_goes_after_the_grace(
    client: Client, behind: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is a second here: then the journal is asked once more."""
    monkeypatch.setattr(objects_removal, "_SLACK_S", 1.0 - GRACE_S)
    photo = own_photo(333, 222)  # so that no other job has its variants
    gone, kept = await made(client, photo, specs("a", "b")), await made(client, photo, specs("a"))
    assert (await client.delete(f"/api/jobs/{gone['id']}")).status == 204

    async def removed() -> bool:
        listed = await behind.list("blobs").collect_async()
        return key_of(variant(gone, "b")["sha256"]) not in {each["path"] for each in listed}

    await until_true(removed)
    for sha256 in (_sha256(photo), variant(kept, "a")["sha256"]):
        assert (await behind.head_async(key_of(sha256)))["size"] > 0
    assert await status(client, variant(kept, "a")["url"]) == 200


@pytest.mark.parametrize("query", ["", "?download=1"])
async def test_a_client_is_redirected_when_that_is_wanted(redirecting: Client, query: str) -> None:
    job = await made(redirecting, own_photo(), specs("a"))
    made_variant = variant(job, "a")
    url = made_variant["url"] + query
    head = await redirecting.head(url, allow_redirects=False)
    answer = await redirecting.get(url, allow_redirects=False)
    assert head.status == 200
    assert answer.status == 302
    assert answer.headers["Cache-Control"] == "no-store"
    location = URL(answer.headers["Location"], encoded=True)
    async with ClientSession() as session, session.get(location) as there:
        assert there.status == 200
        assert _sha256(await there.read()) == made_variant["sha256"]
        for field in ("Content-Type", "Content-Disposition"):
            assert there.headers[field] == head.headers[field]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": "https://a.example"},
    ],
)
async def test_a_page_that_could_not_follow_gets_the_bytes(
    redirecting: Client, headers: Mapping[str, str]
) -> None:
    job = await made(redirecting, own_photo(), specs("a"))
    answer = await redirecting.get(variant(job, "a")["url"], headers=headers, allow_redirects=False)
    assert answer.status == 200


async def test_what_the_client_has_and_archives_are_not_redirected(redirecting: Client) -> None:
    job = await made(redirecting, own_photo(), specs("a"))
    made_variant = variant(job, "a")
    has = {"If-None-Match": f'"{made_variant["sha256"]}"'}
    answers = [
        await redirecting.get(made_variant["url"], headers=has, allow_redirects=False),
        await redirecting.get(f"/api/jobs/{job['id']}/archive.zip", allow_redirects=False),
    ]
    assert [answer.status for answer in answers] == [304, 200]


async def test_a_signed_link_is_not_handed_on(redirecting: Client) -> None:
    job = await made(redirecting, own_photo(), specs("a"))
    signed = await (await redirecting.post(f"/api/jobs/{job['id']}/links")).json()
    answer = await redirecting.get(
        URL(signed["variants"][0]["url"], encoded=True), allow_redirects=False
    )
    assert answer.status == 200
