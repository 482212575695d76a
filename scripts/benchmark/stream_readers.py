"""Holds event streams open, in a process of its own with nothing else to do.

    stream_readers.py PORT

Its standard input has lines of JSON. The first lists the streams, an address to connect from and a
key each; when all of them are open, it prints their number. For each further line it prints a
`Seen` of what came since the line before; at the end of the input it ends.
"""

import dataclasses
import json
import re
import resource
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

# Requests that are not answered yet: more would wait for the server in any case.
_OPENING = 64
_RECEIVED_BYTES = 1 << 18
_PATIENCE_S = 60.0

# With what a browser's EventSource sends: the server keeps the headers for as long as the stream.
_REQUEST = b"\r\n".join(
    (
        b"GET /api/events HTTP/1.1",
        b"Host: localhost",
        b"Connection: keep-alive",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        b"Accept: text/event-stream",
        b"Accept-Language: en-US,en;q=0.5",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b"Referer: http://localhost/",
        b"Sec-Fetch-Dest: empty",
        b"Sec-Fetch-Mode: cors",
        b"Sec-Fetch-Site: same-origin",
        b"Priority: u=4",
        b"Pragma: no-cache",
        b"Cache-Control: no-cache",
        b"Authorization: Bearer %s",
        b"\r\n",
    )
)

_HTTP = b"HTTP/1.1 "
_OPENED = b"\nretry: "  # behind the headers, and the length of the first chunk
_EVENT = b"\nevent: "
_HEARTBEAT = b"\n: "
_ENDED_AT = re.compile(rb'\nevent: job\.completed\ndata: [^\n]*?"ended_at":"([^"]+)"')


class StreamError(Exception):
    """A stream was refused, or not opened in time; the message has what came instead."""


@dataclass(slots=True)
class Seen:
    """What came over all streams.

    Attributes:
        events: How many events.
        heartbeats: How many comments.
        ended: How many streams the server has ended.
        delays_ms: From the end of each job, as its last event tells it, to its receipt.
    """

    events: int = 0
    heartbeats: int = 0
    ended: int = 0
    delays_ms: list[float] = field(default_factory=list)


class Readers:
    """Streams of one server, read as soon as there is something.

    Args:
        port: Of the server, on this machine.
    """

    def __init__(self, port: int) -> None:
        self.seen = Seen()
        self._port = port
        self._open = 0
        self._rests: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ)

    def open(self, streams: Sequence[tuple[str, str]]) -> int:
        """Open them all, each from an address and with a key; how many are open then.

        Raises:
            StreamError: One cannot be opened.
        """
        for number, (address, key) in enumerate(streams):
            while number - self._open >= _OPENING:
                self._await_some()
            self._ask(address, key)
        while self._open < len(streams):
            self._await_some()
        return self._open

    def read(self) -> None:
        """Read until there is a line on the standard input, or its end."""
        while self._turn(None):
            pass

    def _ask(self, address: str, key: str) -> None:
        stream = socket.create_connection(
            ("127.0.0.1", self._port), _PATIENCE_S, source_address=(address, 0)
        )
        stream.sendall(_REQUEST % key.encode())
        stream.setblocking(False)
        self._rests[stream] = b""
        self._selector.register(stream, selectors.EVENT_READ)

    def _await_some(self) -> None:
        before, deadline = self._open, time.monotonic() + _PATIENCE_S
        while self._open == before:
            self._turn(_PATIENCE_S)
            if time.monotonic() > deadline:
                raise StreamError("no stream was opened for a minute")

    def _turn(self, timeout_s: float | None) -> bool:
        """Read what there is; whether it came from streams alone."""
        alone = True
        for key, _ in self._selector.select(timeout_s):
            if isinstance(key.fileobj, socket.socket):
                self._receive(key.fileobj)
            else:
                alone = False
        return alone

    def _receive(self, stream: socket.socket) -> None:
        data = stream.recv(_RECEIVED_BYTES)
        now_s = time.time()
        if not data:
            self._end(stream)
            return
        if data.startswith(_HTTP) and not data.startswith(_HTTP + b"200"):
            raise StreamError(data.decode(errors="replace"))
        whole, end, rest = (self._rests[stream] + data).rpartition(b"\n\n")
        self._rests[stream] = rest if end else whole + rest
        if end:
            self._note(whole, now_s)

    def _note(self, blocks: bytes, now_s: float) -> None:
        if _OPENED in blocks:
            self._open += 1
        self.seen.events += blocks.count(_EVENT)
        self.seen.heartbeats += blocks.count(_HEARTBEAT)
        for ended_at in _ENDED_AT.findall(blocks):
            ended_s = datetime.fromisoformat(ended_at.decode()).timestamp()
            self.seen.delays_ms.append((now_s - ended_s) * 1000)

    def _end(self, stream: socket.socket) -> None:
        del self._rests[stream]
        self._selector.unregister(stream)
        stream.close()
        self.seen.ended += 1


def main() -> int:
    """Open the streams, and tell what comes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    readers = Readers(int(sys.argv[1]))
    try:
        print(readers.open(json.loads(sys.stdin.readline())), flush=True)
    except (OSError, StreamError) as error:
        print(json.dumps(str(error)), flush=True)
        return 1
    while True:
        readers.read()
        if not sys.stdin.readline():
            return 0
        print(json.dumps(dataclasses.asdict(readers.seen)), flush=True)
        readers.seen = Seen()


if __name__ == "__main__":
    sys.exit(main())
