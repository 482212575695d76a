"""All variants of a job in one file: what is in it, when there is none, and what may go wrong."""

import asyncio
import hashlib
import io
import json
import random
import socket
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import FormData
from PIL import Image
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.config import Settings
from pixelpipe.jobs.model import Job, TaskState
from pixelpipe.runtime import Runtime
from tests.faults.faulty_runtime import PATIENCE_S, faulty_runtime, finish, submit, until
from tests.photographs import opened, photo_jpeg
from tests.serving import Client, connected

SPECS = [
    {"name": "a", "resize": {"width": 64, "height": 40}},
    {"name": "b", "resize": {"width": 20}, "format": "webp"},
]
LARGE_SPECS = [
    {"name": f"large-{width}", "resize": {"width": width}, "format": "png"}
    for width in range(1193, 1201)
]
# More than the buffers of both ends hold.
LARGE_BYTES = 12 * 1024 * 1024
# Well before a connection that is kept alive ends.
CUT_S = 20.0

_number = count()


def own(photo: bytes) -> bytes:
    """The same photograph with a comment, so that nothing of an earlier one is reused."""
    comment = f"archive {next(_number)}".encode()
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + photo[2:]


def noise_jpeg() -> bytes:
    """A picture whose variants are large, and no other picture's."""
    pixels = random.Random(next(_number)).randbytes(1200 * 900 * 3)
    encoded = io.BytesIO()
    Image.frombytes("RGB", (1200, 900), pixels).save(encoded, "JPEG", quality=60)
    return encoded.getvalue()


async def finished(
    client: Client, photo: bytes, specs: Sequence[dict[str, Any]] = SPECS, name: str = "Grüße.jpg"
) -> dict[str, Any]:
    """A job that has ended."""
    form = FormData(quote_fields=False)
    form.add_field("variants", json.dumps(specs))
    form.add_field("file", photo, filename=name)
    answer = await client.post("/api/jobs", data=form, headers={"Prefer": "wait=30"})
    job: dict[str, Any] = await answer.json()
    return job


def url_of(job: dict[str, Any]) -> str:
    return f"/api/jobs/{job['id']}/archive.zip"


