"""Comments on quiet streams, which keep proxies and clients from giving them up."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import takewhile

import structlog
from aiohttp import web
from aiohttp.http import StreamWriter

_COMMENT = b": still here\n\n"
# A comment comes later than it is due by so much of the time between two, at most: those that are
# due at nearly the same time wake the loop once.
_GRAIN = 1 / 256
# Then the loop has other things to do, for a moment.
_AT_ONCE = 64
_log = structlog.get_logger(__name__)


class Wire:
    """What goes out on one stream: events from whoever has them, comments in between.

    Args:
        request: Of the stream.
        writer: Of its answer, which is under way.
    """

    __slots__ = ("_request", "_writer")

    def __init__(self, request: web.BaseRequest, writer: StreamWriter) -> None:
        self._request = request
        self._writer = writer

    async def write_all(self, pieces: Iterable[bytes]) -> None:
        """Send these; between two of them wait while the client does not keep up.

        Raises:
            ConnectionResetError: The client has gone.
        """
        for piece in pieces:
            await self._writer.write(piece)

    async def beat(self) -> None:
        """Send a comment, unless there is something that the client has not taken; never waits."""
        if not self._request.protocol.writing_paused:
            with suppress(ConnectionResetError):  # its own handler learns of that
                await self._writer.write(_COMMENT, drain=False)


class Heartbeats:
    """The streams that are quiet.

    One task serves all of them: timers of their own would be set anew with every event.

    Args:
        every_s: Seconds of quiet after which a stream is sent a comment.
        clock: Gives the time, in seconds.
    """

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        # The longest quiet first: whoever comes in is the last.
        self._quiet_since_s: dict[Wire, float] = {}

    def begin(self, wire: Wire) -> None:
        """From now on nobody else writes to it, until `end`."""
        self._quiet_since_s[wire] = self._clock()

    def end(self, wire: Wire) -> None:
        """It is no longer quiet, if it was; else a comment could come amid an event."""
        self._quiet_since_s.pop(wire, None)

    async def beat(self) -> None:
        """Send comments as they become due, until cancelled."""
        delay_s = 0.0
        while True:
            await asyncio.sleep(delay_s)
            try:
                delay_s = await self.beat_due()
            except Exception:  # noqa: BLE001 - the other streams need theirs
                _log.exception("a stream could not be sent a comment")
                delay_s = self._every_s * _GRAIN

    async def beat_due(self) -> float:
        """Send those that are due; the seconds until it is worth to look again."""
        now_s = self._clock()
        for number, wire in enumerate(self._due(now_s), 1):
            if wire in self._quiet_since_s:  # others had their turn
                self.end(wire)
                self.begin(wire)
                await wire.beat()
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        since_s = next(iter(self._quiet_since_s.values()), now_s)
        return max(0.0, since_s + self._every_s - self._clock()) + self._every_s * _GRAIN

    def _due(self, now_s: float) -> list[Wire]:
        still = takewhile(
            lambda each: each[1] + self._every_s <= now_s, self._quiet_since_s.items()
        )
        return [wire for wire, _ in still]
