"""Connections: how many, for how long, and what may come over them before there is a request.

aiohttp bounds none of that, and answers what it cannot parse as plain text. Its connections are
changed by inheritance, at a few places that tests/unit/test_server_connections.py keeps an eye on.
"""

import asyncio
import socket
from typing import Any, cast

import structlog
from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from pixelpipe.errors import (
    InternalError,
    PixelPipeError,
    RequestTimeoutError,
    TooManyConnectionsError,
)
from pixelpipe.server.access import new_request_id
from pixelpipe.server.headers import protect
from pixelpipe.server.problems import error_response, http_problem
from pixelpipe.server.wire.bounds import Bounds
from pixelpipe.server.wire.crowd import Crowd
from pixelpipe.server.wire.farewell import Farewells, last_answer
from pixelpipe.server.wire.framing import (
    MAX_HEAD_BYTES,
    broken,
    doubt,
    head_too_large,
)
from pixelpipe.server.wire.slow_readers import SlowReader, cut

# What the kernel may hold of an answer beyond what is under way.
UNSENT_BYTES = 256 * 1024

# What a client may send before it has the answers to what it sent before (pipelining).
AHEAD_BYTES = 1024 * 1024

# Chunks of a chunked body may be so small that nearly all of it is their frames; not many of them.
SPARE_FRAME_BYTES = 256 * 1024

_log = structlog.get_logger(__name__)


class _Messages(list[tuple[RawRequestMessage | _ErrInfo, StreamReader]]):
    """What aiohttp has parsed and not dealt with yet; never more than 32.

    Its own deque takes 700 bytes even while it is empty, as it nearly always is.
    """

    __slots__ = ()

    def popleft(self) -> tuple[RawRequestMessage | _ErrInfo, StreamReader]:
        """Take the first."""
        return self.pop(0)


