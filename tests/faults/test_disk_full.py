"""The disk fills up: uploads are refused, what was accepted waits, the rest goes on."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from pixelpipe.config import MIB, Settings
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.storage import blobs as blobs_module
from pixelpipe.storage.puts import Put
from pixelpipe.storage.writing import write_file
from tests.faults.fault_workers import HANG_WIDTH
from tests.faults.faulty_process import live_process
from tests.filesystems import fill, free_bytes, small_filesystem
from tests.http_jobs import (
    AnyClient,
    Json,
    begun,
    calling,
    document,
    get,
    made,
    own_photo,
    picture,
    refusal,
    send,
    specs,
    story,
    until,
    until_state,
    until_true,
    variant,
)
from tests.serving import Client, small_settings

DISK_BYTES = 48 * MIB
RESERVE_BYTES = 4 * MIB
FULL = (507, "storage-full")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_filesystem(tmp_path_factory.mktemp("disk") / "mounted", DISK_BYTES) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def settings(disk: Path) -> Settings:
    changes = {"reserve_bytes": RESERVE_BYTES, "workers": 1, "task_deadline_s": 600}
    return small_settings(disk / "data", **changes, drain_timeout_s=0.1)


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, "tests.faults.fault_workers:main") as opened:
        yield opened


def noise(width: int, height: int) -> bytes:
    """A JPEG of which hardly a format makes anything small."""
    content = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(content, "JPEG")
    return content.getvalue()


def _size(path: Path) -> int:
    return path.stat().st_size


async def is_full(client: AnyClient) -> bool:
    answer = await client.get("/readyz")
    facts = await document(answer)
    assert answer.status == (200 if facts["ready"] else 503)
    # For a moment after that the journal has yet to find out that there is room again.
    assert facts["ready"] is facts["storable"]
    assert not (facts["ready"] and facts["storage_full"])
    return not facts["ready"]


async def until_roomy(client: AnyClient) -> None:
    async def roomy() -> bool:
        return not await is_full(client)

    await until_true(roomy)


@asynccontextmanager
async def filled(client: AnyClient, folder: Path) -> AsyncIterator[None]:
    """There is no room in the file system; afterwards there is, and the server knows."""
    filler = fill(folder)
    try:
        yield
    finally:
        filler.unlink()
        await until_roomy(client)


async def until_noticed(client: AnyClient) -> None:
    """The server finds out by the first thing that it cannot store."""
    answer = await send(client, own_photo(), specs("a"))
    assert await refusal(answer) == FULL
    assert answer.headers["Retry-After"] == "10"
    assert await is_full(client)


async def refused_everywhere(client: AnyClient) -> None:
    for path in ("/api/jobs?preset=icons", "/api/files", "/api/files/async"):
        answer = await client.post(path, data=own_photo())
        assert await refusal(answer) == FULL
        assert answer.headers["Retry-After"] == "10"


async def queued_behind(client: Client) -> tuple[Json, Json]:
    """A job that keeps the only worker, and one that waits for it."""
    held = await begun(client, own_photo(HANG_WIDTH), specs("a"))
    await until_state(client, held["id"], "running")
    return held, await begun(client, own_photo(700, 500), specs("a", "b", "c"))


async def test_a_running_job_waits_and_all_but_uploads_goes_on(client: Client, disk: Path) -> None:
    done, removed = [await made(client, own_photo(), specs("a")) for _ in range(2)]
    held, job = await queued_behind(client)
    async with filled(client, disk):
        await until_noticed(client)
        watching = asyncio.create_task(story(client, job["id"]))
        assert (await client.delete(f"/api/jobs/{held['id']}")).status == 202
        await until_state(client, job["id"], "running")

        await refused_everywhere(client)
        assert await picture(client, done, "a")
        assert (await client.post("/api/transform?width=60", data=own_photo())).status == 200
        assert (await client.delete(f"/api/jobs/{removed['id']}")).status == 204
        listed = (await document(await client.get("/api/jobs?limit=200")))["jobs"]
        assert {job["id"], done["id"]} < {each["id"] for each in listed}
        waiting = await get(client, job["id"])
        assert waiting["state"] == "running"
        assert waiting["failures"] == []
        assert not watching.done()
        assert await is_full(client)
    ended = await until_state(client, job["id"], "completed")
    events = await watching

    assert [v["attempts"] for v in ended["variants"]] == [1, 1, 1]
    assert events[-1].name == "job.completed"
    for name in "abc":
        assert len(await picture(client, ended, name)) == variant(ended, name)["bytes"]
    assert (await made(client, own_photo(), specs("a")))["state"] == "completed"


async def test_a_job_that_waits_for_room_can_be_cancelled(
    client: Client, disk: Path, runtime: Runtime
) -> None:
    held, job = await queued_behind(client)
    async with filled(client, disk):
        await until_noticed(client)
        await client.delete(f"/api/jobs/{held['id']}")
        await until_state(client, job["id"], "running")
        answer = await client.delete(f"/api/jobs/{job['id']}")

        assert answer.status == 202
        assert (await document(answer))["state"] == "cancelled"
        await until(lambda: not runtime.engine.arena.leases)


async def test_when_even_the_reserve_is_gone_nothing_is_lost(client: Client, disk: Path) -> None:
    """What the server gave up somebody else takes: then the journal waits as well."""
    done = await made(client, own_photo(), specs("a"))
    held, job = await queued_behind(client)
    async with filled(client, disk):
        await until_noticed(client)
        await asyncio.to_thread(fill, disk)
        assert free_bytes(disk) == 0
        await client.delete(f"/api/jobs/{held['id']}")
        await until_state(client, job["id"], "running")

        await refused_everywhere(client)
        assert await picture(client, done, "a")
        assert (await get(client, job["id"]))["failures"] == []
    ended = await until_state(client, job["id"], "completed")

    assert [v["attempts"] for v in ended["variants"]] == [1, 1, 1]
    assert (await until_state(client, held["id"], "cancelled"))["decodes"] == 1
    events = await story(client, job["id"])
    assert [event.data["seq"] for event in events] == list(range(1, len(events) + 1))


async def test_nothing_acknowledged_is_lost_while_clients_fill_the_disk(
    client: Client, disk: Path
) -> None:
    """They stop at the first refusal; each job that was accepted comes to its end."""
    async with filled(client, disk):
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - 6 * MIB)
        accepted: list[Json] = []
        while True:
            photo = own_photo(1500, 1100) + bytes(MIB // 2)
            answer = await send(client, photo, specs("a"))
            if answer.status != 202:
                break
            accepted.append(await document(answer))
        assert await refusal(answer) == FULL
        assert len(accepted) > 1
    for job in accepted:
        ended = await until_state(client, job["id"], "completed")
        assert len(await picture(client, ended, "a")) == variant(ended, "a")["bytes"]


async def test_a_result_that_does_not_fit_is_not_written_over_and_over(
    client: Client, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room for the reserve and more, but not for the result: all the time it is full."""
    really, attempts = write_file, list[int]()

    def write(path: Path, put: Put, *, sync: bool) -> None:
        if len(put.content) > 3 * MIB:
            attempts.append(len(put.content))
        really(path, put, sync=sync)

    monkeypatch.setattr(blobs_module, "write_file", write)
    large = [{"name": "a", "resize": {"width": 1400}, "format": "png"}]
    held = await begun(client, own_photo(HANG_WIDTH), specs("a"))
    await until_state(client, held["id"], "running")
    job = await begun(client, noise(1400, 1000), large)
    async with filled(client, disk):
        await asyncio.to_thread(os.truncate, disk / "filler", _size(disk / "filler") - 3 * MIB)
        await client.delete(f"/api/jobs/{held['id']}")
        await until(lambda: bool(attempts))
        await until_true(lambda: is_full(client))
        for _ in range(20):
            assert await refusal(await send(client, own_photo(), specs("a"))) == FULL
            assert await is_full(client)
            await asyncio.sleep(0.05)
        assert len(attempts) == 1
        assert (await get(client, job["id"]))["state"] == "running"
    ended = await until_state(client, job["id"], "completed")
    assert variant(ended, "a")["bytes"] == attempts[0]
    assert attempts == attempts[:1] * 2


