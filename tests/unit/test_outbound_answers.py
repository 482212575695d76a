"""Servers that answer with floods: each is hung up on, and a large good answer is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import StreamReader
from aiohttp.http import RawResponseMessage
from yarl import URL

from pixelpipe.outbound.answers import MAX_HEAD_BYTES, BoundedConnection
from pixelpipe.outbound.dial import open_session

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = bytes(range(256)) * 16384


@asynccontextmanager
async def _answering(begin: bytes, again: bytes = b"") -> AsyncIterator[str]:
    """The URL of a server that says `begin`, and `again` for as long as it is listened to."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begin)
            while again:
                writer.write(again)
                await writer.drain()
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def _read(url: str) -> bytes:
    """The body; a flood that is not refused ends with a TimeoutError."""
    async with (
        open_session(allow_private=True, total_s=5, read_bytes=65536) as session,
        session.get(url) as answer,
    ):
        pieces = [piece async for piece in answer.content.iter_any()]
        return b"".join(pieces)


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (CHUNKED, b"1\r\na\r\n" * 10_000),
        (CHUNKED + b"1;", b"a" * 65536),
        (CHUNKED + b"1\r\na\r\n0\r\n", b"X: a\r\n" * 10_000),
    ],
)
async def test_a_flood_of_what_is_no_answer_is_hung_up_on(begin: bytes, again: bytes) -> None:
    async with _answering(begin, again) as url:
        with pytest.raises(aiohttp.ClientError):
            await _read(url)


class Counting(BoundedConnection):
    """Counts the answers that were parsed."""

    parsed = 0

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        self.parsed += 1
        super().feed_data(data, size)


async def test_a_flood_that_comes_at_once_is_not_parsed_at_once() -> None:
    """A connection gets to see 256 KiB: thousands of interim answers."""
    loop = asyncio.get_running_loop()
    interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    async with _answering(b"") as url:
        port = URL(url).port or 0
        _, connection = await loop.create_connection(lambda: Counting(loop), "127.0.0.1", port)
        connection.set_response_params()
        connection.data_received(interim * 10_000)
    assert 0 < connection.parsed * len(interim) < 2 * MAX_HEAD_BYTES
    assert isinstance(connection.exception(), aiohttp.ClientPayloadError)
    assert not connection.is_connected()


async def test_interim_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    async with _answering(early * 3 + OK + b"Content-Length: 4\r\n\r\ndone") as url:
        assert await _read(url) == b"done"


@pytest.mark.parametrize("chunk_bytes", [16, 1000, 1_000_000])
async def test_a_long_answer_in_chunks_comes_whole(chunk_bytes: int) -> None:
    pieces = [LONG[start : start + chunk_bytes] for start in range(0, len(LONG), chunk_bytes)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    async with _answering(CHUNKED + framed + b"0\r\n\r\n") as url:
        assert await _read(url) == LONG


async def test_a_long_answer_of_a_stated_length_comes_whole() -> None:
    async with _answering(OK + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG) as url:
        assert await _read(url) == LONG


async def test_an_answer_without_a_length_comes_whole() -> None:
    async with _answering(OK + b"\r\n" + LONG) as url:
        assert await _read(url) == LONG
