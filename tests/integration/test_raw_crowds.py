"""Connections where settings are others: whose count, and for how long they last."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest_asyncio
from pytest_aiohttp import AiohttpClient

from pixelpipe.runtime import Runtime
from pixelpipe.server.app import make_app
from tests.raw_sockets import Answer, Raw, head, raw, told
from tests.serving import BoundedServer, Client

Open = Callable[..., Coroutine[Any, Any, int]]


@pytest_asyncio.fixture
async def port(runtime: Runtime, aiohttp_client: AiohttpClient) -> Open:
    """Opens a server over the module's runtime with some settings changed, and tells its port."""

    async def open_server(**changes: object) -> int:
        settings = type(runtime.settings).model_validate(runtime.settings.model_dump() | changes)
        app = make_app(replace(runtime, settings=settings))
        client: Client = await aiohttp_client(BoundedServer(app))
        assert client.port
        return client.port

    return open_server


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """Closes the connections of a test."""
    async with AsyncExitStack() as stack:
        yield stack


async def served(opened: AsyncExitStack, port: int, *fields: str) -> Raw:
    """A connection that stays, once it is let in."""
    client = await opened.enter_async_context(raw(port))
    await client.send(head("GET /healthz", *fields))
    assert (await client.answer()).status == 200
    return client


def refusal(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.slug


async def test_all_connections_together_are_bounded(port: Open, opened: AsyncExitStack) -> None:
    here = await port(max_connections=2)
    for _ in range(2):
        await served(opened, here)
    assert refusal(await told(here)) == (429, "too-many-connections")


async def test_those_of_a_trusted_proxy_count_only_together(
    port: Open, opened: AsyncExitStack
) -> None:
    here = await port(max_connections=4, client_connections=1, trusted_proxies="127.0.0.1")
    for number in range(4):
        await served(opened, here, f"X-Forwarded-For: 192.0.2.{number}")
    assert refusal(await told(here)) == (429, "too-many-connections")


async def test_those_of_a_stranger_that_calls_itself_a_proxy_count(
    port: Open, opened: AsyncExitStack
) -> None:
    here = await port(client_connections=1, trusted_proxies="192.0.2.1")
    await served(opened, here, "X-Forwarded-For: 192.0.2.7")
    assert refusal(await told(here, head("GET /"))) == (429, "too-many-connections")


async def test_streams_count_for_the_client_behind_the_proxy(
    port: Open, opened: AsyncExitStack
) -> None:
    here = await port(client_streams=1, trusted_proxies="127.0.0.1")

    async def asked(client: str) -> Answer:
        connection = await opened.enter_async_context(raw(here))
        await connection.send(head("GET /api/events", f"X-Forwarded-For: {client}"))
        return await connection.answer()

    assert (await asked("192.0.2.1")).status == 200
    assert (await asked("192.0.2.2")).status == 200
    refused = await asked("192.0.2.1")
    assert refusal(refused) == (429, "too-many-streams")
    assert refused.headers["retry-after"] == "1"


async def test_a_stream_that_ends_makes_room(port: Open) -> None:
    here = await port(client_streams=1)
    for _ in range(3):
        async with raw(here) as client:
            await client.send(head("GET /api/events"))
            answer = await client.answer()
            while answer.status == 429:  # the server has not noticed yet that the last one left
                await client.send(head("GET /api/events"))
                answer = await client.answer()
            assert answer.status == 200


async def test_headers_may_take_longer_than_a_connection_may_be_idle(port: Open) -> None:
    here = await port(keepalive_s=0.1, header_timeout_s=5.0)
    async with raw(here) as client:
        await client.send(b"GET /healthz HTTP/1.1\r\n")
        await asyncio.sleep(0.3)  # what is waited for is that nothing happens
        await client.send(b"Host: localhost\r\n\r\n")
        assert (await client.answer()).status == 200
        assert await client.at_end()