class BoundedServer(web.Server):
    """Makes the connections, and knows all of them."""

    def __init__(self, plain: web.Server, bounds: Bounds) -> None:
        super().__init__(
            plain.request_handler,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            loop=plain._loop,  # noqa: SLF001 - of the same class
            **plain._kwargs,  # noqa: SLF001 - as above
        )
        self.bounds = bounds
        self.crowd = Crowd(bounds.client_connections, bounds.connections)
        self.farewells = Farewells()

    def __call__(self) -> web.RequestHandler:
        """A connection that is about to be made."""
        return Connection(self, loop=self._loop, **self._kwargs)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's
        """Close all connections."""
        await super().shutdown(timeout)
        self.farewells.end()


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = (
        "_body",
        "_bounds",
        "_client",
        "_crowd",
        "_farewells",
        "_frame_bytes",
        "_head_bytes",
        "_head_due",
        "_over",
        "_slow_reader",
        "_unasked_bytes",
    )

    def __init__(self, server: BoundedServer, **options: Any) -> None:  # noqa: ANN401 - aiohttp's
        super().__init__(server, **options)
        self._messages: _Messages = _Messages()  # type: ignore[assignment]
        self._bounds = server.bounds
        self._crowd: Crowd | None = server.crowd
        self._farewells = server.farewells
        self._client: str | None = None
        self._body: StreamReader = EMPTY_PAYLOAD  # of the newest request
        self._head_due: asyncio.TimerHandle | None = None
        self._head_bytes = 0  # of a head that is not whole yet
        self._frame_bytes = 0  # of a body, with what frames its chunks, beyond the first piece
        self._unasked_bytes = 0
        self._over = False  # nothing more is read
        self._slow_reader: SlowReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or refuse the connection if there are too many."""
        stream = cast("asyncio.Transport", transport)
        assert self._crowd is not None
        self._client = self._bounds.client(_address(stream))
        if not self._crowd.enter(self._client):
            self._crowd = None
            self._farewells.say(stream, last_answer(_too_many(self._bounds), new_request_id()))
            return
        _keep_little(stream)
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room for others."""
        self._head_is_there()
        self._all_is_sent()
        if self._crowd is not None:
            self._crowd.leave(self._client)
            self._crowd = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Have aiohttp parse what came, and look at what that gave."""
        if self._over:
            self._throw_away(len(data), self._bounds.late_bytes)
            return
        waits, before = self._waits, self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._head_is_there()
            self._look_at(self._request_count - before, alone=waits)
        elif waits:
            self._head_goes_on(len(data))
        else:
            self._goes_on(len(data))

    def pause_writing(self) -> None:
        """Wait, but not for ever, until the client has read what the kernel holds for it."""
        super().pause_writing()
        assert self._slow_reader is None
        transport = self.transport
        if transport is not None:
            self._slow_reader = SlowReader(
                transport, self._bounds.write_timeout_s, lambda: cut(transport)
            )

    def resume_writing(self) -> None:
        """The kernel has taken all that was written."""
        self._all_is_sent()
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what never came to be a request, or to a failure outside of the handlers.

        Raises:
            ConnectionError: There is half an answer out already.
        """
        del status, message
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer is out")
        response = error_response(_told(exc))
        protect(response.headers, response.status)
        response.force_close()
        response.headers["Connection"] = "close"
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """As aiohttp does; what it raised itself leaves as a problem document."""
        if isinstance(resp, web.HTTPException) and not resp.prepared:
            resp = http_problem(request, resp)
        answered, reset = await super().finish_response(request, resp, start_time)
        if self._over and not self._messages and not reset:
            self._leave()
            reset = True
        return answered, reset

    def force_close(self) -> None:
        """As aiohttp does, which comes here when it goes on to read a body that is broken."""
        if self._over:
            self._leave()
        super().force_close()

    def _leave(self) -> None:
        """The last answer is out, and more comes than is read: take it away for a moment."""
        transport = self.transport
        # One that the client has ended tells nobody of its end any more.
        if transport is not None and not transport.is_closing():
            self.transport = None  # else aiohttp would close it
            self._loop.call_soon(self.connection_lost, None)
            self._farewells.say(transport, b"")

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - aiohttp's
        """Log a defect; what clients send wrong is none."""
        if not isinstance(kw.get("exc_info"), HttpProcessingError | web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def _process_keepalive(self) -> None:
        if self._head_due is None:
            super()._process_keepalive()
        else:
            self._keepalive_handle = None  # the head has its own time

    @property
    def _waits(self) -> bool:
        """Whether the next that comes is of a head."""
        return self._waiter is not None and not self._waiter.done() and not self._messages

    def _watch_head(self) -> None:
        timeout_s = self._bounds.header_timeout_s
        self._head_due = self._loop.call_later(timeout_s, self._head_is_late)

    def _head_is_there(self) -> None:
        self._head_bytes = self._frame_bytes = self._unasked_bytes = 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _head_is_late(self) -> None:
        self._head_due = None
        if self._waits:
            limit_s = self._bounds.header_timeout_s
            self._part(RequestTimeoutError(f"The headers took longer than {limit_s:g} seconds."))

    def _head_goes_on(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            self._part(head_too_large())
        elif size_bytes and self._head_due is None:
            self._watch_head()

    def _look_at(self, count: int, *, alone: bool) -> None:
        """Refuse the first of the `count` newest messages that is wrong, and all behind it."""
        first = len(self._messages) - count
        for place in range(first, len(self._messages)):
            message, body = self._messages[place]
            error = _told(message.exc) if isinstance(message, _ErrInfo) else doubt(message)
            if error is not None:
                self._refuse(place, error, alone=alone)
                return
            self._body = body

    def _refuse(self, place: int, error: PixelPipeError, *, alone: bool) -> None:
        if alone and place == 0:
            self._part(error)
            return
        # It has to wait for the answers before it.
        self._over = True
        while len(self._messages) > place:
            self._messages.pop()
        self._messages.append((_ErrInfo(error.status, error, error.detail), EMPTY_PAYLOAD))
        self._end_body("the body is broken")

    def _end_body(self, why: str) -> None:
        """Whoever reads the body that is coming, or is about to, is told that no more will."""
        if not self._body.is_eof():
            error = web.RequestPayloadError(why)
            self._body.set_exception(error)
            # Who was woken just now, by the end of a chunk, finds nothing there and waits again,
            # and aiohttp does not look then: he is told once he does.
            self._loop.call_soon(self._body.set_exception, error)

    def _goes_on(self, size_bytes: int) -> None:
        """Bound what comes while a request is dealt with: its body, or what nobody asked for."""
        answered = self._current_request is None
        if not answered and not self._body.is_eof():
            self._frame_bytes += size_bytes
            if self._frame_bytes > 2 * self._body.total_bytes + SPARE_FRAME_BYTES:
                self._over = True
                self._end_body("its chunks are too small")
            return
        self._throw_away(size_bytes, self._bounds.late_bytes if answered else AHEAD_BYTES)

    def _throw_away(self, size_bytes: int, limit_bytes: int) -> None:
        self._unasked_bytes += size_bytes
        if self._unasked_bytes > limit_bytes and self.transport is not None:
            self.transport.abort()

    def _part(self, error: PixelPipeError) -> None:
        """Send `error` as the last answer, and be done with the connection."""
        transport = self.transport
        if transport is None:
            return
        request_id = new_request_id()
        _log.info(
            "connection refused", status=error.status, detail=error.detail, request_id=request_id
        )
        self._over = True
        self.transport = None  # else aiohttp would close it
        self.connection_lost(None)
        self._farewells.say(transport, last_answer(error, request_id))

    def _all_is_sent(self) -> None:
        if self._slow_reader is not None:
            self._slow_reader.stop()
            self._slow_reader = None


def _keep_little(transport: asyncio.Transport) -> None:
    """Have no more ready for the client than UNSENT_BYTES: the rest waits, and is watched.

    Otherwise the kernel takes up to 4 MB for a client that reads nothing, and all seems to be sent.
    """
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _address(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""


def _too_many(bounds: Bounds) -> TooManyConnectionsError:
    return TooManyConnectionsError(
        f"A client may have {bounds.client_connections} connections open, and all clients together "
        f"{bounds.connections}; close some, or try again later."
    )


def _told(error: BaseException | None) -> PixelPipeError:
    """What the client is told of a failure outside of the handlers."""
    if isinstance(error, PixelPipeError):
        return error
    if isinstance(error, HttpProcessingError):
        return broken(error)
    _log.error("request failed outside of its handler", exc_info=error)
    return InternalError("PixelPipe failed; its log has the story.")
