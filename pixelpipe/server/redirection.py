"""Sending clients to where a variant is stored, by a signed URL that is good for a minute.

Whoever has the URL can GET the variant for that long, whatever becomes of his key meanwhile. So it
is kept by no cache. It goes to nobody who came by a link of ours: that one ends when it says it
does. And to no page that could make nothing of it: our own lets no other place in, and a script's
request that follows to another origin needs the bucket's leave.
"""

from aiohttp import web

from pixelpipe.auth.identity import Means
from pixelpipe.server.guards.identity import known_identity
from pixelpipe.server.headers import PICTURE

_OWN_PAGE = "same-origin"
_SCRIPTS = frozenset({"cors", "same-origin"})


def may_redirect(request: web.Request) -> bool:
    """Whether this client may be sent elsewhere for a variant."""
    identity = known_identity(request)
    return (
        request.method == "GET"
        and (identity is None or identity.means is not Means.LINK)
        and request.headers.get("Sec-Fetch-Site") != _OWN_PAGE
        and request.headers.get("Sec-Fetch-Mode") not in _SCRIPTS
        and "Origin" not in request.headers
    )


def redirection(url: str) -> web.Response:
    """The answer that sends a client there."""
    headers = {**PICTURE, "Location": url, "Cache-Control": "no-store"}
    return web.Response(status=302, headers=headers)
