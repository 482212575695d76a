"""Clients that are slow: to send headers, to send a body, to read what they asked for."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.photographs import noise_jpeg
from tests.raw_sockets import PATIENCE_S, Raw, head, raw, told
from tests.serving import LiveServer

HEADER_S = 0.4
KEEPALIVE_S = 0.8
UPLOAD_S = 0.6
WRITE_S = 0.6

# Of a picture that compresses to some megabytes.
SIDE_PX = 1200

POST = "POST /api/transform?width=8"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(
        tmp_path_factory.mktemp("live") / "data",
        PIXELPIPE_HEADER_TIMEOUT_S=str(HEADER_S),
        PIXELPIPE_KEEPALIVE_S=str(KEEPALIVE_S),
        PIXELPIPE_UPLOAD_TIMEOUT_S=str(UPLOAD_S),
        PIXELPIPE_WRITE_TIMEOUT_S=str(WRITE_S),
        PIXELPIPE_HEARTBEAT_S="0.2",
    )
    yield server
    assert server.terminate() == 0


async def drip(client: Raw, sent: bytes) -> None:
    """A byte every 20 ms, for as long as the server listens."""
    for place in range(len(sent)):
        await client.send(sent[place : place + 1])
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", head("GET /")[:-2], b"\r\n"])
async def test_headers_that_do_not_come(server: LiveServer, sent: bytes) -> None:
    start = time.monotonic()
    answer = await told(server.port, sent)
    assert (answer.status, answer.slug) == (408, "request-timeout")
    assert answer.closed
    assert time.monotonic() - start >= HEADER_S


async def test_headers_that_drip(server: LiveServer) -> None:
    """Each byte is in time; the whole is not."""
    async with raw(server.port) as client:
        dripping = asyncio.create_task(drip(client, head("GET /", "X: " + "x" * 1000)))
        answer = await client.answer()
        dripping.cancel()
    assert (answer.status, answer.slug) == (408, "request-timeout")


async def test_headers_of_a_second_request_that_do_not_come(server: LiveServer) -> None:
    async with raw(server.port) as client:
        await client.send(head("GET /healthz"))
        assert (await client.answer()).status == 200
        await client.send(b"GET / HTTP/1.1\r\n")
        answer = await client.answer()
    assert (answer.status, answer.slug) == (408, "request-timeout")
    assert answer.closed


async def test_a_connection_that_is_idle_is_closed(server: LiveServer) -> None:
    async with raw(server.port) as client:
        await client.send(head("GET /healthz"))
        assert (await client.answer()).status == 200
        start = time.monotonic()
        assert await client.at_end()
    assert time.monotonic() - start >= KEEPALIVE_S * 0.9


@pytest.mark.parametrize("field", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
async def test_a_body_that_drips(server: LiveServer, field: str) -> None:
    async with raw(server.port) as client:
        await client.send(head(POST, field))
        dripping = asyncio.create_task(drip(client, b"1\r\nx\r\n" * 100))
        answer = await client.answer(to_the_end=False)
        dripping.cancel()
    assert (answer.status, answer.slug) == (408, "upload-too-slow")
    assert answer.headers["connection"] == "close"


async def test_a_form_that_drips_before_its_first_part(server: LiveServer) -> None:
    fields = ["Content-Type: multipart/form-data; boundary=cut", "Content-Length: 100000"]
    async with raw(server.port) as client:
        await client.send(head(POST, *fields))
        dripping = asyncio.create_task(drip(client, b"\r\n" * 200))
        answer = await client.answer(to_the_end=False)
        dripping.cancel()
    assert (answer.status, answer.slug) == (408, "upload-too-slow")


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /healthz",
        "DELETE /api/jobs/0123456789abcdefghijkl",
        "POST /api/jobs/0123456789abcdefghijkl/retry",
    ],
)
async def test_a_body_that_nobody_wants_is_waited_for_no_longer_than_headers(
    server: LiveServer, request_line: str
) -> None:
    sent = head(request_line, "Content-Length: 10") + b"12345"
    answer = await told(server.port, sent, to_the_end=False)
    assert (answer.status, answer.slug) == (408, "upload-too-slow")
    assert answer.headers["connection"] == "close"


async def made(server: LiveServer) -> dict[str, Any]:
    """A job at its end, with a variant of some megabytes, and a hundred in all."""
    specs: list[dict[str, Any]] = [{"name": "large", "format": "png"}]
    specs += [{"name": f"small-{n}", "resize": {"width": 8}} for n in range(99)]
    variants = json.dumps(specs, separators=(",", ":")).replace('"', "%22")
    sent = noise_jpeg(SIDE_PX)
    fields = "Prefer: wait=60", f"Content-Length: {len(sent)}"
    answer = await told(server.port, head(f"POST /api/jobs?variants={variants}", *fields), sent)
    assert answer.status == 200, answer.body
    job: dict[str, Any] = json.loads(answer.body)
    return job


@pytest_asyncio.fixture(scope="module")
async def job(server: LiveServer) -> dict[str, Any]:
    """It, made once."""
    return await made(server)


async def cut_off(server: LiveServer, request: bytes) -> tuple[int, int]:
    """Ask, and read the head of the answer but nothing more: its length, and what came of it."""
    async with raw(server.port, receive_bytes=4096) as client:
        await client.send(request)
        answer_head = await client.reader.readuntil(b"\r\n\r\n")
        assert b" 200 OK" in answer_head
        length = answer_head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # nobody reads
        connection = client.writer.get_extra_info("socket")
        async with asyncio.timeout(PATIENCE_S):
            while not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return int(length or 0), len(answer_head)


@pytest.mark.parametrize("rest", ["/variants/large", "/archive.zip"])
async def test_a_client_that_reads_nothing_of_a_file_is_cut_off(
    server: LiveServer, job: dict[str, Any], rest: str
) -> None:
    length, _ = await cut_off(server, head(f"GET /api/jobs/{job['id']}{rest}"))
    assert length > 2_000_000


async def test_a_client_that_reads_nothing_of_a_picture_is_cut_off(server: LiveServer) -> None:
    photo = noise_jpeg(SIDE_PX)
    request = head("POST /api/transform?format=png", f"Content-Length: {len(photo)}")
    length, _ = await cut_off(server, request + photo)
    assert length > 2_000_000


async def test_a_client_that_reads_nothing_of_json_is_cut_off(
    server: LiveServer, job: dict[str, Any]
) -> None:
    """Pipelined: one answer after the other is written, until nothing more is taken."""
    await cut_off(server, head(f"GET /api/jobs/{job['id']}") * 30)


async def test_a_client_that_reads_nothing_of_the_events_is_cut_off(
    server: LiveServer, job: dict[str, Any]
) -> None:
    for _ in range(5):
        assert (await made(server))["state"] == job["state"]  # each leaves hundreds of events
    await cut_off(server, head("GET /api/events?after=0", "Last-Event-ID: 0"))


async def test_a_client_that_reads_slowly_gets_everything(
    server: LiveServer, job: dict[str, Any]
) -> None:
    """It takes longer than a client may read nothing."""
    start = time.monotonic()
    async with raw(server.port, receive_bytes=65536) as client:
        await client.send(head(f"GET /api/jobs/{job['id']}/variants/large", "Connection: close"))
        answer_head = await client.reader.readuntil(b"\r\n\r\n")
        length = int(answer_head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        come = 0
        while piece := await client.reader.read(length // 20):
            come += len(piece)
            if time.monotonic() - start < 2 * WRITE_S:
                await asyncio.sleep(0.1)
    assert come == length
    assert time.monotonic() - start > 2 * WRITE_S


async def test_the_log_has_no_traceback_of_all_that(server: LiveServer) -> None:
    assert "Traceback" not in server.log.read_text()
