"""Clients that write what they like, byte by byte, and read as little."""

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

import pytest

from pixelpipe.errors import TYPE_PREFIX

PATIENCE_S = 20.0


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: 0 if nothing came.
        slug: Of the problem; None if the body is no problem document.
        headers: By their names in lower case.
        body: As far as it came.
        closed: Whether the server closed the connection.
    """

    status: int
    slug: str | None
    headers: dict[str, str]
    body: bytes
    closed: bool


class Raw:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Write, for as long as the server listens."""
        try:
            for piece in pieces:
                self.writer.write(piece)
                await self.writer.drain()
        except ConnectionError:
            pass  # it has said what it had to say

    async def answer(self, *, to_the_end: bool = True) -> Answer:
        """The next answer, whose body has a known length.

        Args:
            to_the_end: Whether to wait until the connection is closed, if it is to be.
        """
        async with asyncio.timeout(PATIENCE_S):
            try:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            except (asyncio.IncompleteReadError, ConnectionError):
                return Answer(0, None, {}, b"", closed=True)
            first, *lines = head.split("\r\n")
            headers = _headers(lines)
            body = await self._body(headers)
            ending = to_the_end and headers.get("connection") == "close"
            closed = ending and await self.at_end()
        return Answer(int(first.split()[1]), _slug(headers, body), headers, body, closed)

    async def at_end(self) -> bool:
        """Whether nothing more comes but the end; waits for it."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return not await self.reader.read(1)
            except ConnectionError:
                return True

    async def _body(self, headers: dict[str, str]) -> bytes:
        try:
            return await self.reader.readexactly(int(headers.get("content-length", 0)))
        except asyncio.IncompleteReadError as error:
            return error.partial
        except ConnectionError:
            return b""


def _headers(lines: Iterable[str]) -> dict[str, str]:
    parts = (line.partition(":") for line in lines)
    return {name.lower(): value.strip() for name, _, value in parts}


def _slug(headers: dict[str, str], body: bytes) -> str | None:
    if not headers.get("content-type", "").startswith("application/problem+json"):
        return None
    problem: dict[str, Any] = json.loads(body)
    return str(problem["type"]).removeprefix(TYPE_PREFIX)


@asynccontextmanager
async def raw(port: int, *, receive_bytes: int | None = None) -> AsyncIterator[Raw]:
    """A connection to a server on this machine.

    Args:
        port: Where it listens.
        receive_bytes: What the kernel may receive before somebody reads it.
    """
    connection = socket.socket()
    connection.setblocking(False)
    if receive_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    limit = receive_bytes or 2**16
    reader, writer = await asyncio.open_connection(sock=connection, limit=limit)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


async def told(port: int, *pieces: bytes, to_the_end: bool = True) -> Answer:
    """What a fresh connection is answered to these bytes, perhaps long before they are sent."""
    async with raw(port) as client:
        sending = asyncio.create_task(client.send(*pieces))
        try:
            return await client.answer(to_the_end=to_the_end)
        finally:
            sending.cancel()


def head(first: str, *fields: str, host: str = "localhost") -> bytes:
    """The head of a request of HTTP/1.1."""
    return "\r\n".join([f"{first} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode()


class Crowd:
    """Many connections at once; without asyncio, to which a thousand of them are work."""

    def __init__(self, port: int, count: int, request: bytes = b"") -> None:
        self.clients: list[socket.socket] = []
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            self.clients.append(client)
            if request:
                client.send(request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()


def ask(clients: Iterable[socket.socket], request: bytes) -> None:
    """Send it on all of them."""
    for client in clients:
        client.send(request)


def read_answers(clients: Iterable[socket.socket]) -> list[Answer]:
    """The next answer on each."""
    return [_read_answer(client) for client in clients]


def _read_answer(client: socket.socket) -> Answer:
    head, _, body = _receive(client, b"").partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = _headers(lines)
    while len(body) < int(headers.get("content-length", 0)):
        body = _receive(client, body)
    return Answer(int(first.split()[1]), _slug(headers, body), headers, body, closed=False)


def _receive(client: socket.socket, before: bytes) -> bytes:
    piece = client.recv(65536)
    assert piece, before
    return before + piece


def need_descriptors(count: int) -> None:
    """Let this process open so many files more, or skip the test where it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 1000:
        pytest.skip(f"this needs {count} descriptors, and the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 1000), hard))
