"""Server-sent events: the wire format, and one client's stream of them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from aiohttp import web
from aiohttp.http import StreamWriter

from pixelpipe.errors import TooManyStreamsError
from pixelpipe.jobs.model import Event
from pixelpipe.server.heartbeats import Heartbeats, Wire
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


class Streams:
    """The open streams, so that shutting down can end them, and nobody have too many.

    Args:
        each: Most that one client may have.
        heartbeat_s: Seconds of quiet after which a stream is sent a comment, while `beating`.
    """

    def __init__(self, each: int, heartbeat_s: float) -> None:
        self._ends: set[asyncio.Timeout] = set()
        self._stopped = False
        self._each = each
        self._crowd = Crowd(each)
        self._heartbeats = Heartbeats(heartbeat_s)

    async def beating(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep quiet streams alive; a cleanup context of the application."""
        beating = asyncio.create_task(self._heartbeats.beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})

    def enter(self, client: str) -> None:
        """Take the place of one more stream of this client, until `leave`.

        Raises:
            TooManyStreamsError: There is none.
        """
        if not self._crowd.enter(client):
            raise TooManyStreamsError(
                f"A client may have {self._each} event streams open; one stream carries the events "
                "of many jobs."
            )

    def leave(self, client: str) -> None:
        """A stream that had a place has ended."""
        self._crowd.leave(client)

    async def send(
        self,
        request: web.Request,
        batches: AsyncIterator[Sequence[Event]],
        position: int,
        first: Sequence[Event] = (),
    ) -> web.StreamResponse:
        """Write `batches` to the client until they end, the client goes or the server stops.

        Args:
            request: Whom to answer.
            batches: What to send.
            position: The id after which they start.
            first: What was taken from them already.
        """
        response = web.StreamResponse(headers=_HEADERS)
        writer = await response.prepare(request)
        assert isinstance(writer, StreamWriter), "it is the first answer"
        response.headers.clear()  # they are on their way, and a tenth of what a stream takes
        wire, end = Wire(request, writer), asyncio.timeout(None)
        try:
            await wire.write_all((opening(position), *pieces(first)))
            try:
                async with end:
                    self._rest(wire, end)
                    async for batch in batches:
                        self._rouse(wire, end)
                        if not self._stopped:  # else the end may be due, and come amid an event
                            await wire.write_all(pieces(batch))
                        self._rest(wire, end)
            except TimeoutError:
                if not self._stopped:
                    raise
            if self._stopped:
                await wire.write_all((b"retry: %d\n\n" % _RESTART_MS,))
        except ConnectionResetError:
            pass  # the client left between two events; its next visit says how far it came
        finally:
            self._rouse(wire, end)
        return response

    def _rest(self, wire: Wire, end: asyncio.Timeout) -> None:
        """All that there was is sent: comments may come, and the end."""
        if self._stopped:
            end.reschedule(asyncio.get_running_loop().time())
        else:
            self._ends.add(end)
            self._heartbeats.begin(wire)

    def _rouse(self, wire: Wire, end: asyncio.Timeout) -> None:
        """Neither may come: something is about to be sent."""
        self._ends.discard(end)
        self._heartbeats.end(wire)

    async def stop(self, _app: web.Application | None = None) -> None:
        """End all streams, without a terminal event; their clients come back for the rest.

        They are told to leave the server a moment.
        """
        self._stopped = True
        now_s = asyncio.get_running_loop().time()
        while self._ends:
            self._ends.pop().reschedule(now_s)
