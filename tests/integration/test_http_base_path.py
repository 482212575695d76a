"""The server below a path, by itself or behind a proxy that takes the path away."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp import AiohttpClient, AiohttpServer

from event_stream import read_events
from pixelpipe.config import Settings
from pixelpipe.jobs.views import place_links
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.server.app import make_app
from tests.http_jobs import Json, own_photo, until
from tests.serving import BoundedServer, Client, small_settings

Open = Callable[..., Awaitable[Client]]

BASE = "/images"


@pytest_asyncio.fixture
async def site(runtime: Runtime, aiohttp_client: AiohttpClient) -> Open:
    """Opens a server over the module's runtime with some settings changed."""

    async def open_site(**changes: object) -> Client:
        settings = runtime.settings.model_copy(update=changes)
        app = make_app(replace(runtime, settings=settings))
        return await aiohttp_client(BoundedServer(app))

    return open_site


async def _job(client: Client, base: str, **header: str) -> Json:
    headers = {"Prefer": "wait=30"} | {k.replace("_", "-"): v for k, v in header.items()}
    url = f"{base}/api/jobs?preset=icons"
    async with client.post(url, data=own_photo(), headers=headers) as answer:
        job: Json = await answer.json()
        assert answer.status == 200, job
        assert answer.headers["Location"] == job["links"]["self"]
        return job


def _links(job: Json) -> list[str]:
    return [*job["links"].values(), *(made["url"] for made in job["variants"])]


async def test_every_link_leads_somewhere_below_the_path(site: Open) -> None:
    client = await site(base_path=BASE)
    job = await _job(client, BASE)
    assert len(_links(job)) == 3 + 5
    for link in _links(job):
        assert link.startswith(f"{BASE}/api/jobs/{job['id']}")
        async with client.get(link) as answer:
            assert answer.status == 200, link
            await answer.read()


async def test_the_next_page_is_below_the_path(site: Open) -> None:
    client = await site(base_path=BASE)
    for _ in range(2):
        await _job(client, BASE)
    async with client.get(f"{BASE}/api/jobs?limit=1") as answer:
        page = await answer.json()
        assert page["next"].startswith(f"{BASE}/api/jobs?")
        assert answer.headers["Link"] == f'<{page["next"]}>; rel="next"'
    async with client.get(page["next"]) as answer:
        assert len((await answer.json())["jobs"]) == 1


async def _event_links(client: Client, url: str) -> set[str]:
    async with client.get(url) as answer:
        events = [event async for event in read_events(answer.content)]
    data = [event.data for event in events if event.data]
    found = {event["links"]["self"] for event in data if "links" in event}
    return found | {event["url"] for event in data if event.get("url")}


async def test_events_of_any_time_have_links_that_are_right_now(site: Open) -> None:
    """They are journalled; the path may change while the job lives."""
    for first, second in ((BASE, ""), ("", BASE), (BASE, "/a/b")):
        before, after = await site(base_path=first), await site(base_path=second)
        job = await _job(before, first)
        for client, base in ((before, first), (after, second)):
            own = f"{base}/api/jobs/{job['id']}"
            links = await _event_links(client, f"{own}/events")
            assert len(links) == 1 + 5
            for link in links:
                assert link == own or link.startswith(f"{own}/variants/")


async def test_a_picture_that_was_saved_says_where(site: Open) -> None:
    client = await site(base_path=BASE)
    for accept in ("application/json", "image/*"):
        headers = {"Accept": accept}
        async with client.post(f"{BASE}/api/files", data=own_photo(), headers=headers) as answer:
            assert answer.status == 201
            location = answer.headers["Location"]
        assert location.startswith(f"{BASE}/api/jobs/")
        async with client.get(location) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/jobs", "/healthz", "/static/style.css", "/imagesx/", "/images/images/"]
)
async def test_nothing_is_outside_the_path(site: Open, path: str) -> None:
    client = await site(base_path=BASE)
    async with client.get(path) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"


