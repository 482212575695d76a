"""What answers say of keys and rates, in their headers."""

import time
from http import HTTPStatus

from aiohttp import web

from pixelpipe.auth.identity import Identity, Means
from pixelpipe.auth.rates import Standing
from pixelpipe.server.guards.door import DOOR
from pixelpipe.server.guards.identity import known_identity
from pixelpipe.server.headers import add_rate_limit

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
        limit = f'"default";r={standing.remaining};t={standing.reset_s}'
        add_rate_limit(response.headers, policy, limit)
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
