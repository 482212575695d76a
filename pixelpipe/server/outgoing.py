"""Pictures that are answered from memory: how many bytes of them wait for clients to read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web

from pixelpipe.config import MIB
from pixelpipe.errors import MemoryFullError

ALL_BYTES = 512 * MIB
CLIENT_BYTES = 128 * MIB

# What is written in one go is copied for a client that is slow to read.
_PIECE_BYTES = 64 * 1024


class Outgoing:
    """Counts the bytes of pictures that are being sent, by client.

    Each of many connections may read just fast enough not to be cut off, and a picture can be a
    thousand times longer than the request for it.

    Args:
        all_bytes: Most of all clients together.
        client_bytes: Most of one client.
    """

    def __init__(self, all_bytes: int = ALL_BYTES, client_bytes: int = CLIENT_BYTES) -> None:
        self._all_bytes = all_bytes
        self._client_bytes = client_bytes
        self._by_client: Counter[str] = Counter()

    @contextmanager
    def room(self, client: str, size_bytes: int) -> Iterator[None]:
        """Room for one more picture; there is some for a single one of any size.

        Raises:
            MemoryFullError: There is none.
        """
        mine, others = self._by_client[client], self._by_client.total()
        if (mine and mine + size_bytes > self._client_bytes) or (
            others and others + size_bytes > self._all_bytes
        ):
            raise MemoryFullError("Pictures that are still being read leave no room for another.")
        self._by_client[client] += size_bytes
        try:
            yield
        finally:
            self._by_client[client] -= size_bytes
            if not self._by_client[client]:
                del self._by_client[client]


async def send_bytes(
    request: web.Request, content: bytes, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer with `content`, of which no more is copied than the client is about to read."""
    if len(content) <= _PIECE_BYTES:
        return web.Response(body=content, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = len(content)
    await response.prepare(request)
    whole = memoryview(content)
    for start in range(0, len(content), _PIECE_BYTES):
        await response.write(whole[start : start + _PIECE_BYTES])
    await response.write_eof()
    return response