async def test_the_page_is_in_its_folder(site: Open) -> None:
    client = await site(base_path=BASE)
    async with client.get(BASE, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, f"{BASE}/")
    async with client.get(f"{BASE}/") as answer:
        assert answer.status == 200
        text = await answer.text()
    assert '"static/js/main.js"' in text
    assert '="/' not in text  # what begins with a slash would be outside
    async with client.get(f"{BASE}/static/js/main.js") as answer:
        assert answer.status == 200


async def test_a_key_is_the_same_wherever_the_server_stands(site: Open) -> None:
    photo = own_photo()
    ids = set()
    for base in ("", BASE):
        client = await site(base_path=base)
        headers = {"Idempotency-Key": '"moved"'}
        url = f"{base}/api/jobs?preset=icons"
        async with client.post(url, data=photo, headers=headers) as answer:
            assert answer.status == 202
            ids.add((await answer.json())["id"])
    assert len(ids) == 1


async def test_behind_a_proxy_that_takes_the_path_away_links_have_it(site: Open) -> None:
    client = await site(public_url="https://img.example.com/pictures/")
    job = await _job(client, "")
    assert all(link.startswith("/pictures/api/jobs/") for link in _links(job))
    async with client.get(f"/api/jobs/{job['id']}/archive.zip") as answer:
        content = io.BytesIO(await answer.read())
    with zipfile.ZipFile(content) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    root = "https://img.example.com/pictures/api/jobs/"
    assert all(link.startswith(root) for link in _links(manifest["job"]))


@pytest_asyncio.fixture
async def told(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Settings, list[Json]]]:
    """Settings of a server with a public URL, and what its webhook is told."""
    got: list[Json] = []

    async def receive(request: web.Request) -> web.Response:
        got.append(await request.json() | {"url": str(request.url)})
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server:
        settings = small_settings(
            tmp_path_factory.mktemp("public"),
            webhook_private=True,
            base_path=BASE,
            public_url="https://img.example.com",
        )
        got.append({"url": str(server.make_url("/hook"))})
        yield settings, got


async def test_a_webhook_is_told_links_that_lead_here_from_anywhere(
    told: tuple[Settings, list[Json]],
    aiohttp_server: AiohttpServer,
    aiohttp_client: AiohttpClient,
) -> None:
    settings, got = told
    hook = got.pop()["url"]
    async with open_runtime(settings) as runtime:
        client: Client = await aiohttp_client(await aiohttp_server(make_app(runtime)))
        url = f"{BASE}/api/jobs?preset=icons&webhook={hook}"
        async with client.post(url, data=own_photo()) as answer:
            assert answer.status == 202
            job = await answer.json()
        await until(lambda: bool(got))
    assert job["links"]["self"].startswith(f"{BASE}/api/jobs/")
    links = _links(got[0]["data"])
    assert len(links) == 3 + 5
    assert all(link.startswith(f"https://img.example.com{BASE}/api/jobs/") for link in links)


def test_only_links_are_placed_below_a_path() -> None:
    """What a client may choose, such as a name, cannot look like a link."""
    document: Json = {
        "name": '"url":"/api/jobs/x',
        "url": "/api/jobs/1",
        "links": {"self": "/api/jobs/2", "events": "/api/jobs/2/events", "archive": None},
        "detail": "/api/jobs is full",
        "webhook": "https://a.example/api/",
        "next": "/api/jobs?limit=1",
    }
    placed = document | {
        "url": "/b/api/jobs/1",
        "links": {"self": "/b/api/jobs/2", "events": "/b/api/jobs/2/events", "archive": None},
        "next": "/b/api/jobs?limit=1",
    }
    for written in (json.dumps(document), json.dumps(document, separators=(",", ":"))):
        assert json.loads(place_links(written.encode(), "/b")) == placed
        assert place_links(written.encode(), "") == written.encode()
