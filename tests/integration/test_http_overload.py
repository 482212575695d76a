"""What clients are told while nothing moves: the only worker hangs in its decoder."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pixelpipe.config import MIB, Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import HANG_WIDTH
from tests.photographs import photo_jpeg, unlike
from tests.raw_sockets import Raw, raw
from tests.serving import Client, small_settings

STUCK = photo_jpeg(HANG_WIDTH, 200)
ICONS = {"preset": "icons"}
KEY = "the-one-that-waits"


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


async def test_too_many_uploads_at_once(client: Client, runtime: Runtime) -> None:
    """Each of two would take more than half of what uploads may hold."""
    size = runtime.engine.arena.uploads.size * 2 // 3
    head = f"POST /api/transform HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n"
    async with raw(_port(client)) as first, raw(_port(client)) as second:
        await first.send(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert (await first.reader.readline()).split()[1] == b"100"
        await second.send(f"{head}Expect: 100-continue\r\n\r\n".encode())
        refused = await second.answer(to_the_end=False)

    assert (refused.status, refused.slug) == (503, "memory-full")
    assert 1 <= int(refused.headers["retry-after"]) <= 300


async def test_an_image_that_can_never_fit(client: Client) -> None:
    answer = await client.post("/api/transform", data=photo_jpeg(3800, 3200, 40))
    problem = await answer.json()

    assert (answer.status, problem["type"]) == (413, "urn:pixelpipe:error:exceeds-memory")
    assert "Retry-After" not in answer.headers


async def test_who_is_let_in_is_told_what_is_left_of_the_queue(client: Client) -> None:
    answer = await client.post(
        "/api/jobs", data=unlike(STUCK), params=ICONS, headers={"Idempotency-Key": KEY}
    )

    assert answer.status == 202
    assert answer.headers["RateLimit-Policy"] == '"queue";q=1'
    assert re.fullmatch(r'"queue";r=[01];t=\d+', answer.headers["RateLimit"])


async def test_too_many_jobs(client: Client) -> None:
    await _fill(client)
    answer = await client.post("/api/jobs", data=unlike(STUCK), params=ICONS)

    assert answer.status == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert answer.headers["RateLimit-Policy"] == '"queue";q=1'
    assert re.fullmatch(r'"queue";r=0;t=\d+', answer.headers["RateLimit"])
    assert (await answer.json())["type"] == "urn:pixelpipe:error:queue-full"


@pytest.mark.parametrize("path", ["/api/jobs", "/api/transform", "/api/files", "/api/files/async"])
@pytest.mark.parametrize("expects", ["", "Expect: 100-continue\r\n"])
async def test_who_is_refused_learns_it_before_a_byte_of_the_body(
    client: Client, path: str, expects: str
) -> None:
    await _fill(client)
    async with raw(_port(client)) as impatient:
        await impatient.send(_head(path, MIB, expects))
        refused = await impatient.answer(to_the_end=False)

    assert (refused.status, refused.slug) == (503, "queue-full")
    assert refused.headers["connection"] == "close"


async def test_who_sends_all_of_a_large_body_first_can_still_read_the_answer(
    client: Client,
) -> None:
    await _fill(client)
    body = bytes(4 * MIB)
    async with raw(_port(client)) as stubborn:
        await stubborn.send(_head("/api/jobs", len(body)), *(body[:MIB] for _ in range(4)))
        refused = await stubborn.answer(to_the_end=False)

    assert (refused.status, refused.slug) == (503, "queue-full")


async def test_who_is_refused_a_small_upload_keeps_the_connection(client: Client) -> None:
    await _fill(client)
    body = bytes(100_000)
    async with raw(_port(client)) as keen:
        for _ in range(3):
            await keen.send(_head("/api/jobs", len(body)))
            refused = await keen.answer()
            assert (refused.status, refused.slug) == (503, "queue-full")
            assert "connection" not in refused.headers
            await keen.send(body)


async def test_a_job_that_is_there_already_is_given_though_the_queue_is_full(
    client: Client,
) -> None:
    await _fill(client)
    other = await client.post(
        "/api/jobs", data=unlike(STUCK), params=ICONS, headers={"Idempotency-Key": KEY}
    )
    unknown = await client.post(
        "/api/jobs", data=unlike(STUCK), params=ICONS, headers={"Idempotency-Key": "another"}
    )

    assert other.status == 422  # it was read, and is not the same request
    assert unknown.status == 503


async def test_another_client_finds_room_where_one_has_filled_its_share(client: Client) -> None:
    await _fill(client)
    body = unlike(STUCK)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", _port(client), local_addr=("127.0.0.77", 0)
    )
    other = Raw(reader, writer)
    await other.send(_head("/api/jobs?preset=icons", len(body)), body)
    answer = await other.answer(to_the_end=False)
    writer.transport.abort()

    assert answer.status == 202


async def test_health_is_told_while_nothing_moves(client: Client, runtime: Runtime) -> None:
    await _fill(client)
    alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert (alive.status, ready.status) == (200, 200)
    assert (await ready.json())["jobs_waiting"] == runtime.engine.admission.waiting >= 1


async def _fill(client: Client) -> None:
    """Send jobs until one is refused."""
    for _ in range(10):
        answer = await client.post("/api/jobs", data=unlike(STUCK), params=ICONS)
        if answer.status != 202:
            return
    raise AssertionError("nothing is ever refused")


def _head(path: str, size_bytes: int, more: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n{more}"
        f"Content-Length: {size_bytes}\r\n\r\n"
    ).encode()


def _port(client: Client) -> int:
    assert client.port is not None
    return client.port
