"""The wire format of events, the feed that a stream reads from, and clients that do not read."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from pixelpipe.jobs.model import Event, EventType
from pixelpipe.server.sse import PIECE_BYTES, Feed, Streams, opening, pieces

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
    """Batches that are given out when `more` is set; knows whether it was closed."""

    def __init__(self, *batches: Sequence[Event]) -> None:
        self.more = asyncio.Event()
        self.closed = False
        self._batches = batches

    async def batches(self) -> AsyncIterator[Sequence[Event]]:
        try:
            for batch in self._batches:
                yield batch
            await self.more.wait()
            yield [SECOND]
        finally:
            self.closed = True


async def test_a_quiet_spell_loses_nothing() -> None:
    source = Source([FIRST])
    async with aclosing(Feed(source.batches())) as feed:
        assert await feed.next() == [FIRST]
        assert await feed.next(quiet_s=0.01) is None
        assert await feed.next(quiet_s=0.01) is None
        source.more.set()
        assert await feed.next() == [SECOND]
        assert await feed.next() == ()


async def test_exhausted_takes_nothing() -> None:
    source = Source([FIRST])
    source.more.set()
    async with aclosing(Feed(source.batches())) as feed:
        assert not await feed.exhausted()
        assert await feed.next() == [FIRST]
        assert await feed.next() == [SECOND]
        assert await feed.exhausted()


async def test_stop_ends_a_waiting_feed() -> None:
    source = Source()
    async with aclosing(Feed(source.batches())) as feed:
        waiting = asyncio.create_task(feed.next())
        await asyncio.sleep(0)
        feed.stop()
        assert await waiting == ()
    assert source.closed


async def test_closing_ends_the_iterator_underneath() -> None:
    source = Source([FIRST])
    feed = Feed(source.batches())
    assert await feed.next() == [FIRST]
    await feed.aclose()
    assert source.closed


SMALL_BUFFER_BYTES = 32 * 1024


@asynccontextmanager
async def _silent_client(port: int) -> AsyncIterator[socket.socket]:
    """Asks for the stream, and has read nothing so far."""
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
        async with aclosing(Feed(source.batches())) as feed:
            return await Streams(9).send(request, feed, 0, 10)

    server = await aiohttp_server(_app(stream))
    assert server.port
    async with _silent_client(server.port) as client:
        await _until(lambda: bool(transports) and transports[0].get_write_buffer_size() > 0)
        for _ in range(100):
            await asyncio.sleep(0)
            assert transports[0].get_write_buffer_size() < 4 * PIECE_BYTES
        _, _, body = (await _all_that_comes(client)).partition(b"\r\n\r\n")
    assert body == opening(0) + b"".join(pieces([*events, SECOND]))


def _app(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_get("/", handler)
    return app
