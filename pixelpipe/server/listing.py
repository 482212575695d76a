"""The query of `GET /api/jobs`, and the page of jobs that answers it."""

import asyncio
import base64
import re
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from urllib.parse import urlencode
from zlib import crc32

from multidict import MultiMapping
from pydantic import BaseModel, Field

from pixelpipe.errors import MalformedRequestError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.reach import Reach
from pixelpipe.jobs.views import JobView, job_view

PATH = "/api/jobs"
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_VARIANTS = 2000

# Jobs that are read at a time, and variants that are shown before others have their turn.
_PORTION = 20
_SLICE = 100

_PARAMETERS = ("created_after", "created_before", "cursor", "limit", "state")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LIMIT = re.compile(r"[0-9]{1,4}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PLACE = re.compile(r"(-?[0-9]{1,18}) ([A-Za-z0-9_-]{1,128})")


class JobListView(BaseModel):
    """A page of jobs, newest first; it may end before the limit, if they have many variants."""

    jobs: list[JobView]
    next: str | None = Field(description="Path and query of the next page; null on the last one.")


def parse_listing(query: MultiMapping[str], reach: Reach) -> Listing:
    """What the query asks for.

    Args:
        query: `state` (one or more, comma separated), `limit`, `cursor`, `created_after` and
            `created_before`; all may be left out.
        reach: Whose jobs are listed.

    Raises:
        MalformedRequestError: A parameter is unknown, given twice, or not what it should be.
    """
    values = _known_once(query.items())
    cursor = values.get("cursor")
    return Listing(
        tenant=reach.tenant,
        states=_states(values["state"]) if "state" in values else (),
        created_after=_moment(values, "created_after"),
        created_before=_moment(values, "created_before"),
        behind=None if cursor is None else _place(cursor),
        limit=_limit(values["limit"]) if "limit" in values else DEFAULT_LIMIT,
    )


async def find_page(
    find: Callable[[Listing], Awaitable[Sequence[Job]]], listing: Listing
) -> Sequence[Job]:
    """The jobs of the page that answers `listing`, and one more if there is another page.

    Args:
        find: Reads from the journal. It is asked for a portion at a time: most of 200 jobs with a
            hundred variants each would be read for nothing.
        listing: What is asked for.
    """
    found: list[Job] = []
    portion = replace(listing, limit=min(_PORTION, listing.limit + 1))
    while True:
        part = await find(portion)
        found += part
        length = _page_length(listing, found)
        if len(part) < portion.limit or len(found) > length:
            return found[: length + 1]
        portion = replace(portion, behind=(found[-1].created_at, found[-1].id))


async def job_list(listing: Listing, found: Sequence[Job]) -> JobListView:
    """The page that answers `listing`, of the jobs that `find_page` found."""
    page = found[: _page_length(listing, found)]
    following = f"{PATH}?{next_query(listing, page[-1])}" if len(found) > len(page) else None
    views: list[JobView] = []
    shown = 0
    for job in page:
        views.append(job_view(job))
        shown += len(job.variants)
        if shown >= _SLICE:
            await asyncio.sleep(0)  # A whole page would hold up everybody for tens of milliseconds.
            shown = 0
    return JobListView(jobs=views, next=following)


def _page_length(listing: Listing, jobs: Sequence[Job]) -> int:
    """How many of `jobs` are one page: at least one, if there is any."""
    variants = list(accumulate(len(job.variants) for job in jobs[: listing.limit]))
    return max(bisect_right(variants, MAX_VARIANTS), min(1, len(variants)))


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
