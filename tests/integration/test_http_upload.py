"""Uploads on the wire: what happens before, during and instead of the body."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pixelpipe.runtime import Runtime
from pixelpipe.server import body
from tests.photographs import photo_jpeg
from tests.serving import Client


@asynccontextmanager
async def connection(
    client: Client,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the client's server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    try:
        yield reader, writer
    finally:
        writer.close()


def head(*fields: str) -> bytes:
    """The head of a request to transform."""
    lines = ["POST /api/transform?width=16 HTTP/1.1", "Host: localhost", *fields, "", ""]
    return "\r\n".join(lines).encode()


def leased_bytes(runtime: Runtime) -> int:
    leased = runtime.ready()["arena_leased_bytes"]
    assert isinstance(leased, int)
    return leased


async def test_the_body_is_asked_for_once_there_is_room(client: Client) -> None:
    photo = photo_jpeg()
    async with connection(client) as (reader, writer):
        writer.write(head(f"Content-Length: {len(photo)}", "Expect: 100-continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(photo)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Content-Length: 999999999"], b"413"),
        (["Content-Length: 10", "Content-Encoding: gzip"], b"415"),
        (["Content-Length: 0"], b"400"),
    ],
)
async def test_a_body_that_is_not_wanted_is_not_asked_for(
    client: Client, fields: list[str], status: bytes
) -> None:
    async with connection(client) as (reader, writer):
        writer.write(head(*fields, "Expect: 100-continue"))
        assert (await reader.readline()).split()[1] == status


async def test_a_client_that_pushes_on_can_still_read_the_refusal(client: Client) -> None:
    size = 80 * 1024 * 1024
    async with connection(client) as (reader, writer):
        writer.write(head(f"Content-Length: {size}"))
        for _ in range(64):
            writer.write(b"x" * 65536)
            await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        document = json.loads(await reader.readuntil(b"}"))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer
    assert document["type"] == "urn:pixelpipe:error:upload-too-large"


async def test_a_client_that_leaves_in_mid_upload_gives_the_room_back(
    client: Client, runtime: Runtime
) -> None:
    before = asyncio.all_tasks()
    async with connection(client) as (reader, writer):
        writer.write(head("Content-Length: 100000", "Expect: 100-continue"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x" * 5000)
        assert leased_bytes(runtime) > 0
    await asyncio.wait(asyncio.all_tasks() - before, timeout=5)
    assert leased_bytes(runtime) == 0


async def test_a_client_that_goes_to_sleep_is_not_waited_for(
    client: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "GRACE_S", 0.05)
    async with connection(client) as (reader, writer):
        writer.write(head("Content-Length: 100000") + b"x" * 100)
        answer = await reader.readuntil(b"\r\n\r\n")
        document = json.loads(await reader.readuntil(b"}"))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert document["type"] == "urn:pixelpipe:error:upload-too-slow"
    assert leased_bytes(runtime) == 0


async def test_a_broken_chunked_body(client: Client, runtime: Runtime) -> None:
    async with connection(client) as (reader, writer):
        writer.write(head("Transfer-Encoding: chunked") + b"5\r\nhello\r\nnonsense\r\n")
        assert (await reader.readline()).split()[1] == b"400"
    assert leased_bytes(runtime) == 0


async def test_the_connection_goes_on_after_a_refusal_of_a_whole_body(client: Client) -> None:
    async with connection(client) as (reader, writer):
        for _ in range(2):
            writer.write(head("Content-Length: 5") + b"hello")
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 415 ")
            await reader.readuntil(b"}")
