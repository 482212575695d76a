"""Clients that do not read what they are sent."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

# tcpi_bytes_acked in struct tcp_info (linux/tcp.h), since Linux 4.1.
_ACKNOWLEDGED = struct.Struct("=Q")
_ACKNOWLEDGED_AT = 120

# struct linger (socket(7)): on closing wait for nothing.
_DROP = struct.pack("ii", 1, 0)

_LOOKS = 4


class SlowReader:
    """Watches for as long as there is something to be sent whether the client takes any of it.

    It asks the kernel what the other end has acknowledged: more than it has room for it does not,
    and `sendfile` passes no buffer of ours by which to tell.

    Args:
        transport: Of the connection.
        limit_s: Seconds of nothing after which `on_silence` is called, give or take a quarter.
        on_silence: What to do then.
    """

    def __init__(
        self, transport: asyncio.Transport, limit_s: float, on_silence: Callable[[], object]
    ) -> None:
        self._transport = transport
        self._every_s = limit_s / _LOOKS
        self._on_silence = on_silence
        self._loop = asyncio.get_running_loop()
        self._quiet = 0
        self._taken = _taken(transport)
        self._next = self._loop.call_later(self._every_s, self._look)

    def stop(self) -> None:
        """All is sent."""
        self._next.cancel()

    def _look(self) -> None:
        taken = _taken(self._transport)
        self._quiet = 0 if taken != self._taken else self._quiet + 1
        self._taken = taken
        if self._quiet >= _LOOKS:
            self._on_silence()
        else:
            self._next = self._loop.call_later(self._every_s, self._look)


@asynccontextmanager
async def while_it_reads(transport: asyncio.Transport, limit_s: float) -> AsyncIterator[None]:
    """Cut the connection, and with it the block, once the client takes nothing for so long.

    The block is ended first: a socket must not be closed under a `sendfile` that waits for it, for
    the next connection may get its number.

    Raises:
        ConnectionResetError: That came about.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:
            watch = SlowReader(transport, limit_s, lambda: limit.reschedule(loop.time()))
            try:
                yield
            finally:
                watch.stop()
    except TimeoutError:
        cut(transport)
        raise ConnectionResetError("the client reads nothing") from None


def cut(transport: asyncio.Transport) -> None:
    """Close the connection, and have the kernel drop what it still holds for the client."""
    connection = transport.get_extra_info("socket")
    with suppress(OSError):  # closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
    transport.abort()


def _taken(transport: asyncio.Transport) -> int:
    """Bytes that the other end has acknowledged; of no use but to be compared."""
    connection = transport.get_extra_info("socket")
    try:
        info = connection.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED_AT + _ACKNOWLEDGED.size
        )
    except OSError:  # closed
        return 0
    (acknowledged,) = _ACKNOWLEDGED.unpack_from(info, _ACKNOWLEDGED_AT)
    return int(acknowledged)
