"""Which host names a request may be for.

A web page may have its own name lead to this machine from one moment to the next (DNS rebinding);
to the browser the answers are then the page's own. The name that it asks for gives it away.
"""

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler

from pixelpipe.errors import HostNotAllowedError, MalformedRequestError
from pixelpipe.server.guards.clients import asked_authority, read_host, told_authority
from pixelpipe.server.guards.site import SITE
from pixelpipe.sites import Authority


@web.middleware
async def known_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for other hosts.

    Ports do not matter: behind a mapping they differ, and the attack needs a name.

    Raises:
        MalformedRequestError: It cannot be read which host it is for.
        HostNotAllowedError: For a name that is none of ours.
    """
    for authority in _authorities(request):
        if not authority.is_address and not request.app[SITE].hosts.has(authority.host):
            raise HostNotAllowedError(
                f"This server does not answer to the name {authority.host!r}. Its operator can "
                "allow names by PIXELPIPE_HOSTS, or by PIXELPIPE_PUBLIC_URL."
            )
    return await handler(request)


def _authorities(request: web.Request) -> list[Authority]:
    """All hosts that the request names; where a proxy passes a header on, it may be the client's.

    None at all is allowed before HTTP/1.1; no browser does that.
    """
    try:
        asked = asked_authority(request)
        named = [read_host(text) for text in request.headers.getall("Host", ())]
    except ValueError:
        raise MalformedRequestError("The host that the request is for cannot be read.") from None
    if not named and request.version >= HttpVersion11:
        raise MalformedRequestError("The request has no header Host.")
    told = told_authority(request)
    return [*named, *(found for found in (asked, told) if found is not None)]
