"""What is left of the queue, on every answer of a route that makes work."""

import math

from aiohttp import web

from pixelpipe.server.context import RUNTIME
from pixelpipe.server.headers import add_rate_limit

_CLIENT: web.RequestKey[str] = web.RequestKey("queue_client", str)


def wants_place(request: web.Request, client: str) -> None:
    """The request asks for work: its answer is to say how this client stands in the queue."""
    request[_CLIENT] = client


async def mark_quota(request: web.Request, response: web.StreamResponse) -> None:
    """Say how many jobs the client may have waiting, and how many more it may send in.

    Runs before the headers go out.
    """
    client = request.get(_CLIENT)
    if client is None:
        return
    standing = request.app[RUNTIME].service.standing(client)
    over_in_s = math.ceil(standing.wait_s)
    add_rate_limit(
        response.headers,
        policy=f'"queue";q={standing.share}',
        limit=f'"queue";r={standing.left};t={over_in_s}',
    )
