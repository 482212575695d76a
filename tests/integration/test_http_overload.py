"""What clients are told while nothing moves: the only worker hangs in its decoder."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pixelpipe.config import MIB, Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import HANG_WIDTH
from tests.photographs import photo_jpeg, unlike
from tests.serving import Client, small_settings

STUCK = photo_jpeg(HANG_WIDTH, 200)
ICONS = {"preset": "icons"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    changes = {"workers": 1, "queue_limit": 1, "arena_bytes": 16 * MIB, "drain_timeout_s": 0.1}
    return small_settings(tmp_path_factory.mktemp("data"), **changes, task_deadline_s=600)


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, "tests.faults.fault_workers:main") as opened:
        yield opened


async def test_a_variant_that_is_still_to_come(client: Client) -> None:
    sent = await client.post("/api/jobs", data=STUCK, params=ICONS)
    job = await sent.json()
    assert sent.status == 202
    answer = await client.get(f"/api/jobs/{job['id']}/variants/{job['variants'][0]['name']}")

    assert answer.status == 409
    assert answer.headers["Retry-After"] == "1"
    assert (await answer.json())["type"] == "urn:pixelpipe:error:variant-not-ready"


async def test_too_many_jobs(client: Client) -> None:
    for _ in range(10):
        answer = await client.post("/api/jobs", data=unlike(STUCK), params=ICONS)
        if answer.status != 202:
            break

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert (await answer.json())["type"] == "urn:pixelpipe:error:queue-full"


async def test_too_many_uploads_at_once(client: Client, runtime: Runtime) -> None:
    """Each of two would take more than half of what uploads may hold."""
    size = runtime.engine.arena.uploads.size * 2 // 3
    head = f"POST /api/transform HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n"
    connections = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(2)]
    answers = []
    for reader, writer in connections:
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        answers.append(await reader.readline())
    refused = await connections[-1][0].readuntil(b"\r\n\r\n")
    for _, writer in connections:
        writer.close()

    assert [answer.split()[1] for answer in answers] == [b"100", b"503"]
    assert b"Retry-After: 2\r\n" in refused


async def test_an_image_that_can_never_fit(client: Client) -> None:
    answer = await client.post("/api/transform", data=photo_jpeg(2600, 2200, 40))
    problem = await answer.json()

    assert (answer.status, problem["type"]) == (413, "urn:pixelpipe:error:exceeds-memory")
    assert "Retry-After" not in answer.headers
