"""`POST /api/jobs/{id}/links`: addresses that work without a key, for a while."""

import re
import time
from datetime import UTC, datetime

from aiohttp import web
from pydantic import BaseModel

from pixelpipe.auth.links import DEFAULT_EXPIRES_S, MAX_EXPIRES_S
from pixelpipe.errors import JobGoneError, MalformedRequestError
from pixelpipe.jobs.views import archive_url, job_url, variant_url
from pixelpipe.recipes.spec import FORMAT_MARK
from pixelpipe.server.answers import answer
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.guards.door import DOOR
from pixelpipe.server.guards.identity import identity_of
from pixelpipe.server.submissions import caller_of

_FIELD = "expires_s"
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class VariantLink(BaseModel):
    """Where a variant is, made or not."""

    name: str
    url: str


class JobLinks(BaseModel):
    """Signed addresses of what belongs to a job; whoever has one may GET it until it expires."""

    expires_at: datetime
    events: str
    archive: str
    variants: list[VariantLink]


async def links(request: web.Request) -> web.Response:
    """Sign addresses of the job's variants, its archive and its events."""
    expires_s = int(time.time()) + _lasts_s(request)
    service = request.app[RUNTIME].service
    job = await service.get(request.match_info["job_id"], caller_of(request).reach)
    if job.deleted_at is not None:
        raise JobGoneError("The job was deleted.")
    keeper, identity = request.app[DOOR].keeper, identity_of(request)

    def signed(path: str) -> str:
        return f"{path}?{keeper.link_query(path, identity, expires_s)}"

    names = [variant.task.name for variant in job.variants]
    # Where a variant has several formats, the address that chooses among them as well.
    names += dict.fromkeys(name.rpartition(FORMAT_MARK)[0] for name in names if FORMAT_MARK in name)
    return answer(
        JobLinks(
            expires_at=datetime.fromtimestamp(expires_s, UTC),
            events=signed(f"{job_url(job.id)}/events"),
            archive=signed(archive_url(job.id)),
            variants=[VariantLink(name=n, url=signed(variant_url(job.id, n))) for n in names],
        )
    )


def _lasts_s(request: web.Request) -> int:
    if unknown := set(request.query) - {_FIELD}:
        raise MalformedRequestError(
            f"There is no parameter {min(unknown)[:80]!r}; there is {_FIELD}."
        )
    given = request.query.getall(_FIELD, [str(DEFAULT_EXPIRES_S)])
    if len(given) == 1 and _SECONDS.fullmatch(given[0]) and 1 <= int(given[0]) <= MAX_EXPIRES_S:
        return int(given[0])
    raise MalformedRequestError(
        f"{_FIELD} is not one whole number of seconds from 1 to {MAX_EXPIRES_S}."
    )
