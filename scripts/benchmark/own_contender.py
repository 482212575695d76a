"""PixelPipe itself: its real server, with journal, blobs and events."""

import contextlib
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from benchmark.errors import BenchError
from benchmark.sets import VariantSet
from benchmark.steady_client import SteadyClient
from load import Reply
from raw_client import Answer
from server_process import running_server

_BOUNDARY = "pixelpipe-bench-boundary"
_WAIT_S = 60


class OwnContender:
    """A PixelPipe server that runs.

    Args:
        pid: The root of its process tree.
        client: Of it.
    """

    name = "pixelpipe"

    def __init__(self, pid: int, client: SteadyClient) -> None:
        self.pid = pid
        self._client = client

    async def send(self, image: bytes, asked: VariantSet) -> Reply:
        """Have a job done, which the server keeps."""
        answer = await self._client.ask(_request(image, asked))
        job = _document(answer)
        if answer.status != HTTPStatus.OK or job["state"] != "completed":
            return Reply(_failure(answer, job), len(image), 0, _detail(job))
        return Reply(None, len(image), sum(each["bytes"] for each in job["variants"]))

    async def outputs(self, image: bytes, asked: VariantSet) -> dict[str, bytes]:
        """Have a job done, and fetch its variants.

        Raises:
            BenchError: It was not done, or a variant did not come.
        """
        answer = await self._client.ask(_request(image, asked))
        job = _document(answer)
        if answer.status != HTTPStatus.OK or job["state"] != "completed":
            raise BenchError(f"pixelpipe, {asked.name}: {_failure(answer, job)} {_detail(job)}")
        return {each["name"]: await self._variant(each["url"]) for each in job["variants"]}

    async def _variant(self, url: str) -> bytes:
        answer = await self._client.get(urlsplit(url).path)
        if answer.status != HTTPStatus.OK:
            raise BenchError(f"pixelpipe answers {answer.status} for {url}")
        return answer.body


def _request(image: bytes, asked: VariantSet) -> list[bytes]:
    start = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="variants"\r\n\r\n{asked.json}\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="upload"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    end = f"\r\n--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nPrefer: wait={_WAIT_S}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(start) + len(image) + len(end)}\r\n\r\n"
    )
    return [head.encode() + start, image, end]


def _document(answer: Answer) -> dict[str, Any]:
    """The job, or the problem (RFC 9457); empty where the connection broke."""
    found: dict[str, Any] = json.loads(answer.body) if answer.body else {}
    return found


def _failure(answer: Answer, job: dict[str, Any]) -> str:
    if answer.broken:
        return "the connection broke"
    return f"job {job['state']}" if answer.status == HTTPStatus.OK else str(answer.status)


def _detail(job: dict[str, Any]) -> str | None:
    problems = [*job.get("failures", ()), job]
    return next((each["detail"] for each in problems if "detail" in each), None)


@contextlib.asynccontextmanager
async def running_own(*, workers: int) -> AsyncIterator[OwnContender]:
    """Start PixelPipe with so many workers, everything else as it is by default."""
    async with running_server("--workers", str(workers)) as server:
        port = urlsplit(server.url).port
        assert port is not None, "it says so"
        client = SteadyClient(port)
        with contextlib.closing(client):
            yield OwnContender(server.pid, client)
