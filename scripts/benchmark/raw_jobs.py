"""Jobs sent by a client that costs next to nothing, waited for or watched over SSE."""

import asyncio
import json
import re
from http import HTTPStatus
from itertools import count
from typing import Any, Self
from urllib.parse import quote, urlsplit

from benchmark.errors import BenchError
from benchmark.sets import VariantSet
from raw_client import Answer, RawClient

_JPEG_START_BYTES = 2
_WAIT = "Prefer: wait=60\r\n"
_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_STREAM_BYTES = 4 * 2**20
_ENDED = re.compile(rb"event: job\.(completed|partial|failed|cancelled)\n")


class RawUploads:
    """Requests that upload one JPEG, each in bytes of its own.

    They differ in a comment segment (COM, ITU-T T.81 B.2.4.5), so that no cache answers.

    Args:
        image: The JPEG.
        asked: What is wanted of it.
        run: No two runs with one server send the same.
    """

    def __init__(self, image: bytes, asked: VariantSet, run: str) -> None:
        self.specs = asked.specs
        self._path = f"/api/jobs?variants={quote(asked.json)}"
        self._start, self._rest = image[:_JPEG_START_BYTES], image[_JPEG_START_BYTES:]
        self._run = run
        self._numbers = count()

    def parts(self) -> list[bytes]:
        """The next image, in parts."""
        text = f"{self._run} {next(self._numbers):010d}".encode()
        comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
        return [self._start + comment, self._rest]

    def request(self, *, wait: bool) -> list[bytes]:
        """A request with the next image; answered when the job has ended if it is to wait."""
        return self.request_to(self._path, _WAIT if wait else "")

    def request_to(self, path: str, fields: str = "") -> list[bytes]:
        """A request with the next image to a path, with further header fields."""
        parts = self.parts()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            f"{fields}Content-Length: {sum(map(len, parts))}\r\n\r\n"
        )
        return [head.encode() + parts[0], *parts[1:]]


class RawJobs:
    """A client of a server on this machine that sends jobs, each to its end.

    Args:
        url: The server's.
        uploads: What it sends.
    """

    def __init__(self, url: str, uploads: RawUploads) -> None:
        self._port = urlsplit(url).port or 80
        self._uploads = uploads
        self._client = RawClient(self._port, "127.0.0.1")
        self._watchers: list[_Watcher] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.close()
        for watcher in self._watchers:
            watcher.close()

    async def wait(self) -> bytes:
        """Send a job and wait for the answer at its end, which is given.

        Raises:
            BenchError: It did not complete.
        """
        answer = await self._send(HTTPStatus.OK, wait=True)
        if b'"state":"completed"' not in answer.body[:200]:
            raise BenchError(f"a job ended otherwise: {answer.body[:400].decode()}")
        return answer.body

    async def watch(self) -> bytes:
        """Send a job and follow its events to the terminal one; gives the stream.

        Raises:
            BenchError: It did not complete.
        """
        answer = await self._send(HTTPStatus.ACCEPTED, wait=False)
        watcher = self._watchers.pop() if self._watchers else _Watcher()
        stream = await watcher.follow(self._port, f"{answer.fields['location']}/events")
        self._watchers.append(watcher)
        ended = _ENDED.search(stream)
        if ended is None or ended[1] != b"completed":
            raise BenchError(f"a stream ended otherwise: {stream[-400:].decode()}")
        return stream

    async def job(self, job_id: str) -> Any:  # noqa: ANN401 - JSON
        """A job as the server tells of it.

        Raises:
            BenchError: It does not.
        """
        return json.loads((await self._get(f"/api/jobs/{job_id}")).body)

    async def content(self, url: str) -> bytes:
        """The bytes of a variant.

        Raises:
            BenchError: The server does not give them.
        """
        return (await self._get(url)).body

    async def _get(self, path: str) -> Answer:
        return _checked(await self._client.get(path), HTTPStatus.OK)

    async def _send(self, status: HTTPStatus, *, wait: bool) -> Answer:
        return _checked(await self._client.ask(self._uploads.request(wait=wait)), status)


def _checked(answer: Answer, status: HTTPStatus) -> Answer:
    if answer.status != status:
        raise BenchError(f"answered {answer.status}: {answer.body[:400].decode(errors='replace')}")
    return answer


class _Watcher:
    """A connection over which streams of events are read, one after the other."""

    def __init__(self) -> None:
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def follow(self, port: int, path: str) -> bytes:
        """All that a stream brings until the server ends it.

        Raises:
            BenchError: The connection broke before that, or there is no such stream.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", port, limit=_STREAM_BYTES)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        try:
            head = await reader.readuntil(_HEAD_END)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise BenchError(f"no stream: {head[:80].decode()!r}")
            # In a body of chunks this stands only before its end: events have no carriage returns.
            return await reader.readuntil(_LAST_CHUNK)
        except asyncio.IncompleteReadError as error:
            raise BenchError("a stream of events broke") from error

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
