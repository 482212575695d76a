"""What each route needs of whoever asks. A route that is not in the table is refused."""

from enum import StrEnum

from aiohttp import web

from pixelpipe.auth.keys import Scope
from pixelpipe.server.guards.site import SITE


class Need(StrEnum):
    """What a route may need other than a scope.

    Attributes:
        NOTHING: It is open to everybody, and the same for all.
        WHO: It is open to everybody, but tells those more who show a key; a wrong one is refused.
    """

    NOTHING = "nothing"
    WHO = "who"


NEEDS: dict[str, Scope | Need] = {
    "POST /api/jobs": Scope.SUBMIT,
    "POST /api/transform": Scope.SUBMIT,
    "POST /api/files": Scope.SUBMIT,
    "POST /api/files/async": Scope.SUBMIT,
    "DELETE /api/jobs/{job_id}": Scope.SUBMIT,
    "POST /api/jobs/{job_id}/retry": Scope.SUBMIT,
    "GET /api/jobs": Scope.READ,
    "GET /api/jobs/{job_id}": Scope.READ,
    "GET /api/jobs/{job_id}/events": Scope.READ,
    "GET /api/jobs/{job_id}/variants/{name}": Scope.READ,
    "GET /api/jobs/{job_id}/archive.zip": Scope.READ,
    # Who has a link reads: it takes no more to make one.
    "POST /api/jobs/{job_id}/links": Scope.READ,
    "GET /api/events": Scope.READ,
    "GET /api/presets": Scope.READ,
    "GET /api/session": Need.WHO,
    "POST /api/session": Need.WHO,
    "DELETE /api/session": Need.NOTHING,
    "GET /healthz": Need.NOTHING,
    "GET /readyz": Need.WHO,
    "GET /": Need.NOTHING,
    "GET /static/{path}": Need.NOTHING,
    # The way to the page, where that is below a path.
    "GET ": Need.NOTHING,
}

# What a signed link can be of.
LINKABLE = frozenset(
    {
        "GET /api/jobs/{job_id}/events",
        "GET /api/jobs/{job_id}/variants/{name}",
        "GET /api/jobs/{job_id}/archive.zip",
    }
)

# What lasts, so that who was let in has to be looked at again.
LASTING = frozenset({"GET /api/jobs/{job_id}/events", "GET /api/events"})


def route_of(request: web.Request) -> str | None:
    """The route as the tables name it; None if the path or the method leads nowhere."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return f"{method} {resource.canonical.removeprefix(request.app[SITE].base_path)}"
