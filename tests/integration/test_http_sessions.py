"""Sessions of the page, over HTTP."""

import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
import pytest_asyncio

from pixelpipe.auth.keys import Scope
from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime
from tests.api_keys import keep_keys, make_key
from tests.guarded import Guarded, guarded
from tests.http_jobs import Json, document, refusal
from tests.serving import small_settings

OWNER, READER = make_key("the owner"), make_key("reader", [Scope.READ])
NAME = "pixelpipe_session"
APP = "https://app.example.com"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("data")
    keep_keys(folder, OWNER, READER)
    return small_settings(
        folder,
        auth="on",
        session_s=100,
        public_url="https://img.example.com/gallery",
        cors_origins=APP,
    )


@pytest_asyncio.fixture
async def house(runtime: Runtime) -> AsyncIterator[Guarded]:
    async with guarded(runtime) as opened:
        yield opened


async def test_a_session_does_what_its_key_does(house: Guarded) -> None:
    answer = await house.client.post("/api/session", headers=READER.header)
    assert answer.status == 200
    headers = {"Cookie": f"{NAME}={answer.cookies[NAME].value}"}
    assert (await house.client.get("/api/jobs", headers=headers)).status == 200
    answer = await house.client.post("/api/jobs", headers=headers)
    assert await refusal(answer) == (403, "forbidden")
    assert await document(await house.client.get("/api/session", headers=headers)) == {
        "required": True,
        "name": "reader",
        "scopes": ["read"],
        "expires_at": pytest.approx(time.time() + 100, abs=10),
    }


async def test_the_cookie_is_for_the_server_alone(house: Guarded) -> None:
    told = {"Host": "img.example.com"}
    answer = await house.client.post("/api/session", headers=OWNER.header | told)
    cookie = answer.cookies[NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["secure"]
    assert cookie["path"] == "/gallery"
    assert int(cookie["max-age"]) == 100
    assert OWNER.text[-64:] not in cookie.value
    assert answer.headers["Cache-Control"] == "no-store"


async def test_over_http_the_cookie_is_not_bound_to_https(house: Guarded) -> None:
    answer = await house.client.post("/api/session", headers=OWNER.header)
    assert not answer.cookies[NAME]["secure"]


async def test_without_a_session_one_is_nobody(house: Guarded) -> None:
    answer = await house.client.get("/api/session")
    nobody: Json = {"required": True, "name": None, "scopes": [], "expires_at": None}
    assert await document(answer) == nobody


async def test_a_wrong_key_makes_no_session(house: Guarded) -> None:
    for headers in (make_key().header, {}):
        answer = await house.client.post("/api/session", headers=headers)
        assert await refusal(answer) == (401, "unauthorized")
        assert NAME not in answer.cookies


async def test_a_session_makes_no_other(house: Guarded) -> None:
    answer = await house.client.post("/api/session", headers=house.session(OWNER))
    assert await refusal(answer) == (401, "unauthorized")


async def test_signing_out_takes_the_cookie_back(house: Guarded) -> None:
    answer = await house.client.delete("/api/session", headers=house.session(OWNER))
    assert answer.status == 204
    cookie: SimpleCookie = answer.cookies
    assert (cookie[NAME].value, cookie[NAME]["max-age"]) == ("", "0")
    assert cookie[NAME]["path"] == "/gallery"


async def test_a_session_ends(house: Guarded) -> None:
    headers = house.session(OWNER, int(time.time()))
    assert (await house.client.get("/api/jobs", headers=headers)).status == 401


async def test_another_site_may_not_sign_in_or_out(house: Guarded) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for method in ("POST", "DELETE"):
        answer = await house.client.request(method, "/api/session", headers=OWNER.header | foreign)
        assert await refusal(answer) == (403, "cross-site")
        assert NAME not in answer.cookies


@pytest.mark.parametrize("site", [{"Sec-Fetch-Site": "same-site"}, {}])
async def test_a_session_is_of_no_use_to_pages_of_other_sites_that_may_call(
    house: Guarded, site: dict[str, str]
) -> None:
    """To browsers a page at a neighbouring name is of the same site: the cookie goes with calls."""
    job = await house.job(OWNER)
    foreign = {"Origin": APP} | site
    for method, path in (("DELETE", f"/api/jobs/{job['id']}"), ("GET", "/api/jobs")):
        answer = await house.client.request(method, path, headers=house.session(OWNER) | foreign)
        assert await refusal(answer) == (401, "unauthorized")
        answer = await house.client.request(method, path, headers=OWNER.header | foreign)
        assert answer.status in {200, 204}


@pytest.mark.parametrize("other", [f"{NAME}=of-a-server-above", f'{NAME}="; x'])
async def test_a_cookie_of_another_server_does_not_hide_the_session(
    house: Guarded, other: str
) -> None:
    """Of two servers below one name a browser sends both cookies, of the longer path first."""
    own = house.session(OWNER)["Cookie"]
    for cookies in (f"{own}; {other}", f"{other}; {own}", f"a=b;{own};{other}"):
        answer = await house.client.get("/api/jobs", headers={"Cookie": cookies})
        assert answer.status == 200
    answer = await house.client.get("/api/jobs", headers={"Cookie": f"x{own}; y={own}"})
    assert await refusal(answer) == (401, "unauthorized")
