"""Signed links: for whoever has them, for one address, for a while."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientPayloadError, ClientResponse
from yarl import URL

from pixelpipe.auth.keys import Scope
from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime
from tests.api_keys import NOW, Held, drop_key, keep_keys, make_key
from tests.guarded import Guarded, guarded
from tests.http_jobs import (
    Json,
    begun,
    document,
    made,
    own_photo,
    refusal,
    specs,
    until,
    until_true,
)
from tests.serving import small_settings

OWNER, OTHER, ADMIN = make_key("owner"), make_key("other"), make_key("admin", [Scope.ADMIN])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("data")
    keep_keys(folder, OWNER, OTHER, ADMIN)
    return small_settings(folder, auth="on")


@pytest_asyncio.fixture
async def house(runtime: Runtime) -> AsyncIterator[Guarded]:
    async with guarded(runtime) as opened:
        yield opened


async def links_of(house: Guarded, job: Json, query: str = "", held: Held = OWNER) -> Json:
    """The links to what a job has."""
    path = f"/api/jobs/{job['id']}/links{query}"
    answer = await house.client.post(path, headers=held.header)
    assert answer.status == 200, await answer.text()
    return await document(answer)


async def status(house: Guarded, url: str, method: str = "GET") -> int:
    """What the holder of the link is answered with."""
    answer = await house.client.request(method, url)
    await answer.read()
    return answer.status


async def test_links_lead_to_all_that_a_job_has(house: Guarded) -> None:
    job = await house.job(OWNER, "a", "b")
    links = await links_of(house, job)
    assert [variant["name"] for variant in links["variants"]] == ["a", "b"]
    for url in (links["archive"], links["events"], *(v["url"] for v in links["variants"])):
        assert await status(house, url) == 200
    for url in (links["archive"], links["variants"][0]["url"]):
        assert await status(house, url, "HEAD") == 200


async def test_a_link_is_good_for_looking_only(house: Guarded) -> None:
    job = await house.job(OWNER)
    links = await links_of(house, job)
    url, query = links["variants"][0]["url"].split("?")
    assert await status(house, f"{url}?{query}", "POST") == 405
    for path in (f"/api/jobs/{job['id']}", "/api/jobs", "/api/events"):
        assert await status(house, f"{path}?{query}") == 401
    assert await status(house, f"/api/jobs/{job['id']}?{query}", "DELETE") == 401
    for path in (f"/api/jobs/{job['id']}/archive.zip", url + "b", url.replace("/a", "/%61")):
        # As it is, which the client would tidy up otherwise.
        answer = await house.client.get(URL(f"{house.url}{path[1:]}?{query}", encoded=True))
        assert await refusal(answer) == (403, "invalid-link")


async def test_a_link_may_ask_for_a_download(house: Guarded) -> None:
    links = await links_of(house, await house.job(OWNER))
    answer = await house.client.get(links["variants"][0]["url"] + "&download=1")
    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    await answer.read()


async def test_a_link_lasts_an_hour_unless_asked_otherwise(house: Guarded) -> None:
    job = await house.job(OWNER)
    for query, lasts_s in (("", 3600), ("?expires_s=1", 1), ("?expires_s=604800", 604800)):
        before = int(time.time())
        links = await links_of(house, job, query)
        ends = int(links["events"].partition("expires=")[2].partition("&")[0])
        assert before + lasts_s <= ends <= int(time.time()) + lasts_s


@pytest.mark.parametrize(
    "query", ["expires_s=0", "expires_s=604801", "expires_s=x", "expires_s=1&expires_s=2", "a=1"]
)
async def test_other_times_are_refused(house: Guarded, query: str) -> None:
    job = await house.job(OWNER)
    answer = await house.client.post(f"/api/jobs/{job['id']}/links?{query}", headers=OWNER.header)
    assert await refusal(answer) == (400, "malformed-request")


async def test_no_cache_keeps_an_answer_longer_than_its_link(house: Guarded) -> None:
    links = await links_of(house, await house.job(OWNER), "?expires_s=100")
    answer = await house.client.get(links["variants"][0]["url"])
    private, age = answer.headers["Cache-Control"].split(", max-age=")
    assert private == "private"
    assert 0 < int(age) <= 100
    await answer.read()
    answer = await house.client.get(links["archive"])
    assert answer.headers["Cache-Control"] == "no-store"
    await answer.read()


async def test_a_link_to_what_is_not_made_yet_is_good_later(house: Guarded) -> None:
    async with house.as_one(OWNER) as client:
        job = await begun(client, own_photo(), specs("a"))
    links = await links_of(house, job)

    async def there() -> bool:
        return await status(house, links["archive"]) == 200

    await until_true(there)


async def test_an_admins_link_to_a_job_of_anybody_is_good(house: Guarded) -> None:
    links = await links_of(house, await house.job(OTHER), held=ADMIN)
    assert await status(house, links["archive"]) == 200


async def test_a_deleted_job_gets_no_links(house: Guarded) -> None:
    job = await house.job(OWNER)
    await house.client.delete(f"/api/jobs/{job['id']}", headers=OWNER.header)
    answer = await house.client.post(f"/api/jobs/{job['id']}/links", headers=OWNER.header)
    assert await refusal(answer) == (410, "job-gone")


async def test_with_its_key_a_link_ends_and_a_stream_is_cut(
    house: Guarded, settings: Settings
) -> None:
    short = make_key("short")
    await asyncio.to_thread(keep_keys, settings.data_dir, short)

    keys = house.keeper.keys
    await until(lambda: keys.ring.get(short.key.id, NOW) is not None)
    job = await house.job(short)
    variant = f"/api/jobs/{job['id']}/variants/a"
    link = f"{variant}?{house.link(short, variant)}"
    streams = [
        await house.client.get("/api/events", headers=headers)
        for headers in (short.header, house.session(short), OWNER.header)
    ]
    assert await status(house, link) == 200
    await asyncio.to_thread(drop_key, settings.data_dir, short)

    cut = [asyncio.create_task(_until_the_end(stream)) for stream in streams[:2]]
    async with asyncio.timeout(30):
        await asyncio.gather(*cut)
    answer = await house.client.get(link)
    assert await refusal(answer) == (403, "invalid-link")
    assert (await house.client.get("/api/jobs", headers=house.session(short))).status == 401
    assert (await house.client.get("/api/jobs", headers=short.header)).status == 401
    assert not streams[2].content.at_eof()
    streams[2].close()


async def test_a_stream_ends_with_its_session(house: Guarded) -> None:
    headers = house.session(OWNER, int(time.time()) + 2)
    stream = await house.client.get("/api/events", headers=headers)
    assert stream.status == 200
    async with asyncio.timeout(30):
        await _until_the_end(stream)
    assert (await house.client.get("/api/events", headers=headers)).status == 401


async def _until_the_end(stream: ClientResponse) -> None:
    with suppress(ClientPayloadError):  # It may be cut off, which is the end as well.
        await stream.read()


def test_secrets_are_in_the_data_folder(runtime: Runtime, settings: Settings) -> None:
    assert runtime.settings is settings
    names = {path.name for path in Path(settings.data_dir).iterdir()}
    assert {"keys.json", "url-secret", "webhook-secret"} <= names


async def test_links_and_sessions_are_good_below_a_path(runtime: Runtime) -> None:
    below = runtime.settings.model_copy(update={"base_path": "/img"})
    async with guarded(replace(runtime, settings=below)) as house:
        answer = await house.client.post("/img/api/session", headers=OWNER.header)
        cookie = answer.cookies["pixelpipe_session"]
        assert cookie["path"] == "/img"
        session = {"Cookie": f"pixelpipe_session={cookie.value}"}
        params = {"preset": "icons"}
        headers = session | {"Prefer": "wait=30"}
        answer = await house.client.post(
            "/img/api/jobs", data=own_photo(), params=params, headers=headers
        )
        job = await document(answer)
        answer = await house.client.post(f"/img/api/jobs/{job['id']}/links", headers=session)
        links = await document(answer)
        for url in (links["archive"], links["events"], links["variants"][0]["url"]):
            assert url.startswith("/img/api/jobs/")
            assert await status(house, url) == 200
        assert await status(house, links["archive"].removeprefix("/img")) == 404
        assert await status(house, f"/img/api/jobs/{job['id']}") == 401


async def test_the_address_that_chooses_a_format_has_a_link_too(house: Guarded) -> None:
    wanted = [{"name": "hero", "resize": {"width": 20}, "formats": ["webp", "jpeg"]}]
    async with house.as_one(OWNER) as owner:
        job = await made(owner, own_photo(), wanted)
    links = await links_of(house, job)
    assert [variant["name"] for variant in links["variants"]] == ["hero.webp", "hero.jpeg", "hero"]
    for accept in ("image/webp", "image/jpeg"):
        answer = await house.client.get(links["variants"][2]["url"], headers={"Accept": accept})
        assert (answer.status, answer.headers["Content-Type"]) == (200, accept)
        assert answer.headers["Vary"] == "Accept"
