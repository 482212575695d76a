"""What servers may answer with: no flood of what is no answer, and never much of it in one go.

aiohttp takes any number of interim answers (status 103, say), of chunks and of bytes that frame
them, and parses whatever has come before anybody else has a turn.
"""

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import EMPTY_PAYLOAD

# All that comes before the body, interim answers as well.
MAX_HEAD_BYTES = 64 * 1024

# Chunks may be so small that nearly all of a body is their frames; not many of them. As much may
# have come in one go that is not parsed yet.
SPARE_FRAME_BYTES = 256 * 1024

# Is parsed at a time; after it the limits are looked at.
_PIECE_BYTES = 16 * 1024


class BoundedConnector(aiohttp.TCPConnector):
    """A connector of which every connection is bounded."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - aiohttp's
        super().__init__(**options)
        # aiohttp offers no other way; tests/unit/test_outbound_answers.py keeps an eye on it.
        self._factory: Any = partial(BoundedConnection, loop=self._loop)


class BoundedConnection(ResponseHandler):
    """A connection to a server, which carries one answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._head_bytes = 0
        self._body_bytes = 0  # with what frames its chunks

    def data_received(self, data: bytes) -> None:
        """Have aiohttp parse what came, unless it is too much of what is no photograph."""
        if not data:  # A nudge of aiohttp's own, to go on with what it has.
            super().data_received(data)
        for start in range(0, len(data), _PIECE_BYTES):
            if self.transport is None or self.exception() is not None:
                return
            piece = data[start : start + _PIECE_BYTES]
            super().data_received(piece)
            self._count(len(piece))

    def _count(self, size_bytes: int) -> None:
        body = self._payload
        if body is None or body is EMPTY_PAYLOAD:
            self._head_bytes += size_bytes
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse("too much before the answer")
            return
        self._body_bytes += size_bytes
        if self._body_bytes > 2 * body.total_bytes + SPARE_FRAME_BYTES:
            self._refuse("its chunks are too small")

    def _refuse(self, why: str) -> None:
        """Tell whoever waits for the answer, or reads it, and hang up."""
        error = aiohttp.ClientPayloadError(why)
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
        if self.transport is not None:
            self.transport.abort()
