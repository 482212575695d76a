"""`GET`, `POST`, `DELETE /api/session`: signing in on the page, which can send no header."""

import time

from aiohttp import web
from pydantic import BaseModel, Field

from pixelpipe.auth.identity import Identity, Means
from pixelpipe.auth.keys import Scope
from pixelpipe.errors import UnauthorizedError
from pixelpipe.server.answers import answer
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.guards.auth import COOKIE
from pixelpipe.server.guards.clients import client_scheme
from pixelpipe.server.guards.door import DOOR
from pixelpipe.server.guards.identity import known_identity
from pixelpipe.server.guards.site import SITE


class SessionView(BaseModel):
    """Who one is to the server."""

    required: bool = Field(description="Whether a key is needed.")
    name: str | None = Field(description="Of the key; null without one.")
    scopes: list[Scope] = Field(description="What one may do.")
    expires_at: int | None = Field(description="When the session ends, in Unix time.")


async def session(request: web.Request) -> web.Response:
    """Whether a key is needed, and who one is."""
    return answer(_view(request, known_identity(request)))


async def sign_in(request: web.Request) -> web.Response:
    """Make a session of the key in the headers: its cookie does what the key does.

    Raises:
        UnauthorizedError: There is no key in the headers. (A session alone could go on for ever.)
    """
    identity = known_identity(request)
    if not request.app[DOOR].keeper.required:
        return answer(_view(request, identity))
    if identity is None or identity.key is None or identity.means is not Means.KEY:
        raise UnauthorizedError("A key is needed; send it as `Authorization: Bearer <key>`.")
    lasts_s = int(request.app[RUNTIME].settings.session_s)
    expires_s = int(time.time()) + lasts_s
    begun = Identity(identity.key, Means.SESSION, expires_s)
    response = answer(_view(request, begun))
    response.set_cookie(
        COOKIE,
        request.app[DOOR].keeper.session_cookie(identity.key, expires_s),
        max_age=lasts_s,
        path=_cookie_path(request),
        secure=client_scheme(request) == "https",
        httponly=True,
        samesite="Strict",
    )
    return response


async def sign_out(request: web.Request) -> web.Response:
    """Take the cookie back."""
    response = web.Response(status=204, headers={"Cache-Control": "no-store"})
    response.del_cookie(COOKIE, path=_cookie_path(request), httponly=True, samesite="Strict")
    return response


def _view(request: web.Request, identity: Identity | None) -> SessionView:
    required = request.app[DOOR].keeper.required
    if not required:
        return SessionView(required=False, name=None, scopes=list(Scope), expires_at=None)
    key = identity.key if identity else None
    return SessionView(
        required=True,
        name=key.name if key else None,
        scopes=[scope for scope in Scope if key and key.allows(scope)],
        expires_at=identity.expires_s if identity else None,
    )


def _cookie_path(request: web.Request) -> str:
    return request.app[SITE].link_path or "/"