def assert_holds(content: bytes, job: dict[str, Any]) -> None:
    """Whole, and with every variant that was made, by its digest."""
    made = [variant for variant in job["variants"] if variant["state"] == "completed"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["job"] == job
        assert archive.namelist() == ["manifest.json", *manifest["files"].values()]
        assert list(manifest["files"]) == [variant["name"] for variant in made]
        for variant in made:
            packed = archive.read(manifest["files"][variant["name"]])
            assert hashlib.sha256(packed).hexdigest() == variant["sha256"]


def blob_file(folder: Path, sha256: str) -> Path:
    (found,) = folder.rglob(sha256)
    return found


@asynccontextmanager
async def slow_download(client: Client, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """An answer of which nothing has been read yet and little can have been sent."""

    def narrow_socket(address: tuple[Any, ...]) -> socket.socket:
        made = socket.socket(*address[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return made

    connector = aiohttp.TCPConnector(socket_factory=narrow_socket)
    async with (
        aiohttp.ClientSession(connector=connector, read_bufsize=4096) as session,
        session.get(client.make_url(url)) as answer,
    ):
        assert answer.status == 200
        yield answer


@pytest.fixture(scope="module")
def data_dir(settings: Settings) -> Path:
    return settings.data_dir


async def test_an_archive_holds_the_manifest_and_all_variants(client: Client) -> None:
    job = await finished(client, own(photo_jpeg()))
    answer = await client.get(job["links"]["archive"])
    content = await answer.read()

    assert answer.status == 200
    assert_holds(content, job)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["manifest.json", "Grüße-a.jpg", "Grüße-b.webp"]
        assert opened(archive.read("Grüße-a.jpg")).size == (64, 40)
        years = {info.date_time[0] for info in archive.infolist()}
    assert years == {int(job["ended_at"][:4])}
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"Gr__e.zip\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.zip"
    )


async def test_the_same_archive_comes_twice(client: Client) -> None:
    job = await finished(client, own(photo_jpeg()))
    contents = [await (await client.get(url_of(job))).read() for _ in range(2)]
    assert contents[0] == contents[1]


async def test_head_gives_the_same_header_and_no_bytes(client: Client) -> None:
    job = await finished(client, own(photo_jpeg()))
    head, get = await client.head(url_of(job)), await client.get(url_of(job))

    assert (head.status, await head.read()) == (200, b"")
    for field in ("Content-Length", "Content-Type", "Content-Disposition", "Cache-Control"):
        assert head.headers[field] == get.headers[field]


async def test_names_lead_nowhere_else(client: Client) -> None:
    job = await finished(client, own(photo_jpeg()), name="../../etc/NUL.x:y.jpg")
    content = await (await client.get(url_of(job))).read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["manifest.json", "_NUL.x_y-a.jpg", "_NUL.x_y-b.webp"]


async def test_a_job_of_which_nothing_was_made_has_no_archive(client: Client) -> None:
    job = await finished(client, own(photo_jpeg())[:-3000])
    answer = await client.get(url_of(job))
    problem = await answer.json()

    assert job["links"]["archive"] is None
    assert (answer.status, problem["type"]) == (409, "urn:pixelpipe:error:archive-not-ready")
    assert "Retry-After" not in answer.headers
    assert "failed" in problem["detail"]


async def test_a_deleted_job_has_no_archive_any_more(client: Client) -> None:
    job = await finished(client, own(photo_jpeg()))
    assert (await client.delete(f"/api/jobs/{job['id']}")).status == 204
    answer = await client.get(url_of(job))
    problem = await answer.json()
    assert (answer.status, problem["type"]) == (410, "urn:pixelpipe:error:job-gone")


async def test_an_unknown_job_has_no_archive(client: Client) -> None:
    assert (await client.get("/api/jobs/nope/archive.zip")).status == 404


def same_size(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def other_size(path: Path) -> None:
    path.write_bytes(b"garbage")


@pytest.mark.parametrize("damage", [same_size, other_size, Path.unlink])
async def test_damaged_variants_are_made_again_first(
    client: Client, data_dir: Path, damage: Callable[[Path], None]
) -> None:
    job = await finished(client, own(photo_jpeg()))
    before = await (await client.get(url_of(job))).read()
    for variant in job["variants"]:
        damage(blob_file(data_dir, variant["sha256"]))
    answer = await client.get(url_of(job))

    assert answer.status == 200
    content = await answer.read()
    assert_holds(content, job)
    assert content == before


async def test_what_cannot_be_made_again_is_an_error_from_the_start(
    client: Client, data_dir: Path
) -> None:
    job = await finished(client, own(photo_jpeg()))
    for sha256 in (job["source"]["sha256"], job["variants"][1]["sha256"]):
        blob_file(data_dir, sha256).unlink()
    answer = await client.get(url_of(job))
    problem = await answer.json()
    assert (answer.status, problem["type"]) == (500, "urn:pixelpipe:error:storage-failed")


@pytest.mark.parametrize("damage", [other_size, Path.unlink])
async def test_a_file_that_is_lost_on_the_way_cuts_the_connection(
    client: Client, data_dir: Path, damage: Callable[[Path], None]
) -> None:
    job = await finished(client, noise_jpeg(), LARGE_SPECS)
    async with slow_download(client, url_of(job)) as answer:
        await answer.content.readexactly(1000)
        damage(blob_file(data_dir, job["variants"][-1]["sha256"]))
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(answer.read(), CUT_S)
    again = await client.get(url_of(job))
    assert_holds(await again.read(), job)


async def test_a_job_that_is_deleted_is_still_sent_to_its_end(
    client: Client, runtime: Runtime, data_dir: Path
) -> None:
    job = await finished(client, noise_jpeg(), LARGE_SPECS)
    last = blob_file(data_dir, job["variants"][-1]["sha256"])
    async with slow_download(client, url_of(job)) as answer:
        assert int(answer.headers["Content-Length"]) > LARGE_BYTES
        start = await answer.content.readexactly(1000)
        assert (await client.delete(f"/api/jobs/{job['id']}")).status == 204
        await runtime.service.look_after()
        assert last.exists()
        assert_holds(start + await answer.content.read(), job)
    await until(lambda: not runtime.service._stores.in_use.blobs)
    await runtime.service.look_after()
    assert not last.exists()


async def test_who_leaves_in_the_middle_holds_nothing(client: Client, runtime: Runtime) -> None:
    job = await finished(client, noise_jpeg(), LARGE_SPECS)
    async with slow_download(client, url_of(job)) as answer:
        await answer.content.readexactly(1000)
        assert runtime.service._stores.in_use.jobs[job["id"]] == 1
    await until(lambda: not runtime.service._stores.in_use.jobs)
    assert not runtime.service._stores.in_use.blobs


def states(job: Job) -> list[TaskState]:
    return [variant.state for variant in job.variants]


@pytest_asyncio.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with faulty_runtime(tmp_path, task_deadline_s=PATIENCE_S) as opened_runtime:
        yield opened_runtime


async def test_the_archive_of_a_partial_job_holds_what_was_made(
    faulty: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    client = await connected(faulty, aiohttp_server, aiohttp_client)
    job = await submit(faulty, "alpha", "segv", "beta")
    await finish(faulty, job)
    view = await (await client.get(f"/api/jobs/{job.id}")).json()
    answer = await client.get(view["links"]["archive"])

    assert view["state"] == "partial"
    content = await answer.read()
    assert_holds(content, view)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(archive.namelist()) == 3
        (failure,) = json.loads(archive.read("manifest.json"))["job"]["failures"]
    assert failure["variant"] == "segv"


async def test_the_archive_of_an_unfinished_job_is_not_ready_and_a_cancelled_one_has_what_was_made(
    faulty: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    client = await connected(faulty, aiohttp_server, aiohttp_client)
    job = await submit(faulty, "alpha", "hang", "beta")
    await until(lambda: states(job).count(TaskState.COMPLETED) == 2)
    answer = await client.get(f"/api/jobs/{job.id}/archive.zip")
    problem = await answer.json()

    assert (answer.status, problem["type"]) == (409, "urn:pixelpipe:error:archive-not-ready")
    assert answer.headers["Retry-After"] == "1"
    assert "running" in problem["detail"]

    assert (await client.delete(f"/api/jobs/{job.id}")).status == 202
    await finish(faulty, job)
    view = await (await client.get(f"/api/jobs/{job.id}")).json()
    answer = await client.get(view["links"]["archive"])
    assert view["state"] == "cancelled"
    content = await answer.read()
    assert_holds(content, view)
    assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == 3


async def test_a_job_that_was_cancelled_before_anything_was_made_has_no_archive(
    faulty: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> None:
    client = await connected(faulty, aiohttp_server, aiohttp_client)
    job = await submit(faulty, "hang")
    assert (await client.delete(f"/api/jobs/{job.id}")).status == 202
    await finish(faulty, job)
    answer = await client.get(f"/api/jobs/{job.id}/archive.zip")

    assert answer.status == 409
    assert "Retry-After" not in answer.headers
    assert "cancelled" in (await answer.json())["detail"]
