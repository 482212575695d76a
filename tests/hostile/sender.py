"""Sending hostile files as a client does, and seeing each through to its end."""

import asyncio
import io
import json
import time
from dataclasses import dataclass

from aiohttp import ClientResponse, ClientSession

from event_stream import read_events
from pixelpipe.errors import TYPE_PREFIX
from tests.hostile.kind import COMPLETED, Kind

_SPECS = json.dumps([{"name": "small", "resize": {"width": 40}}])
_TERMINAL = {"job.completed", "job.partial", "job.failed", "job.cancelled"}
_BUSY = 503
_REFUSED_PAUSE_S = 0.2
_BOUNDARY = "a-boundary-that-is-in-no-file"
_FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a file.

    Attributes:
        outcome: `completed`, or the slug of the error.
        status: Of the answer to the upload.
        service_s: For a job that was started, from `job.started` to its terminal event; for any
            other, from the request to its answer, the upload included.
    """

    outcome: str
    status: int
    service_s: float


async def through_a_job(session: ClientSession, kind: Kind, content: bytes) -> Ending:
    """`POST /api/jobs` as a form, and the job's stream of events to its end."""
    while True:
        began = time.monotonic()
        answer = await session.post(
            "/api/jobs", data=io.BytesIO(_form(kind, content)), headers=_FORM
        )
        if answer.status == 202:
            job = await answer.json()
            return await _followed(session, job["links"]["events"])
        ending = await _refused(answer, began)
        if ending.status != _BUSY:
            return ending
        await asyncio.sleep(_REFUSED_PAUSE_S)


async def through_transform(session: ClientSession, kind: Kind, content: bytes) -> Ending:
    """`POST /api/transform` with the file as the body."""
    while True:
        began = time.monotonic()
        answer = await session.post(
            "/api/transform",
            data=io.BytesIO(content),
            params={"width": "48", "name": kind.file_name[:200].replace("\0", "%00")},
            headers={"Content-Type": kind.media_type},
        )
        if answer.status == 200:
            await answer.read()
            return Ending(COMPLETED, 200, time.monotonic() - began)
        ending = await _refused(answer, began)
        if ending.status != _BUSY:
            return ending
        await asyncio.sleep(_REFUSED_PAUSE_S)


def _form(kind: Kind, content: bytes) -> bytes:
    """The body that a browser sends; aiohttp's refuses some of the names."""
    name = kind.file_name.translate(_ESCAPES)
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="variants"\r\n\r\n{_SPECS}\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {kind.media_type}\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()


async def _refused(answer: ClientResponse, began: float) -> Ending:
    problem = await answer.json(content_type="application/problem+json")
    return Ending(_slug(problem["type"]), answer.status, time.monotonic() - began)


async def _followed(session: ClientSession, path: str) -> Ending:
    answer = await session.get(path)
    began = time.monotonic()
    async for event in read_events(answer.content):
        if event.name == "job.started":
            began = time.monotonic()
        if event.name in _TERMINAL:
            failures = event.data["failures"]
            outcome = _slug(failures[0]["type"]) if failures else event.data["state"]
            answer.close()
            return Ending(outcome, 202, time.monotonic() - began)
    raise AssertionError("the stream ended before the job")


def _slug(problem_type: str) -> str:
    return problem_type.removeprefix(TYPE_PREFIX)
