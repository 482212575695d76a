"""The wire format of events, the feed that a stream reads from, and clients that do not read."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from pixelpipe.jobs.model import Event, EventType
from pixelpipe.server.sse import PIECE_BYTES, Streams, opening, pieces

FIRST = Event(7, EventType.JOB_ACCEPTED, "j", 1, b'{"id":"j"}')
SECOND = Event(9, EventType.JOB_COMPLETED, "j", 2, b"{}")


def _sized(event_id: int, size_bytes: int) -> Event:
    return Event(event_id, EventType.JOB_STARTED, "j", event_id, b"x" * size_bytes)


def _frame(event: Event) -> bytes:
    return b"id: %d\nevent: job.started\ndata: %s\n\n" % (event.id, event.data)


def test_frames() -> None:
    assert list(pieces([FIRST, SECOND])) == [
        b'id: 7\nevent: job.accepted\ndata: {"id":"j"}\n\nid: 9\nevent: job.completed\ndata: {}\n\n'
    ]


@pytest.mark.parametrize(
    "sizes_bytes",
    [
        [],
        [PIECE_BYTES - len(_frame(_sized(1, 0)))],
        [PIECE_BYTES],
        [1] * 5000,
        [1, 10 * PIECE_BYTES, 1],
        [40_000] * 10,
    ],
)
def test_pieces_are_the_frames_and_none_is_large(sizes_bytes: list[int]) -> None:
    events = [_sized(number, size) for number, size in enumerate(sizes_bytes, 1)]
    cut = list(pieces(events))
    assert b"".join(cut) == b"".join(map(_frame, events))
    assert {len(piece) for piece in cut[:-1]} <= {PIECE_BYTES}
    assert all(0 < len(piece) <= PIECE_BYTES for piece in cut)


def test_opening_gives_the_position_and_no_event() -> None:
    assert opening(41) == b"retry: 1000\nid: 41\n\n"


class Source:
    """Batches that are there, and one more when `more` is set."""

    def __init__(self, *batches: Sequence[Event]) -> None:
        self.more = asyncio.Event()
        self._batches = batches

    async def batches(self) -> AsyncGenerator[Sequence[Event], None]:
        for batch in self._batches:
            yield batch
        await self.more.wait()
        yield [SECOND]


SMALL_BUFFER_BYTES = 32 * 1024


@asynccontextmanager
async def _silent_client(port: int | None) -> AsyncIterator[socket.socket]:
    """Asks for the stream, and has read nothing so far."""
    assert port
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET / HTTP/1.0\r\n\r\n")
        yield client


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - states of a connection have no event
            await asyncio.sleep(0.005)


async def _until_there(client: socket.socket, mark: bytes) -> bytes:
    """What comes until there is `mark` in it."""
    loop = asyncio.get_running_loop()
    received = bytearray()
    async with asyncio.timeout(10):
        while mark not in received:
            part = await loop.sock_recv(client, 1024)
            assert part, "the stream ended before"
            received += part
    return bytes(received)


async def _all_that_comes(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    received = bytearray()
    async with asyncio.timeout(10):
        while part := await loop.sock_recv(client, 1 << 20):
            received += part
    return bytes(received)


async def test_a_client_that_does_not_read_is_not_written_to(
    aiohttp_server: AiohttpServer,
) -> None:
    """What it has not taken stays where it is kept once for all, but for a little."""
    events = [_sized(number, 44_000) for number in range(1, 201)]
    source = Source(events)
    source.more.set()
    transports: list[asyncio.Transport] = []

    async def stream(request: web.Request) -> web.StreamResponse:
        assert request.transport
        transports.append(request.transport)
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
        async with aclosing(source.batches()) as batches:
            return await Streams(9, 10).send(request, batches, 0)

    server = await aiohttp_server(_app(stream))
    async with _silent_client(server.port) as client:
        await _until(lambda: bool(transports) and transports[0].get_write_buffer_size() > 0)
        for _ in range(100):
            await asyncio.sleep(0)
            assert transports[0].get_write_buffer_size() < 4 * PIECE_BYTES
        _, _, body = (await _all_that_comes(client)).partition(b"\r\n\r\n")
    assert body == opening(0) + b"".join(pieces([*events, SECOND]))


async def test_a_stream_that_waits_is_ended_at_once_and_told_when_to_come_back(
    aiohttp_server: AiohttpServer,
) -> None:
    streams, source = Streams(9, 10), Source([FIRST])
    server = await aiohttp_server(_app(_sends(streams, source)))
    async with _silent_client(server.port) as client:
        received = await _until_there(client, _frames([FIRST]))
        await streams.stop()
        await streams.stop()  # as when the application shuts down after it was told to
        received += await _all_that_comes(client)
    assert received.endswith(opening(0) + _frames([FIRST]) + b"retry: 3000\n\n")


async def test_what_comes_in_the_moment_of_the_end_is_left_to_the_next_visit(
    aiohttp_server: AiohttpServer,
) -> None:
    """It may be large: the end would come amid an event."""
    streams, source = Streams(9, 10), Source([FIRST])
    server = await aiohttp_server(_app(_sends(streams, source)))
    async with _silent_client(server.port) as client:
        received = await _until_there(client, _frames([FIRST]))
        source.more.set()
        await streams.stop()
        received += await _all_that_comes(client)
    assert received.endswith(_frames([FIRST]) + b"retry: 3000\n\n")


async def test_an_event_that_is_under_way_is_finished_before_the_end(
    aiohttp_server: AiohttpServer,
) -> None:
    large = _sized(1, 100 * PIECE_BYTES)
    streams, source = Streams(9, 10), Source([large])
    server = await aiohttp_server(_app(_sends(streams, source)))
    async with _silent_client(server.port) as client:
        received = await _until_there(client, b"data: x")
        await streams.stop()
        received += await _all_that_comes(client)
    assert received.endswith(opening(0) + _frame(large) + b"retry: 3000\n\n")


async def test_a_stream_that_begins_after_the_end_has_one_too(
    aiohttp_server: AiohttpServer,
) -> None:
    streams = Streams(9, 10)
    await streams.stop()
    server = await aiohttp_server(_app(_sends(streams, Source())))
    async with _silent_client(server.port) as client:
        received = await _all_that_comes(client)
    assert received.endswith(opening(0) + b"retry: 3000\n\n")


def _app(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_get("/", handler)
    return app


def _sends(
    streams: Streams, source: Source
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def stream(request: web.Request) -> web.StreamResponse:
        async with aclosing(source.batches()) as batches:
            return await streams.send(request, batches, 0)

    return stream


def _frames(events: Sequence[Event]) -> bytes:
    return b"".join(pieces(events))
