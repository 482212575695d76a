"""Who is behind a request, as the handlers get to know."""

from aiohttp import web

from pixelpipe.auth.identity import Identity

_IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)


def remember_identity(request: web.Request, identity: Identity) -> None:
    """Who it is was found out."""
    request[_IDENTITY] = identity


def known_identity(request: web.Request) -> Identity | None:
    """Who it is; None if he has not shown it, where he need not."""
    return request.get(_IDENTITY)


def identity_of(request: web.Request) -> Identity:
    """Who it is, on a route that needs to know.

    Raises:
        LookupError: Nobody has asked; a defect.
    """
    return request[_IDENTITY]
