"""Which jobs a query asks for, and how one page leads to the next."""

import asyncio
import base64
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from pixelpipe.errors import MalformedRequestError
from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import Job, JobState, Source, Variant, new_job_id
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.reach import Reach
from pixelpipe.server.listing import (
    MAX_VARIANTS,
    cursor_of,
    find_page,
    job_list,
    next_query,
    parse_listing,
)
from tests.tasks import make_decode, make_task

NOON = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
SOME = Listing(
    tenant="t",
    states=(JobState.RUNNING, JobState.FAILED),
    created_after=NOON - timedelta(days=1),
    created_before=NOON + timedelta(microseconds=1),
    limit=2,
)


def make_job(created_at: datetime = NOON, job_id: str | None = None, variants: int = 1) -> Job:
    source = Source("photo.jpg", Format.JPEG, 4, 3, 100, "0" * 64)
    tasks = [Variant(make_task(), "key")] * variants
    return Job(job_id or new_job_id(), "t", "c", created_at, source, make_decode(), tasks)


def asked(query: str) -> Listing:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    return parse_listing(MultiDict(pairs), Reach("t"))


def cursor_with(place: bytes) -> str:
    content = zlib.crc32(place).to_bytes(4) + place
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_an_empty_query_asks_for_the_newest_fifty() -> None:
    assert asked("") == Listing(tenant="t", limit=50)


@pytest.mark.parametrize(
    ("query", "listing"),
    [
        ("state=queued", Listing(tenant="t", states=(JobState.QUEUED,))),
        (
            "state=failed,queued,failed",
            Listing(tenant="t", states=(JobState.QUEUED, JobState.FAILED)),
        ),
        ("limit=1", Listing(tenant="t", limit=1)),
        ("limit=200", Listing(tenant="t", limit=200)),
        ("created_after=2026-01-31T12:00:00.123456Z", Listing(tenant="t", created_after=NOON)),
        (
            "created_before=2026-01-31T14:00:00.123456%2B02:00",
            Listing(tenant="t", created_before=NOON),
        ),
        (
            "created_before=1769860800",
            Listing(tenant="t", created_before=NOON.replace(microsecond=0)),
        ),
        ("created_after=0", Listing(tenant="t", created_after=datetime(1970, 1, 1, tzinfo=UTC))),
    ],
)
def test_what_a_query_asks_for(query: str, listing: Listing) -> None:
    assert asked(query) == listing


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("status=queued", "no parameter 'status'; there are created_after, .*state"),
        ("tenant=other", "no parameter 'tenant'"),
        ("limit=5&limit=6", "'limit' is given more than once"),
        ("state=queued&state=failed", "'state' is given more than once"),
        ("state=done", "'done' is no state .*queued, running, completed, partial"),
        ("state=", "'' is no state"),
        ("state=queued,", "'' is no state"),
        ("state=QUEUED", "'QUEUED' is no state"),
        ("limit=0", "from 1 to 200"),
        ("limit=201", "from 1 to 200"),
        ("limit=-1", "from 1 to 200"),
        ("limit=", "from 1 to 200"),
        ("limit=1.5", "from 1 to 200"),
        ("limit=%D9%A3", "from 1 to 200"),
        ("limit=99999999999999999999999999", "from 1 to 200"),
        ("created_after=2026-01-31T12:00:00", "neither a time with its offset"),
        ("created_after=2026-01-31", "neither a time with its offset"),
        ("created_after=2026-01-31T14:00:00+02:00", "%2B02:00"),
        ("created_after=2026-02-30T12:00:00Z", "neither"),
        ("created_after=yesterday", "neither"),
        ("created_after=", "neither"),
        ("created_after=1.5", "neither"),
        ("created_after=-1", "neither"),
        ("created_before=999999999999", "^created_before is '999999999999'"),
        ("created_before=0001-01-01T00:00:00%2B02:00", "neither"),
        ("created_before=2026-01-31%FFT12:00:00Z", "neither"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_plain_words(query: str, detail: str) -> None:
    with pytest.raises(MalformedRequestError, match=detail):
        asked(query)


OWN_CURSOR = cursor_of(make_job(job_id="u0MS6c8OmPLXWJOhMALhUA"))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "2026-01-31",
        "%00",
        "a b",
        OWN_CURSOR + "=",
        OWN_CURSOR[:-4],
        OWN_CURSOR[4:],
        "A" + OWN_CURSOR[1:],
        cursor_with(b"1769860800000000"),
        cursor_with(b"1769860800000000 "),
        cursor_with(b" 1769860800000000 id"),
        cursor_with(b"1769860800000000 id\n"),
        cursor_with(b"1769860800000000  id"),
        cursor_with(b"1769860800000000 i d"),
        cursor_with(b"999999999999999999 id"),
        cursor_with(b"9" * 40 + b" id"),
        cursor_with("\u0661 id".encode()),
        cursor_with(b"1 \xff"),
        cursor_with(b"1 " + b"x" * 200),
        cursor_with(b"1 id")[:-1] + "R",
        "+/" * 10,
        "A" * 5000,
    ],
)
def test_a_cursor_of_somebody_else_is_refused(cursor: str) -> None:
    with pytest.raises(MalformedRequestError, match="is not a cursor of this server"):
        parse_listing(MultiDict(cursor=cursor), Reach("t"))


