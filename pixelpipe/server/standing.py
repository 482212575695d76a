"""What answers say of keys and rates, in their headers.

The fields of rates are those of draft-ietf-httpapi-ratelimit-headers.
"""

import time
from http import HTTPStatus

from aiohttp import web

from pixelpipe.auth.identity import Identity, Means
from pixelpipe.auth.rates import Standing
from pixelpipe.server.door import DOOR
from pixelpipe.server.identity import known_identity

_POLICY_FIELD, _LIMIT_FIELD = "RateLimit-Policy", "RateLimit"
_STANDING: web.RequestKey[Standing] = web.RequestKey("rate_standing", Standing)


def remember_standing(request: web.Request, standing: Standing) -> None:
    """The request was counted: its answer is to say how its sender stands."""
    request[_STANDING] = standing


async def mark_standing(request: web.Request, response: web.StreamResponse) -> None:
    """Put on an answer what follows from who asked; runs before the headers go out."""
    if response.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if standing := request.get(_STANDING):
        policy = f'"default";q={standing.quota};w={standing.window_s}'
        _append(response, _POLICY_FIELD, policy)
        _append(response, _LIMIT_FIELD, f'"default";r={standing.remaining};t={standing.reset_s}')
    if identity := known_identity(request):
        _keep_private(request, response, identity)


def _keep_private(request: web.Request, response: web.StreamResponse, identity: Identity) -> None:
    """Let no cache give to others what this one may have, nor for longer.

    The browser asks again each time whether it may still: who signs out leaves nothing to see.
    """
    caching = response.headers.get("Cache-Control", "")
    if not caching.startswith("public"):
        return
    if identity.means is Means.LINK and identity.expires_s is not None:
        left_s = max(0, identity.expires_s - int(time.time()))
        response.headers["Cache-Control"] = f"private, max-age={left_s}"
    elif request.app[DOOR].keeper.required:
        response.headers["Cache-Control"] = "private, no-cache"


def _append(response: web.StreamResponse, field: str, member: str) -> None:
    """Add a member to a list that may be there (RFC 9651, section 3.1)."""
    there = response.headers.get(field)
    response.headers[field] = f"{there}, {member}" if there else member
