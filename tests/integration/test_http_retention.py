"""What goes by itself: ended jobs after a while, or when they take too much room."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import HANG_WIDTH
from tests.http_jobs import (
    Json,
    begun,
    document,
    get,
    made,
    own_photo,
    picture,
    refusal,
    specs,
    status,
    until_making,
    until_state,
    until_true,
    variant,
)
from tests.photographs import photo_jpeg
from tests.serving import Client, connected, small_settings

RETENTION_S = 0.5
WORKERS_MAIN = "tests.faults.fault_workers:main"


@pytest_asyncio.fixture(scope="module")
async def hasty(tmp_path_factory: object) -> AsyncIterator[Runtime]:
    """Keeps nothing for long."""
    folder: Path = tmp_path_factory.mktemp("hasty")  # type: ignore[attr-defined]
    changes = {"retention_s": RETENTION_S, "upkeep_s": 0.05, "drain_timeout_s": 0.1}
    async with open_runtime(small_settings(folder, **changes), WORKERS_MAIN) as opened:
        yield opened


async def digests(runtime: Runtime) -> set[str]:
    """Names of the blobs on the disk."""
    return await asyncio.to_thread(lambda: set(runtime.storage.files.digests()))


async def until_gone(client: Client, *job_ids: str) -> None:
    """Return once there are no such jobs any more."""
    for job_id in job_ids:

        async def gone(path: str = f"/api/jobs/{job_id}") -> bool:
            return await status(client, path) == 404

        await until_true(gone)


async def test_old_jobs_go_with_all_they_had(
    hasty: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    client = await connected(hasty, aiohttp_server, aiohttp_client)
    held = await begun(client, own_photo(), specs("hang", "a"))
    await until_making(client, held["id"], "hang")
    job = await made(client, own_photo(), specs("a"), Idempotency_Key="short-lived")
    failed = await made(client, own_photo()[:-3000], specs("a"))
    path = f"/api/jobs/{job['id']}"
    await until_gone(client, job["id"], failed["id"])

    for below in ("", "/events", "/variants/a", "/archive.zip"):
        assert await refusal(await client.get(f"{path}{below}")) == (404, "job-not-found")
    assert await refusal(await client.delete(path)) == (404, "job-not-found")
    listed = (await document(await client.get("/api/jobs")))["jobs"]
    assert [each["id"] for each in listed] == [held["id"]]

    async def swept() -> bool:
        kept = {held["source"]["sha256"], variant(await get(client, held["id"]), "a")["sha256"]}
        return await digests(hasty) == kept

    await until_true(swept)  # the one that is not finished has its own, however old it is
    again = await begun(client, own_photo(), specs("a"), Idempotency_Key="short-lived")
    assert again["id"] != job["id"]
    assert (await get(client, held["id"]))["state"] == "running"
    assert (await client.delete(f"/api/jobs/{held['id']}")).status == 202


async def test_a_key_of_a_job_that_went_is_free_for_another_request(
    hasty: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    client = await connected(hasty, aiohttp_server, aiohttp_client)
    job = await made(client, own_photo(), specs("a"), Idempotency_Key="free")
    await until_gone(client, job["id"])

    await made(client, own_photo(), specs("b"), Idempotency_Key="free")


async def test_blobs_that_nobody_refers_to_are_swept_at_the_start(
    tmp_path: Path, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    """Such as that of an upload whose server died before it recorded the job."""
    settings = small_settings(tmp_path, workers=1)
    async with open_runtime(settings) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        job = await made(client, own_photo(), specs("a"))
        mine = await digests(runtime)
        blobs = runtime.storage.files
        orphan = photo_jpeg(77, 55)
        digest = f"{5:064x}"
        await asyncio.to_thread(blobs.path(digest).parent.mkdir, exist_ok=True)
        await asyncio.to_thread(blobs.path(digest).write_bytes, orphan)
        half = tmp_path / "blobs" / "unfinished" / "0123456789abcdef"
        await asyncio.to_thread(half.write_bytes, orphan)
    async with open_runtime(settings) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)

        async def swept() -> bool:
            return await digests(runtime) == mine

        await until_true(swept)
        assert not half.exists()
        assert len(await picture(client, job, "a")) == variant(job, "a")["bytes"]


async def test_too_much_makes_the_oldest_go(
    tmp_path: Path, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    """There is room for three photographs and their variants, not for four."""
    sizes = [(400 + 10 * number, 300) for number in range(8)]
    room = int(3.5 * len(photo_jpeg(*sizes[-1])))
    changes = {"storage_bytes": room, "upkeep_s": 0.05, "drain_timeout_s": 0.1}
    async with open_runtime(small_settings(tmp_path, **changes), WORKERS_MAIN) as runtime:
        client = await connected(runtime, aiohttp_server, aiohttp_client)
        held = await begun(client, own_photo(HANG_WIDTH), specs("a"))
        await until_state(client, held["id"], "running")
        jobs: list[Json] = []
        for size in sizes:
            jobs.append(await made(client, own_photo(*size), specs("a")))
            await runtime.service.look_after()
        present = [await status(client, f"/api/jobs/{job['id']}") for job in jobs]
        kept = [job for job, found in zip(jobs, present, strict=True) if found == 200]
        stored = [runtime.storage.files.path(digest) for digest in await digests(runtime)]

        assert present == sorted(present, reverse=True)  # the oldest went, the newest stay
        assert 2 <= len(kept) <= 3
        assert sum(path.stat().st_size for path in stored) <= room
        assert (await get(client, held["id"]))["state"] == "running"
        assert len(await picture(client, kept[-1], "a")) == variant(kept[-1], "a")["bytes"]
        await client.delete(f"/api/jobs/{held['id']}")
