"""Pictures that are made faster than their clients read them."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from pixelpipe.config import MIB
from pixelpipe.server.outgoing import CLIENT_BYTES
from tests.photographs import noise_jpeg
from tests.raw_sockets import Raw, head, raw
from tests.watching import WatchedServer

# Some 16 MB as PNG; so many of them are far more than a client may have waiting.
POST = "POST /api/transform?width=3000&height=3000&enlarge=true&format=png"
CLIENTS = 24


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedServer]:
    data_dir = tmp_path_factory.mktemp("live") / "data"
    server = WatchedServer(data_dir, PIXELPIPE_ARENA_BYTES=str(512 * MIB))
    yield server
    assert server.terminate() == 0


async def test_pictures_that_nobody_reads_take_bounded_memory(server: WatchedServer) -> None:
    photo = noise_jpeg(400)
    request = head(POST, f"Content-Length: {len(photo)}") + photo
    async with AsyncExitStack() as open_ones:
        before = server.memory_bytes()
        clients = [
            await open_ones.enter_async_context(raw(server.port, receive_bytes=4096))
            for _ in range(CLIENTS)
        ]
        statuses = await asyncio.gather(*(asked(client, request) for client in clients))
        assert set(statuses) == {200, 503}
        assert server.memory_bytes() - before < CLIENT_BYTES + 64 * MIB


async def asked(client: Raw, request: bytes) -> int:
    """The status of the answer, whose body is not read."""
    await client.send(request)
    first = await client.reader.readline()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined] # nobody reads
    return int(first.split()[1])
