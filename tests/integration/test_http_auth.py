"""Who may do what: every route, asked with everything that somebody could show."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import pytest_asyncio
from aiohttp import ClientResponse

from event_stream import read_events
from pixelpipe.auth.keys import Scope
from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime
from pixelpipe.server.guards.needs import NEEDS
from tests.api_keys import Held, keep_keys, make_key
from tests.guarded import Guarded, guarded
from tests.http_jobs import begun, document, made, own_photo, refusal, specs
from tests.serving import small_settings

OWNER = make_key("owner")
READER = make_key("reader", [Scope.READ], tenant=OWNER.key.id)
SUBMITTER = make_key("submitter", [Scope.SUBMIT], tenant=OWNER.key.id)
OTHER = make_key("other")
ADMIN = make_key("admin", [Scope.ADMIN])
WRONG = Held(OWNER.key, OWNER.text[:-1] + ("0" if OWNER.text[-1] != "0" else "1"))

EVENTS, VARIANT, ARCHIVE = (
    "/api/jobs/{}/events",
    "/api/jobs/{}/variants/a",
    "/api/jobs/{}/archive.zip",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("data")
    keep_keys(folder, OWNER, READER, SUBMITTER, OTHER, ADMIN)
    return small_settings(folder, auth="on")


@pytest_asyncio.fixture
async def house(runtime: Runtime) -> AsyncIterator[Guarded]:
    async with guarded(runtime) as opened:
        yield opened


class Route(NamedTuple):
    """A call, and what it is answered with.

    Attributes:
        call: Method and path; `{}` stands for a job of the owner's that has ended.
        allowed: The status where it is allowed.
        scope: What it needs; None if it is open.
        keyless: Whether keys are not even looked at.
        of_job: Whether it is about that job.
        linkable: Whether a link can be of it.
    """

    call: str
    allowed: int
    scope: Scope | None
    of_job: bool = True
    linkable: bool = False
    keyless: bool = True

    @property
    def expected(self) -> dict[str, int]:
        """The status for each who may ask."""
        if self.scope is None:
            wrong = {} if self.keyless else {"wrong key": 401}
            return dict.fromkeys(WHO, self.allowed) | wrong
        yes = self.allowed
        return {
            "nobody": 401,
            "wrong key": 401,
            "reader": yes if self.scope is Scope.READ else 403,
            "submitter": yes if self.scope is Scope.SUBMIT else 403,
            "owner": yes,
            "other": 404 if self.of_job else yes,
            "admin": yes,
            "session": yes,
            "forged session": 401,
            "link": yes if self.linkable else 401,
            "expired link": 403 if self.linkable else 401,
            "forged link": 403 if self.linkable else 401,
        }


WHO = (
    "nobody",
    "wrong key",
    "reader",
    "submitter",
    "owner",
    "other",
    "admin",
    "session",
    "forged session",
    "link",
    "expired link",
    "forged link",
)
KEYS = {
    "wrong key": WRONG,
    "reader": READER,
    "submitter": SUBMITTER,
    "owner": OWNER,
    "other": OTHER,
    "admin": ADMIN,
}

MATRIX = [
    Route("POST /api/jobs", 202, Scope.SUBMIT, of_job=False),
    Route("POST /api/transform", 200, Scope.SUBMIT, of_job=False),
    Route("POST /api/files", 201, Scope.SUBMIT, of_job=False),
    Route("POST /api/files/async", 202, Scope.SUBMIT, of_job=False),
    Route("DELETE /api/jobs/{}", 204, Scope.SUBMIT),
    Route("POST /api/jobs/{}/retry", 409, Scope.SUBMIT),
    Route("GET /api/jobs", 200, Scope.READ, of_job=False),
    Route("GET /api/jobs/{}", 200, Scope.READ),
    Route("HEAD /api/jobs/{}", 200, Scope.READ),
    Route(f"GET {EVENTS}", 200, Scope.READ, linkable=True),
    Route(f"GET {VARIANT}", 200, Scope.READ, linkable=True),
    Route(f"HEAD {VARIANT}", 200, Scope.READ, linkable=True),
    Route(f"GET {ARCHIVE}", 200, Scope.READ, linkable=True),
    Route(f"HEAD {ARCHIVE}", 200, Scope.READ, linkable=True),
    Route("POST /api/jobs/{}/links", 200, Scope.READ),
    Route("GET /api/events", 200, Scope.READ, of_job=False),
    Route("GET /api/events?job={}", 200, Scope.READ),
    Route("GET /api/presets", 200, Scope.READ, of_job=False),
    Route("GET /healthz", 200, None),
    Route("GET /readyz", 200, None, keyless=False),
    Route("GET /", 200, None),
    Route("GET /static/style.css", 200, None),
    Route("GET /nothing", 404, None),
    Route("GET /api/session", 200, None, keyless=False),
    Route("DELETE /api/session", 204, None),
]


async def ask(house: Guarded, route: Route, who: str) -> ClientResponse:
    """Make the call; a job that it may change is a fresh one."""
    method, path = route.call.split(" ", 1)
    if "{}" in path:
        path = path.format((await house.job(OWNER))["id"])
    headers, given = _shown(house, who, path)
    body = own_photo() if method == "POST" and "{}" not in route.call else None
    url = path + ("&" if "?" in path else "?") + given if given else path
    if body and not given:
        url += "?preset=icons" if path == "/api/jobs" else ""
    answer = await house.client.request(method, url, headers=headers, data=body)
    if "events" not in path:
        await answer.read()
    answer.close()
    return answer


def _shown(house: Guarded, who: str, path: str) -> tuple[dict[str, str], str]:
    """Headers, and what stands behind the question mark."""
    if who in KEYS:
        return KEYS[who].header, ""
    cookie, link = house.session(OWNER)["Cookie"], house.link(OWNER, path)
    shown = {
        "nobody": ({}, ""),
        "session": ({"Cookie": cookie}, ""),
        "forged session": ({"Cookie": cookie.replace(".4", ".5")}, ""),
        "link": ({}, link),
        "expired link": ({}, house.link(OWNER, path, 1)),
        "forged link": ({}, link.replace("=4", "=5")),
    }
    return shown[who]


def test_the_matrix_has_every_route() -> None:
    asked = {route.call.partition("?")[0] for route in MATRIX}
    known = {
        call.replace("{job_id}", "{}").replace("{name}", "a").replace("{path}", "style.css")
        for call in NEEDS
    }
    assert known - asked == {"GET ", "POST /api/session"}  # A path of its own; a module of its own.


@pytest.mark.parametrize("route", MATRIX, ids=lambda route: route.call)
async def test_who_may_do_what(house: Guarded, route: Route) -> None:
    answers = {who: (await ask(house, route, who)).status for who in WHO}
    assert answers == route.expected


async def test_a_refusal_says_what_is_missing(house: Guarded) -> None:
    answer = await house.client.get("/api/jobs")
    assert await refusal(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = await house.client.get("/api/jobs", headers=SUBMITTER.header)
    assert await refusal(answer) == (403, "forbidden")
    problem = await document(answer)
    assert problem["scope"] == "read"
    assert "scope read" in problem["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {OWNER.text}"},
        {"Authorization": f"bearer   {OWNER.text} "},
        {"X-API-Key": OWNER.text},
        {"X-API-Key": OWNER.text, "Authorization": "Basic dXNlcjpwYXNz"},
    ],
)
async def test_a_key_comes_in_either_header(house: Guarded, headers: dict[str, str]) -> None:
    assert (await house.client.get("/api/jobs", headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {WRONG.text}", "X-API-Key": OWNER.text},
        {"Authorization": "Bearer", "X-API-Key": OWNER.text},
        {"Authorization": f"Bearer {OWNER.text} {OWNER.text}"},
        {"Authorization": f"Bearer {OWNER.key.sha256}"},
        {"Authorization": OWNER.text},
        {"X-API-Key": ""},
    ],
)
async def test_what_is_no_key_is_none(house: Guarded, headers: dict[str, str]) -> None:
    assert (await house.client.get("/api/jobs", headers=headers)).status == 401


async def test_a_wrong_key_counts_more_than_a_good_session(house: Guarded) -> None:
    headers = house.session(OWNER) | WRONG.header
    assert (await house.client.get("/api/jobs", headers=headers)).status == 401


async def test_a_refused_upload_is_not_read(house: Guarded) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    answer = await house.client.post("/api/jobs", data=endless())
    assert await refusal(answer) == (401, "unauthorized")


async def test_a_list_has_ones_own_jobs_and_an_admins_all(house: Guarded) -> None:
    mine, his = await house.job(OWNER), await house.job(OTHER)

    async def listed(held: Held) -> set[str]:
        answer = await house.client.get("/api/jobs?limit=200", headers=held.header)
        return {job["id"] for job in (await document(answer))["jobs"]}

    assert mine["id"] in await listed(OWNER)
    assert his["id"] not in await listed(OWNER)
    assert await listed(READER) == await listed(OWNER)
    assert his["id"] in await listed(OTHER)
    assert mine["id"] not in await listed(OTHER)
    assert {mine["id"], his["id"]} <= await listed(ADMIN)


async def test_a_stream_of_all_events_has_only_ones_own(house: Guarded) -> None:
    answers = {
        held.key.name: await house.client.get("/api/events", headers=held.header)
        for held in (OWNER, OTHER, ADMIN)
    }
    mine, his = await house.job(OWNER), await house.job(OTHER)
    mine_again = await house.job(OWNER)
    seen = {
        name: await _jobs_told(answer, 2) for name, answer in answers.items() if name != "other"
    }
    seen["other"] = await _jobs_told(answers["other"], 1)
    assert seen["owner"] == [mine["id"], mine_again["id"]]
    assert seen["other"] == [his["id"]]
    assert seen["admin"] == [mine["id"], his["id"]]


async def _jobs_told(answer: ClientResponse, jobs: int) -> list[str]:
    """The first jobs that are told of."""
    told: dict[str, None] = {}
    async for event in read_events(answer.content):
        told[event.data["job"]] = None
        if len(told) == jobs:
            break
    answer.close()
    return list(told)


async def test_an_idempotency_key_is_ones_own(house: Guarded) -> None:
    photo, wanted = own_photo(), specs("a")
    made_by = {}
    for held in (OWNER, SUBMITTER, OTHER):
        async with house.as_one(held) as client:
            made_by[held] = (await begun(client, photo, wanted, Idempotency_Key="one"))["id"]
    assert made_by[OWNER] == made_by[SUBMITTER]
    assert made_by[OWNER] != made_by[OTHER]


async def test_what_another_has_made_is_made_again(house: Guarded) -> None:
    photo, wanted = own_photo(), specs("a")

    async def cache(held: Held) -> str:
        async with house.as_one(held) as client:
            job = await made(client, photo, wanted)
        return str(job["variants"][0]["cache"])

    assert await cache(OWNER) == "miss"
    assert await cache(OTHER) == "miss"
    assert await cache(SUBMITTER) == "hit"


async def test_an_admin_may_remove_a_job_of_anybody(house: Guarded) -> None:
    job = await house.job(OTHER)
    answer = await house.client.delete(f"/api/jobs/{job['id']}", headers=ADMIN.header)
    assert answer.status == 204
    answer = await house.client.get(f"/api/jobs/{job['id']}", headers=OTHER.header)
    assert (await document(answer))["deleted_at"]


@pytest.mark.parametrize(("held", "told"), [(None, False), (SUBMITTER, False), (READER, True)])
async def test_the_facts_are_for_those_who_may_read(
    house: Guarded, held: Held | None, *, told: bool
) -> None:
    answer = await house.client.get("/readyz", headers=held.header if held else {})
    facts = await document(answer)
    assert facts["ready"] is True
    assert ("workers" in facts) is told


async def test_answers_are_for_no_other_cache(house: Guarded) -> None:
    job = await house.job(OWNER)
    answer = await house.client.get(VARIANT.format(job["id"]), headers=OWNER.header)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    await answer.read()
    again = OWNER.header | {"If-None-Match": answer.headers["ETag"]}
    answer = await house.client.get(VARIANT.format(job["id"]), headers=again)
    assert answer.status == 304


async def test_no_key_is_in_the_log_or_in_an_error(
    house: Guarded, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = make_key()
    for headers in (wrong.header, {"X-API-Key": wrong.text}):
        answer = await house.client.get("/api/jobs", headers=headers)
        assert wrong.text not in await answer.text()
        assert wrong.text not in str(answer.headers)
    written = capfd.readouterr()
    assert wrong.text[-64:] not in written.out + written.err
