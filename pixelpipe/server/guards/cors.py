"""Cross-origin resource sharing: off, unless the settings name origins whose pages may call.

Never with credentials: such a page brings a key of its own, in a header.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

from pixelpipe.server.guards.origins import allows
from pixelpipe.server.guards.site import SITE
from pixelpipe.sites import ANY

_REQUEST_FIELDS = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, "
    "Last-Event-ID, Prefer, Range, X-API-Key"
)
_ANSWER_FIELDS = (
    "Accept-Ranges, Cache-Status, Content-Disposition, Content-Length, Content-Range, ETag, Link, "
    "Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, "
    "X-Request-Id"
)
_PREFLIGHT_S = 600


@web.middleware
async def preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what browsers ask before they let a page make a call that is not plain.

    It comes without keys, so it is answered before they are looked at; and only for routes that
    are there, to origins that are allowed.
    """
    refusal = request.match_info.http_exception
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if not asks or not isinstance(refusal, web.HTTPMethodNotAllowed) or not _sharer(request):
        return await handler(request)
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": ", ".join(sorted(refusal.allowed_methods)),
            "Access-Control-Allow-Headers": _REQUEST_FIELDS,
            "Access-Control-Max-Age": str(_PREFLIGHT_S),
        },
    )


async def share(request: web.Request, response: web.StreamResponse) -> None:
    """Let pages of allowed origins read the answer, whatever it is; before the headers go out."""
    if not request.app[SITE].origins:
        return
    sharer = _sharer(request)
    if sharer != ANY:
        response.headers.add("Vary", "Origin")  # also for others: a cache would mix them up
    if sharer:
        response.headers["Access-Control-Allow-Origin"] = sharer
        response.headers["Access-Control-Expose-Headers"] = _ANSWER_FIELDS


def _sharer(request: web.Request) -> str | None:
    """The origin that may read the answer, as the request spells it, or `*`."""
    origins = request.app[SITE].origins
    if ANY in origins:
        return ANY
    given = request.headers.get("Origin", "")
    return given if allows(origins, given) else None
