"""Requests that upload an image and wait for what becomes of it."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from load import Reply

WAIT_S = 60


class UnfinishedError(Exception):
    """A job was answered for, but ended otherwise than `completed`.

    Attributes:
        detail: What its first failure says, if it names any.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(f"job {job['state']}")
        self.detail: str | None = next((each["detail"] for each in job["failures"]), None)


@dataclass(frozen=True, slots=True)
class Route:
    """A way to have an image processed.

    Attributes:
        path: Where to post.
        status: The status of success.
        made_bytes: From the body of the answer, the size of the pictures that were made.
    """

    path: str
    status: int
    made_bytes: Callable[[bytes], int]


def _job_bytes(body: bytes) -> int:
    job = json.loads(body)
    if job["state"] != "completed":
        raise UnfinishedError(job)
    return sum(variant["bytes"] for variant in job["variants"])


def _file_bytes(body: bytes) -> int:
    size: int = json.loads(body)["result"]["bytes"]
    return size


ROUTES = {
    "jobs": Route("/api/jobs", 200, _job_bytes),
    "transform": Route("/api/transform", 200, len),
    "files": Route("/api/files", 201, _file_bytes),
}


def client_session(url: str, key: str | None = None) -> aiohttp.ClientSession:
    """A client of the server at `url`, with no bound on its connections.

    Args:
        url: Where the server is.
        key: An API key, which goes with each request.
    """
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=WAIT_S + 30)
    return aiohttp.ClientSession(
        url,
        headers=headers,
        timeout=timeout,
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=0),
    )


async def upload(
    client: aiohttp.ClientSession, route: Route, image: bytes, fields: dict[str, str]
) -> Reply:
    """Post an image, with form fields before it, and wait until it is processed."""
    form = aiohttp.FormData(fields)
    form.add_field("file", io.BytesIO(image), filename="upload")
    headers = {"Prefer": f"wait={WAIT_S}"}
    error, detail, received_bytes = None, None, 0
    try:
        async with client.post(route.path, data=form, headers=headers) as answer:
            body = await answer.read()
        if answer.status == route.status:
            received_bytes = route.made_bytes(body)
        else:
            error, detail = str(answer.status), _problem_detail(body)
    except UnfinishedError as unfinished:
        error, detail = str(unfinished), unfinished.detail
    except aiohttp.ClientConnectorError:
        return Reply("cannot connect", 0, 0)
    except (aiohttp.ClientError, TimeoutError) as failure:
        error = type(failure).__name__
    return Reply(error, len(image), received_bytes, detail)


def _problem_detail(body: bytes) -> str | None:
    """What a problem document (RFC 9457) says; None of a body that is none."""
    try:
        problem = json.loads(body)
    except ValueError:
        return None
    return problem.get("detail") if isinstance(problem, dict) else None
