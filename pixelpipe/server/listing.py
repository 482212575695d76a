"""The query of `GET /api/jobs`, and the page of jobs that answers it."""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from zlib import crc32

from multidict import MultiMapping
from pydantic import BaseModel, Field

from pixelpipe.errors import MalformedRequestError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.views import JobView, job_view

PATH = "/api/jobs"
DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_PARAMETERS = ("created_after", "created_before", "cursor", "limit", "state")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LIMIT = re.compile(r"[0-9]{1,4}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PLACE = re.compile(r"(-?[0-9]{1,18}) ([A-Za-z0-9_-]{1,128})")


class JobListView(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobView]
    next: str | None = Field(description="Path and query of the next page; null on the last one.")


def parse_listing(query: MultiMapping[str], tenant: str) -> Listing:
    """What the query asks for.

    Args:
        query: `state` (one or more, comma separated), `limit`, `cursor`, `created_after` and
            `created_before`; all may be left out.
        tenant: Who asks.

    Raises:
        MalformedRequestError: A parameter is unknown, given twice, or not what it should be.
    """
    values = _known_once(query.items())
    cursor = values.get("cursor")
    return Listing(
        tenant=tenant,
        states=_states(values["state"]) if "state" in values else (),
        created_after=_moment(values, "created_after"),
        created_before=_moment(values, "created_before"),
        behind=None if cursor is None else _place(cursor),
        limit=_limit(values["limit"]) if "limit" in values else DEFAULT_LIMIT,
    )


def one_further(listing: Listing) -> Listing:
    """The same and one job more, which tells whether there is another page."""
    return replace(listing, limit=listing.limit + 1)


def job_list(listing: Listing, found: Sequence[Job]) -> JobListView:
    """The page that answers `listing`, of the jobs that `one_further(listing)` found."""
    page = found[: listing.limit]
    following = f"{PATH}?{next_query(listing, page[-1])}" if len(found) > len(page) else None
    return JobListView(jobs=[job_view(job) for job in page], next=following)


def next_query(listing: Listing, last: Job) -> str:
    """The query of the page that follows one which ended with `last`."""
    parameters = {
        "state": ",".join(listing.states),
        "created_after": _written(listing.created_after),
        "created_before": _written(listing.created_before),
        "limit": str(listing.limit),
        "cursor": cursor_of(last),
    }
    given = {name: value for name, value in parameters.items() if value}
    return urlencode(given, safe=",:")


def cursor_of(job: Job) -> str:
    """Says that a page begins behind this job; of characters that are safe in a URL."""
    return _cursor((job.created_at - _EPOCH) // _MICROSECOND, job.id)


def _known_once(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in given:
        if name not in _PARAMETERS:
            known = ", ".join(_PARAMETERS)
            raise MalformedRequestError(f"There is no parameter {name[:80]!r}; there are {known}.")
        if name in values:
            raise MalformedRequestError(f"The parameter {name!r} is given more than once.")
        values[name] = value
    return values


def _states(text: str) -> tuple[JobState, ...]:
    """Each once, in the order of the table."""
    words = text.split(",")
    for word in words:
        if word not in list(JobState):
            known = ", ".join(JobState)
            raise MalformedRequestError(f"{word[:80]!r} is no state of a job; there are {known}.")
    return tuple(state for state in JobState if state in words)


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise MalformedRequestError(
            f"The limit is not a whole number from 1 to {MAX_LIMIT}: {text[:80]!r}."
        )
    return int(text)


def _cursor(created: int, job_id: str) -> str:
    """Both, and a checksum: a cursor that lost its end in somebody's hands names no other job."""
    place = f"{created} {job_id}".encode()
    return base64.urlsafe_b64encode(crc32(place).to_bytes(4) + place).rstrip(b"=").decode()


def _place(cursor: str) -> tuple[datetime, str]:
    """The creation and the id that `cursor_of` put into the cursor."""
    refusal = MalformedRequestError(f"{cursor[:80]!r} is not a cursor of this server.")
    if not _BASE64.fullmatch(cursor):
        raise refusal
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = _PLACE.fullmatch(content[4:].decode("ascii"))
        if not found or _cursor(int(found[1]), found[2]) != cursor:
            raise refusal
        return _EPOCH + int(found[1]) * _MICROSECOND, found[2]
    except (ValueError, OverflowError):
        raise refusal from None


def _moment(values: dict[str, str], name: str) -> datetime | None:
    text = values.get(name)
    if text is None:
        return None
    try:
        if _SECONDS.fullmatch(text):
            return _EPOCH + timedelta(seconds=int(text))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise MalformedRequestError(
        f"{name} is {text[:80]!r}, which is neither a time with its offset from UTC, like "
        "2026-01-31T12:00:00Z or 2026-01-31T14:00:00%2B02:00, nor whole seconds since 1970."
    )


def _written(moment: datetime | None) -> str:
    return moment.isoformat().replace("+00:00", "Z") if moment else ""
