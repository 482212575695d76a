"""Whether a page of another site is behind a request that changes something.

Browsers send such requests to anywhere, also to this machine or into a private network, and only
keep the answer from the page. What they say of themselves, no page can forge; other programs say
nothing and are not asked.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

from pixelpipe.errors import CrossSiteError
from pixelpipe.server.guards.clients import asked_authority, own_origin
from pixelpipe.server.guards.site import SITE
from pixelpipe.sites import ANY, read_origin

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN_DOING = frozenset({"same-origin", "none"})  # "none": the user's, such as a bookmark


@web.middleware
async def own_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse unsafe methods to pages of other sites, before the body is read.

    Raises:
        CrossSiteError: A page of another site asks, which `cors_origins` does not allow.
    """
    if request.method not in _SAFE and of_another_site(request) and not _is_allowed(request):
        raise CrossSiteError(
            "A page of another site may not do this. The operator of this server can allow its "
            "origin by PIXELPIPE_CORS_ORIGINS; PIXELPIPE_PUBLIC_URL tells the server its own."
        )
    return await handler(request)


def allows(origins: frozenset[str], given: str) -> bool:
    """Whether a page of the origin `given`, as the header has it, may call.

    `null`, which any page can hide behind, only where all may.
    """
    if ANY in origins:
        return True
    try:
        return read_origin(given) in origins
    except ValueError:
        return False


def of_another_site(request: web.Request) -> bool:
    """Whether a page of another site asks, be it allowed to or not."""
    if sites := request.headers.getall("Sec-Fetch-Site", ()):
        return any(site.strip().lower() not in _OWN_DOING for site in sites)
    # Pages at an address without TLS come without Sec-Fetch-Site.
    return any(not _is_own(request, origin) for origin in request.headers.getall("Origin", ()))


def _is_allowed(request: web.Request) -> bool:
    given = request.headers.getall("Origin", ())
    return bool(given) and all(allows(request.app[SITE].origins, origin) for origin in given)


def _is_own(request: web.Request, given: str) -> bool:
    """Whether the page comes from here, by whichever of its names the server was asked."""
    public, asked = request.app[SITE].public, asked_authority(request)
    own = {own_origin(request)}
    if public:
        own.add(public.origin)
    if asked:
        own.add(asked.origin(request.scheme))
    try:
        return read_origin(given) in own
    except ValueError:
        return False
