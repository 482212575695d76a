"""The last answer on a connection that is not served, or not any longer.

The kernel resets a connection that is closed while bytes lie there unread, and the client may then
lose the answer that was on its way. So what still comes is taken and thrown away for a moment.
"""

import asyncio
from email.utils import formatdate

from pixelpipe.errors import PixelPipeError
from pixelpipe.server.access import REQUEST_ID_FIELD
from pixelpipe.server.headers import protect
from pixelpipe.server.problems import error_response

LINGER_S = 2.0
LINGER_BYTES = 4 * 1024 * 1024

# More are closed without lingering: they need descriptors that nobody counts.
MAX_LINGERING = 256


def last_answer(error: PixelPipeError, request_id: str) -> bytes:
    """`error` as a whole answer, after which the connection ends."""
    answer = error_response(error)
    assert isinstance(answer.body, bytes)
    headers = answer.headers
    headers["Connection"] = "close"
    headers["Content-Length"] = str(len(answer.body))
    headers["Date"] = formatdate(usegmt=True)
    headers[REQUEST_ID_FIELD] = request_id
    protect(headers, answer.status)
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


class Farewells:
    """Connections on which the last answer is out."""

    def __init__(self) -> None:
        self._lingering: set[_Lingering] = set()

    def say(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Send the answer, and close the connection when the client does, or soon.

        Args:
            transport: Of the connection; whose protocol it had has nothing more to do with it.
            answer: Whole, and small enough for the kernel's buffer.
        """
        linger = len(self._lingering) < MAX_LINGERING
        leaving = _Lingering(transport, self._lingering)
        transport.set_protocol(leaving)
        if transport.is_closing():
            return
        transport.write(answer)
        if not (linger and transport.can_write_eof()):
            transport.close()
            return
        try:
            transport.write_eof()
        except OSError:  # the client has reset the connection meanwhile
            transport.abort()
        else:
            transport.resume_reading()

    def end(self) -> None:
        """Close all of them."""
        for leaving in list(self._lingering):
            leaving.end()


class _Lingering(asyncio.Protocol):
    """Reads what comes, to no end."""

    def __init__(self, transport: asyncio.Transport, others: "set[_Lingering]") -> None:
        self._transport = transport
        self._others = others
        self._left_bytes = LINGER_BYTES
        self._end = asyncio.get_running_loop().call_later(LINGER_S, transport.abort)
        others.add(self)

    def data_received(self, data: bytes) -> None:
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            self._transport.abort()

    def connection_lost(self, _exc: BaseException | None) -> None:
        self._end.cancel()
        self._others.discard(self)

    def end(self) -> None:
        """Close it now."""
        self._transport.abort()
