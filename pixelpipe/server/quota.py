"""What is left of the queue, on every answer of a route that makes work.

The fields are those of draft-ietf-httpapi-ratelimit-headers; other policies may stand beside it.
"""

import math

from aiohttp import web

from pixelpipe.server.context import RUNTIME

POLICY_FIELD = "RateLimit-Policy"
LIMIT_FIELD = "RateLimit"

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
    _append(response, POLICY_FIELD, f'"queue";q={standing.share}')
    over_in_s = math.ceil(standing.wait_s)
    _append(response, LIMIT_FIELD, f'"queue";r={standing.left};t={over_in_s}')


def _append(response: web.StreamResponse, field: str, member: str) -> None:
    """Add a member to a list that may be there (RFC 9651, section 3.1)."""
    there = response.headers.get(field)
    response.headers[field] = f"{there}, {member}" if there else member
