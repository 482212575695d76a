"""How bytes that lie somewhere else go out to clients that read slowly, or not at all."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

from aiohttp import web
from pytest_aiohttp import AiohttpServer

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import PIECE_BYTES
from pixelpipe.server.blobs import send_stored
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.problems import problems
from tests.http_jobs import until

SIZE_BYTES = 256 * PIECE_BYTES
# What both ends' sockets hold, and more.
HELD_BYTES = 32 * PIECE_BYTES


class Endless:
    """`Stored` that counts what is taken of it.

    Attributes:
        taken_bytes: So many.
        closed: Whether nobody asks for more.
        fails_at: It cannot be read from there on.
    """

    path: Path | None = None

    def __init__(self, fails_at: int = SIZE_BYTES) -> None:
        self.taken_bytes = 0
        self.closed = False
        self.fails_at = fails_at

    def open(self) -> BinaryIO:
        raise NotImplementedError

    async def link(self, headers: Mapping[str, str]) -> str | None:
        raise NotImplementedError

    async def pieces(self, wanted: range) -> AsyncGenerator[bytes, None]:
        try:
            while self.taken_bytes < len(wanted):
                if self.taken_bytes >= self.fails_at:
                    raise StorageFailedError("It is gone.")
                self.taken_bytes += PIECE_BYTES
                yield bytes(PIECE_BYTES)
        finally:
            self.closed = True


@asynccontextmanager
async def _asked(
    aiohttp_server: AiohttpServer, stored: Endless, write_timeout_s: float
) -> AsyncIterator[socket.socket]:
    """A connection over which the bytes are asked for."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await send_stored(request, stored, range(SIZE_BYTES), web.StreamResponse())

    app = web.Application(middlewares=[problems])
    app.router.add_get("/", handle)
    runtime: Any = SimpleNamespace(settings=SimpleNamespace(write_timeout_s=write_timeout_s))
    app[RUNTIME] = runtime
    server = await aiohttp_server(app)
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", server.port))
        await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        yield client


async def _rest(client: socket.socket) -> int:
    loop, received = asyncio.get_running_loop(), 0
    try:
        while chunk := await loop.sock_recv(client, 2**20):
            received += len(chunk)
    except ConnectionResetError:
        pass
    return received


async def test_a_client_that_does_not_read_does_not_fill_the_memory(
    aiohttp_server: AiohttpServer,
) -> None:
    stored = Endless()
    async with _asked(aiohttp_server, stored, 60.0) as client:
        steady, before = 0, -1
        while steady < 20:  # turns of the loop in which nothing more was taken
            await asyncio.to_thread(lambda: None)
            steady = steady + 1 if stored.taken_bytes == before > 0 else 0
            before = stored.taken_bytes
        assert stored.taken_bytes < HELD_BYTES
        while stored.taken_bytes < SIZE_BYTES:
            await asyncio.get_running_loop().sock_recv(client, 2**20)


async def test_a_client_that_reads_nothing_is_cut_off(aiohttp_server: AiohttpServer) -> None:
    stored = Endless()
    async with _asked(aiohttp_server, stored, 0.1) as client:
        await until(lambda: stored.closed)
        assert stored.taken_bytes < HELD_BYTES
        assert await _rest(client) < SIZE_BYTES


async def test_what_cannot_be_read_is_a_problem_before_the_answer_begins(
    aiohttp_server: AiohttpServer,
) -> None:
    async with _asked(aiohttp_server, Endless(fails_at=0), 60.0) as client:
        head = await asyncio.get_running_loop().sock_recv(client, 2**16)
    assert head.startswith(b"HTTP/1.1 500 ")


async def test_an_answer_that_cannot_be_ended_is_cut(aiohttp_server: AiohttpServer) -> None:
    async with _asked(aiohttp_server, Endless(fails_at=PIECE_BYTES), 60.0) as client:
        assert await _rest(client) < SIZE_BYTES
