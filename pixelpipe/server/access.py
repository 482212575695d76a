"""One id and one line in the log for each request."""

import random
import secrets
import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from pixelpipe.server.guards.clients import client_address
from pixelpipe.server.guards.identity import known_identity
from pixelpipe.server.headers import protect

REQUEST_ID_FIELD = "X-Request-Id"

_REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
_CLIENT_GONE = 499  # nginx's number for a client that closed before the answer

# Ids tell requests apart and are no secrets; those of `secrets` would cost a system call each, at
# which the loop hands Python's lock to whatever thread wants it.
_numbers = random.Random(secrets.token_bytes(16))  # noqa: S311

_log = structlog.get_logger(__name__)


@web.middleware
async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, in the log's context too, and log how it ended."""
    request[_REQUEST_ID] = new_request_id()
    structlog.contextvars.bind_contextvars(request_id=request[_REQUEST_ID])
    start = time.perf_counter()
    status = _CLIENT_GONE
    try:
        response = await handler(request)
        status = response.status
    finally:
        identity = known_identity(request)
        _log.info(
            "request",
            client=client_address(request),
            key=identity.key_id if identity else "",
            method=request.method,
            path=request.rel_url.raw_path,
            status=status,
            ms=round((time.perf_counter() - start) * 1000, 1),
        )
    return response


async def mark_response(request: web.Request, response: web.StreamResponse) -> None:
    """Put on every answer what every answer has; runs before the headers go out."""
    # Without an id it was refused before anything of ours saw it.
    response.headers[REQUEST_ID_FIELD] = request.get(_REQUEST_ID) or new_request_id()
    protect(response.headers, response.status)
    if "Upgrade" in request.headers:
        # aiohttp's parser drops what comes in one piece with such a request.
        response.force_close()
        response.headers["Connection"] = "close"


def new_request_id() -> str:
    """An id for a request, or for an answer to what was none."""
    return f"{_numbers.getrandbits(64):016x}"