def test_a_cursor_made_by_hand_as_the_server_makes_them_is_taken() -> None:
    created_at = datetime(1970, 1, 1, 0, 0, 0, 7, tzinfo=UTC)
    assert parse_listing(MultiDict(cursor=cursor_with(b"7 id")), Reach("t")).behind == (
        created_at,
        "id",
    )


@pytest.mark.parametrize("place", [b"0001 id", b"-0 id", b"+1 id"])
def test_a_place_has_one_cursor_only(place: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="is not a cursor of this server"):
        parse_listing(MultiDict(cursor=cursor_with(place)), Reach("t"))


@given(st.text() | st.text("0123456789-:TZ+. ") | st.datetimes().map(str))
def test_any_value_is_taken_or_refused(value: str) -> None:
    for name in ("state", "limit", "cursor", "created_after", "created_before"):
        try:
            listing = parse_listing(MultiDict({name: value}), Reach("t"))
        except MalformedRequestError:
            continue
        assert listing.created_after is None or listing.created_after.tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)), st.from_regex("[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_a_cursor_leads_back_to_its_job(created_at: datetime, job_id: str) -> None:
    job = make_job(created_at, job_id)
    assert asked(f"cursor={cursor_of(job)}").behind == (created_at, job_id)


@pytest.mark.parametrize("listing", [Listing(tenant="t"), SOME, replace(SOME, limit=200)])
def test_the_next_page_has_the_same_filters(listing: Listing) -> None:
    last = make_job()
    following = asked(next_query(listing, last))
    assert following == replace(listing, behind=(last.created_at, last.id))


class Shelf:
    """Jobs, newest first, that are listed as a journal lists them."""

    def __init__(self, *variants: int) -> None:
        self.jobs = [
            make_job(NOON - timedelta(seconds=n), variants=count)
            for n, count in enumerate(variants)
        ]
        self.read = 0

    async def find(self, listing: Listing) -> Sequence[Job]:
        """The jobs behind the listing's place."""
        ids = [job.id for job in self.jobs]
        start = ids.index(listing.behind[1]) + 1 if listing.behind else 0
        found = self.jobs[start : start + listing.limit]
        self.read += len(found)
        return found

    async def pages(self, listing: Listing) -> list[list[str]]:
        """Ids of all jobs from `listing` on, page by page."""
        found = []
        while True:
            page = await job_list(listing, await find_page(self.find, listing))
            found.append([job.id for job in page.jobs])
            if page.next is None:
                return found
            listing = asked(urlsplit(page.next).query)


async def test_a_page_names_the_next_when_there_is_one() -> None:
    shelf = Shelf(1, 1, 1)
    page = await job_list(SOME, await find_page(shelf.find, SOME))
    assert [view.id for view in page.jobs] == [job.id for job in shelf.jobs[:2]]
    assert page.next is not None
    parts = urlsplit(page.next)
    assert parts.path == "/api/jobs"
    last = shelf.jobs[1]
    assert asked(parts.query) == replace(SOME, behind=(last.created_at, last.id))


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_the_last_page_names_none(count: int) -> None:
    shelf = Shelf(*[1] * count)
    page = await job_list(SOME, await find_page(shelf.find, SOME))
    assert len(page.jobs) == count
    assert page.next is None


@pytest.mark.parametrize(
    ("variants", "limit", "lengths"),
    [
        ([100] * 45, 200, [20, 20, 5]),
        ([100] * 40, 200, [20, 20]),
        ([100] * 41, 30, [20, 20, 1]),
        ([100] * 41, 15, [15, 15, 11]),
        ([100] * 19 + [99, 1, 1], 200, [21, 1]),
        ([100] * 19 + [101, 1], 200, [19, 2]),
        ([3000, 3000, 1], 200, [1, 1, 1]),
        ([1, 3000], 200, [1, 1]),
        ([10] * 450, 200, [200, 200, 50]),
        ([1] * 41, 20, [20, 20, 1]),
        ([1] * 19, 19, [19]),
    ],
)
async def test_a_page_has_so_many_jobs_and_variants_at_most(
    variants: list[int], limit: int, lengths: list[int]
) -> None:
    shelf = Shelf(*variants)
    pages = await shelf.pages(Listing(tenant="t", limit=limit))
    assert [len(page) for page in pages] == lengths
    assert [job_id for page in pages for job_id in page] == [job.id for job in shelf.jobs]


async def test_few_jobs_are_read_that_are_not_on_the_page() -> None:
    shelf = Shelf(*[100] * 201)
    await find_page(shelf.find, Listing(tenant="t", limit=200))
    assert shelf.read <= 2 * MAX_VARIANTS / 100


async def test_others_have_their_turn_while_a_page_is_made() -> None:
    shelf = Shelf(*[100] * 20)
    listing = Listing(tenant="t", limit=200)
    making = asyncio.create_task(job_list(listing, shelf.jobs))
    turns = 0
    while not making.done():
        await asyncio.sleep(0)
        turns += 1
    assert len((await making).jobs) == 20
    assert turns >= 20
