"""HTTP clients that cost next to nothing: requests made beforehand, answers read no further.

An aiohttp client takes about as much time for an upload as the server does, and on a machine of
two cores it takes it from the server.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

_BROKEN = 0
_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_FIELD = re.compile(rb"\r\n([A-Za-z-]+): ([^\r]*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: Its status; 0 when the connection broke before the answer was whole.
        fields: Its header fields, names in lower case.
        body: Its body.
        seconds: From the request to the last byte of the answer.
    """

    status: int
    fields: dict[str, str]
    body: bytes
    seconds: float

    @property
    def broken(self) -> bool:
        """Whether there was no answer that could be read."""
        return self.status == _BROKEN


class _Connection(asyncio.Protocol):
    """One connection, with one request under way at a time."""

    def __init__(self) -> None:
        self.lost = False
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._waiting: asyncio.Future[tuple[bytes, bytes] | None] | None = None

    async def ask(self, request: Sequence[bytes]) -> tuple[bytes, bytes] | None:
        """Send a request; gives head and body of the answer, None when the connection broke."""
        assert self._transport is not None, "it is connected"
        self._received = b""
        self._waiting = asyncio.get_running_loop().create_future()
        for part in request:
            self._transport.write(part)
        return await self._waiting

    def close(self) -> None:
        """Hang up, whatever is still to be sent."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it is a stream"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end or self._waiting is None or self._waiting.done():
            return
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        if length is not None and len(body) >= int(length[1]):
            self._waiting.set_result((head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.lost = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


async def _answer(connection: _Connection, request: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    try:
        return await connection.ask(request)
    except asyncio.CancelledError:
        connection.close()  # Nobody else knows of it.
        raise


class RawClient:
    """A client at an address of its own, with as many connections as it has requests under way.

    Args:
        port: Of the server, on this machine.
        address: Of the client; all of 127.0.0.0/8 is this machine.
    """

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._idle: list[_Connection] = []

    async def ask(self, request: Sequence[bytes]) -> Answer:
        """Send a request, its head and its body in parts, and read the answer."""
        began = time.perf_counter()
        connection = await self._connection()
        answer = None if connection is None else await _answer(connection, request)
        seconds = time.perf_counter() - began
        if connection is None or answer is None:
            return Answer(_BROKEN, {}, b"", seconds)
        head, body = answer
        fields = {name.decode().lower(): value.decode() for name, value in _FIELD.findall(head)}
        if fields.get("connection") == "close":
            connection.close()
        else:
            self._idle.append(connection)
        status = _STATUS.match(head)
        return Answer(int(status[1]) if status else _BROKEN, fields, body, seconds)

    async def get(self, path: str) -> Answer:
        """Ask for a path."""
        return await self.ask([f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()])

    def close(self) -> None:
        """Hang up."""
        while self._idle:
            self._idle.pop().close()

    async def _connection(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.lost:
                return connection
        with contextlib.suppress(OSError):
            _, made = await asyncio.get_running_loop().create_connection(
                _Connection, "127.0.0.1", self._port, local_addr=(self._address, 0)
            )
            return made
        return None
