"""Lets requests in or not: who asks, whether he may, and not too often."""

import re
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from pixelpipe.auth.doorkeeper import Credentials, WrongKeyError
from pixelpipe.auth.identity import Identity, Means
from pixelpipe.auth.keys import Scope
from pixelpipe.auth.links import SIGNATURE
from pixelpipe.auth.rates import Standing, parse_rate
from pixelpipe.errors import ForbiddenError, PixelPipeError, RateLimitedError, UnauthorizedError
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.guards.clients import client_address
from pixelpipe.server.guards.door import DOOR
from pixelpipe.server.guards.identity import remember_identity
from pixelpipe.server.guards.needs import LASTING, LINKABLE, NEEDS, Need, route_of
from pixelpipe.server.guards.origins import of_another_site
from pixelpipe.server.guards.site import SITE
from pixelpipe.server.guards.standing import remember_standing

COOKIE = "pixelpipe_session"
_SESSIONS = re.compile(rf"(?:^|;)[ \t]*{COOKIE}=\"?([\w.-]*)\"?[ \t]*(?=;|$)", re.ASCII)
_MOST_COOKIES = 8

# Wrong keys of one address that are answered as such; further ones only cost a number.
_WRONG_KEYS = parse_rate("20/minute")


@web.middleware
async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks, and refuse what he may not do, before the body is read.

    Raises:
        UnauthorizedError: A key is needed, and there is none that is good.
        InvalidLinkError: A link is not good, or not any more.
        ForbiddenError: The key is not good for this.
        RateLimitedError: Too many requests, or too many wrong keys.
    """
    route = route_of(request)
    if route is None:
        return await handler(request)  # There is nothing; whoever asks may know.
    need = NEEDS.get(route)
    if need is None:
        raise ForbiddenError("Nobody has said who may do this.")
    if need is Need.NOTHING:
        return await handler(request)
    identity = await _identity(request, route, need)
    if identity is None:
        return await handler(request)
    remember_identity(request, identity)
    if isinstance(need, Scope):
        await _count(request, identity)
        _check_scope(identity, need)
    if route not in LASTING:
        return await handler(request)
    guest = request.app[DOOR].stay(request, identity)
    try:
        return await handler(request)
    finally:
        request.app[DOOR].leave(guest)


async def _identity(request: web.Request, route: str, need: Scope | Need) -> Identity | None:
    """Who asks; None if he has shown nothing good and need not.

    Raises:
        PixelPipeError: As `let_in`.
    """
    path = request.rel_url.raw_path.removeprefix(request.app[SITE].base_path)
    try:
        return request.app[DOOR].keeper.identify(_shown(request, route), path)
    except WrongKeyError as error:
        # Good keys are never held up: an attacker behind the same address harms nobody.
        raise await _wrong_key(request, error) from None
    except UnauthorizedError:
        if need is Need.WHO:
            return None
        raise


async def _wrong_key(request: web.Request, error: WrongKeyError) -> PixelPipeError:
    address = client_address(request)
    standing = await request.app[DOOR].limiter.hit(_WRONG_KEYS, "wrong", address)
    if standing.allowed:
        return error
    return RateLimitedError(
        "Too many wrong keys came from this address.", retry_after_s=standing.reset_s
    )


def _shown(request: web.Request, route: str) -> Credentials:
    linked = route in LINKABLE and request.method in {"GET", "HEAD"}
    return Credentials(
        key=_key(request),
        link=request.query if linked and SIGNATURE in request.query else None,
        cookies=_cookies(request),
    )


def _key(request: web.Request) -> str | None:
    """The key in the headers; other schemes may be a proxy's, and are passed over."""
    scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return request.headers.get("X-API-Key")


def _cookies(request: web.Request) -> Sequence[str]:
    """The cookies of sessions, unless a page of another site has the browser send them.

    Those that `cors_origins` allows bring a key of their own; at a neighbouring name the browser
    takes them for the same site, and sends the cookie with what they ask. There are several where
    another server stands above this one, or beside it at a name above its own.
    """
    if "Origin" in request.headers and of_another_site(request):
        return ()
    given = "; ".join(request.headers.getall("Cookie", ()))
    return _SESSIONS.findall(given)[:_MOST_COOKIES]


def _check_scope(identity: Identity, scope: Scope) -> None:
    if not identity.allows(scope):
        raise ForbiddenError(f"This needs a key with the scope {scope}.", scope=scope.value)


async def _count(request: web.Request, identity: Identity) -> None:
    """Count the request: by key, and where none was shown by address."""
    own = identity.means in {Means.KEY, Means.SESSION}
    general = request.app[RUNTIME].settings.rate_limit
    rate = (identity.key.rate if own and identity.key else None) or general
    if rate is None:
        return
    who = ("key", identity.key_id) if own else ("address", client_address(request))
    standing = await request.app[DOOR].limiter.hit(parse_rate(rate), *who)
    remember_standing(request, standing)
    if not standing.allowed:
        raise _too_many(standing, rate)


def _too_many(standing: Standing, rate: str) -> RateLimitedError:
    return RateLimitedError(
        f"More than {rate} requests; there is room again in {standing.reset_s} s.",
        retry_after_s=standing.reset_s,
    )