async def test_a_kill_while_the_disk_is_full(tmp_path: Path) -> None:
    # Together they take so long that the disk is full before the job is done.
    slow = [
        {"name": f"slow{n}", "resize": {"width": 1400 + n}, "format": "avif", "quality": 90}
        for n in range(3)
    ]
    environment = {"PIXELPIPE_RESERVE_BYTES": str(RESERVE_BYTES)}
    with small_filesystem(tmp_path / "disk", DISK_BYTES) as disk:
        with live_process(disk, **environment) as server:  # its log lies beside the disk
            async with calling(server.url) as session:
                done = await made(session, own_photo(), specs("a"))
                job = await begun(session, own_photo(1600, 1200), [*slow, *specs("b")])
                filler = fill(disk)
                await until_noticed(session)

        with live_process(disk, **environment) as server:
            async with calling(server.url) as session:
                assert await is_full(session)
                await refused_everywhere(session)
                assert await picture(session, done, "a")
                assert (await get(session, job["id"]))["state"] in {"queued", "running"}
                filler.unlink()
                ended = await until_state(session, job["id"], "completed")
                events = await story(session, job["id"])
                for name in ("slow0", "slow2", "b"):
                    assert len(await picture(session, job, name)) == variant(ended, name)["bytes"]
                await until_roomy(session)
                await made(session, own_photo(), specs("a"))
            assert server.terminate() == 0

    assert [event.data["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {v["strikes"] for v in ended["variants"]} == {0}
