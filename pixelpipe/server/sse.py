"""Server-sent events: the wire format, and one client's stream of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from aiohttp import web

from pixelpipe.errors import TooManyStreamsError
from pixelpipe.jobs.model import Event
from pixelpipe.server.wire.crowd import Crowd

RECONNECT_MS = 1000
PIECE_BYTES = 64 * 1024

# For a server that is about to end, and to be started again.
_RESTART_MS = 3000

_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}
_HEARTBEAT = b": still here\n\n"


def pieces(events: Iterable[Event]) -> Iterator[bytes]:
    """The events as they go over the wire; their data are JSON, so of one line each.

    In pieces of at most `PIECE_BYTES`, small events together and large ones in parts: aiohttp hands
    the connection all that one write is given, and looks only then whether the client keeps up.
    """
    piece = bytearray()
    for event in events:
        piece += b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.type.encode(), event.data)
        while len(piece) >= PIECE_BYTES:
            yield bytes(piece[:PIECE_BYTES])
            del piece[:PIECE_BYTES]
    if piece:
        yield bytes(piece)


def opening(position: int) -> bytes:
    """What a stream starts with: how soon to come back after a cut, and from where."""
    return b"retry: %d\nid: %d\n\n" % (RECONNECT_MS, position)


class Feed:
    """Batches of events for one client, with a note when it has been quiet for long.

    The next batch is always being waited for: that wait must outlive each quiet spell, because to
    cancel it would end the iterator underneath.
    """

    def __init__(self, batches: AsyncIterator[Sequence[Event]]) -> None:
        self._batches = batches
        self._pending = asyncio.create_task(self._ask())

    async def _ask(self) -> Sequence[Event]:
        try:
            return await anext(self._batches)
        except StopAsyncIteration:
            return ()

    async def exhausted(self) -> bool:
        """Whether the end comes next; waits until that is known, and takes nothing."""
        await asyncio.wait({self._pending})
        return self._pending.cancelled() or not self._pending.result()

    async def next(self, quiet_s: float | None = None) -> Sequence[Event] | None:
        """The next batch; empty at the end; None when there was none for `quiet_s`."""
        done, _ = await asyncio.wait({self._pending}, timeout=quiet_s)
        if not done:
            return None
        if self._pending.cancelled():
            return ()
        batch = self._pending.result()
        if batch:
            self._pending = asyncio.create_task(self._ask())
        return batch

    def stop(self) -> None:
        """End it; whoever waits for a batch gets the empty one."""
        self._pending.cancel()

    async def aclose(self) -> None:
        """End it, and wait until the iterator underneath has ended."""
        self.stop()
        await asyncio.wait({self._pending})
        if isinstance(self._batches, AsyncGenerator):
            await self._batches.aclose()  # the wait may have been cancelled before it began


class Streams:
    """The open streams, so that shutting down can end them, and nobody have too many.

    Args:
        each: Most that one client may have.
    """

    def __init__(self, each: int) -> None:
        self._feeds: set[Feed] = set()
        self._stopped = False
        self._each = each
        self._crowd = Crowd(each)

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """Room for one more stream of this client.

        Raises:
            TooManyStreamsError: There is none.
        """
        if not self._crowd.enter(client):
            raise TooManyStreamsError(
                f"A client may have {self._each} event streams open; one stream carries the events "
                "of many jobs."
            )
        try:
            yield
        finally:
            self._crowd.leave(client)

    async def send(
        self, request: web.Request, feed: Feed, position: int, heartbeat_s: float
    ) -> web.StreamResponse:
        """Write `feed` to the client until it ends, the client goes or the server stops.

        Args:
            request: Whom to answer.
            feed: What to send.
            position: The id after which `feed` starts.
            heartbeat_s: Seconds of quiet after which a comment is sent.
        """
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        await response.write(opening(position))
        self._feeds.add(feed)
        try:
            while not self._stopped:
                batch = await feed.next(heartbeat_s)
                if batch is not None and not batch:
                    break
                for piece in (_HEARTBEAT,) if batch is None else pieces(batch):
                    await response.write(piece)
            if self._stopped:
                await response.write(b"retry: %d\n\n" % _RESTART_MS)
        except ConnectionResetError:
            pass  # the client left between two events; its next visit says how far it came
        finally:
            self._feeds.discard(feed)
        return response

    async def stop(self, _app: web.Application | None = None) -> None:
        """End all streams, without a terminal event; their clients come back for the rest.

        They are told to leave the server a moment.
        """
        self._stopped = True
        for feed in self._feeds:
            feed.stop()
