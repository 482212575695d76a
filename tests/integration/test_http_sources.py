"""`source_url`: photographs that the server fetches itself, and those that it does not."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestServer
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime
from pixelpipe.server import sources
from pixelpipe.server.sources import SOURCES
from tests.http_jobs import PATIENCE_S, WAIT, document, own_photo, refusal, specs, until
from tests.serving import Client, connected, small_settings

Open = Callable[..., Awaitable[Client]]

LIMIT_BYTES = 300_000
UNAVAILABLE = (502, "source-unavailable")
REFUSED = (422, "source-url-refused")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(
        tmp_path_factory.mktemp("data"),
        source_urls=True,
        source_url_private=True,
        source_url_timeout_s=PATIENCE_S,
        max_upload_bytes=LIMIT_BYTES,
    )


@dataclass
class Origin:
    """A server of photographs; each path is a behaviour of its own."""

    photo: bytes = b""
    asked: list[web.Request] = field(default_factory=list)
    waiting: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    url: Callable[[str], str] = str

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        name = request.match_info["name"]
        if name == "waits":
            return await self._wait()
        if name == "chunked":
            return await self._chunked(request)
        if name == "breaks-off":
            return await self._break_off(request)
        answers: dict[str, Callable[[], web.Response]] = {
            "missing": lambda: web.Response(status=404),
            "nothing": lambda: web.Response(content_type="image/jpeg"),
            "no-content": lambda: web.Response(status=204),
            "page": lambda: web.Response(text="<p>", content_type="text/html"),
            "json": lambda: web.json_response({}),
            "problem": lambda: web.json_response({}, content_type="application/problem+json"),
            "video": lambda: web.Response(body=self.photo, content_type="video/mp4"),
            "text": lambda: web.Response(body=self.photo, content_type="text/plain"),
            "octets": lambda: web.Response(
                body=self.photo, content_type="application/octet-stream"
            ),
            "lies": lambda: web.Response(body=b"no image" * 99, content_type="image/png"),
            "svg": lambda: web.Response(
                text="<svg xmlns='http://www.w3.org/2000/svg'/>", content_type="image/svg+xml"
            ),
            "encoded": lambda: web.Response(
                body=self.photo, headers={"Content-Encoding": "gzip"}, content_type="image/jpeg"
            ),
            "large": lambda: web.Response(body=bytes(LIMIT_BYTES + 1), content_type="image/jpeg"),
        }
        made = answers.get(name)
        if made:
            return made()
        return web.Response(body=self.photo, content_type="image/jpeg")

    async def redirect(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        left = int(request.match_info["left"])
        where = f"/to/{left - 1}" if left else request.query.get("where", "/photo.jpg")
        query = f"?{request.query_string}" if left and request.query_string else ""
        return web.Response(status=302, headers={"Location": where + query})

    async def _wait(self) -> web.Response:
        self.waiting += 1
        await self.released.wait()
        return web.Response(body=self.photo, content_type="image/jpeg")

    async def _chunked(self, request: web.Request) -> web.StreamResponse:
        """Without a length, and without an end unless the other side has had enough."""
        response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
        await response.prepare(request)
        await response.write(self.photo)
        if "endless" in request.query:
            while True:
                await response.write(bytes(65536))
        await response.write_eof()
        return response

    async def _break_off(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100000"})
        await response.prepare(request)
        await response.write(self.photo[:100])
        assert request.transport is not None
        request.transport.abort()
        return response


@pytest_asyncio.fixture
async def origin() -> AsyncIterator[Origin]:
    found = Origin(own_photo())
    app = web.Application()
    app.router.add_get("/to/{left}", found.redirect)
    app.router.add_get("/{name:.*}", found.answer)
    async with TestServer(app) as server:
        found.url = lambda path: str(server.make_url(path))
        yield found
        found.released.set()


async def _submit(client: Client, url: str, **query: str) -> ClientResponse:
    params = {"source_url": url, "variants": json.dumps(specs("a"))} | query
    return await client.post("/api/jobs", params=params, headers=WAIT)


async def test_a_job_of_a_photograph_at_a_url(client: Client, origin: Origin) -> None:
    answer = await _submit(client, origin.url("/shots/my%20cat.jpg?size=large"))
    assert answer.status == 200, await answer.text()
    job = await document(answer)
    assert job["state"] == "completed"
    assert job["source"]["name"] == "my cat.jpg"
    assert job["source"]["bytes"] == len(origin.photo)
    assert job["timings_ms"]["receive"] > 0
    (asked,) = origin.asked
    assert asked.method == "GET"
    assert asked.headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Authorization", "Referer"} & set(asked.headers)


async def test_the_url_may_stand_in_a_form(client: Client, origin: Origin) -> None:
    for order in (("source_url", "variants"), ("variants", "source_url")):
        values = {"source_url": origin.url("/photo.jpg"), "variants": json.dumps(specs("a"))}
        form = FormData({name: values[name] for name in order}, default_to_multipart=True)
        async with client.post("/api/jobs", data=form, headers=WAIT) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["state"] == "completed"


async def test_a_form_with_an_empty_file_has_none(client: Client, origin: Origin) -> None:
    """So browsers send the field of a file that nobody chose."""
    form = FormData(default_to_multipart=True)
    form.add_field("file", b"", filename="", content_type="application/octet-stream")
    form.add_field("source_url", origin.url("/photo.jpg"))
    form.add_field("preset", "icons")
    async with client.post("/api/jobs", data=form, headers=WAIT) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["source"]["name"] == "photo.jpg"


@pytest.mark.parametrize("path", ["/api/transform", "/api/files", "/api/files/async"])
async def test_other_routes_fetch_as_well(client: Client, origin: Origin, path: str) -> None:
    params = {"source_url": origin.url("/photo.jpg")}
    async with client.post(path, params=params) as answer:
        assert answer.status == {"/api/files": 201, "/api/files/async": 202}.get(path, 200)
        await answer.read()


@pytest.mark.parametrize("path", ["/photo.jpg", "/text", "/octets", "/chunked", "/"])
async def test_the_content_decides_what_it_is(client: Client, origin: Origin, path: str) -> None:
    job = await document(await _submit(client, origin.url(path)))
    assert (job["state"], job["source"]["format"]) == ("completed", "jpeg")
    assert job["source"]["name"] == (path[1:] or "upload")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/missing", UNAVAILABLE),
        ("/nothing", UNAVAILABLE),
        ("/no-content", UNAVAILABLE),
        ("/encoded", UNAVAILABLE),
        ("/breaks-off", UNAVAILABLE),
        ("/page", (415, "unsupported-format")),
        ("/json", (415, "unsupported-format")),
        ("/problem", (415, "unsupported-format")),
        ("/video", (415, "unsupported-format")),
        ("/lies", (415, "unsupported-format")),
        ("/svg", (415, "unsupported-format")),
        ("/large", (413, "upload-too-large")),
        ("/chunked?endless", (413, "upload-too-large")),
        ("/to/5", REFUSED),
        ("/to/0?where=ftp://127.0.0.1/photo.jpg", REFUSED),
        ("/to/0?where=file:///etc/passwd", REFUSED),
        ("/to/0?where=http://user@127.0.0.1/", REFUSED),
        ("/to/0?where=http://[::1", REFUSED),
        ("/to/0?where=/to/5", REFUSED),
    ],
)
async def test_what_cannot_be_taken_is_refused_and_let_go(
    client: Client, runtime: Runtime, origin: Origin, path: str, expected: tuple[int, str]
) -> None:
    assert await refusal(await _submit(client, origin.url(path))) == expected
    await until(lambda: not runtime.engine.arena.leases)


async def test_redirects_are_followed(client: Client, origin: Origin) -> None:
    job = await document(await _submit(client, origin.url("/to/4")))
    assert job["state"] == "completed"
    assert len(origin.asked) == 6
    where = origin.url("/photo.jpg") + "%23part"
    job = await document(await _submit(client, origin.url(f"/to/0?where={where}")))
    assert job["state"] == "completed"


async def test_nobody_at_the_port(client: Client, unused_tcp_port: int) -> None:
    answer = await _submit(client, f"http://127.0.0.1:{unused_tcp_port}/photo.jpg")
    assert await refusal(answer) == UNAVAILABLE


@pytest.mark.parametrize(
    "url",
    [
        "",
        "photo.jpg",
        "/photo.jpg",
        "ftp://example.com/photo.jpg",
        "file:///etc/passwd",
        "http://user:secret@example.com/",
        "http://example.com/#part",
        "http://2130706433/",
        "http://example.com/\x00",
        "http://" + "a" * 2100,
    ],
)
async def test_what_is_no_plain_url_is_a_mistake(client: Client, url: str) -> None:
    answer = await _submit(client, url)
    problem = await document(answer)
    assert (answer.status, problem["errors"][0]["pointer"]) == (422, "/source_url")


async def test_either_an_image_or_a_url(client: Client, origin: Origin) -> None:
    params = {"source_url": origin.url("/photo.jpg"), "preset": "icons"}
    both = await client.post("/api/jobs", params=params, data=own_photo())
    assert await refusal(both) == (400, "malformed-request")
    twice = FormData({"source_url": params["source_url"]}, default_to_multipart=True)
    answer = await client.post("/api/jobs", params=params, data=twice)
    assert await refusal(answer) == (400, "malformed-request")
    neither = await client.post("/api/jobs", params={"preset": "icons"})
    assert await refusal(neither) == (400, "empty-body")
    assert origin.asked == []


async def test_the_same_key_and_url_are_the_same_request(client: Client, origin: Origin) -> None:
    """Also when what is at the URL has changed meanwhile."""
    headers = WAIT | {"Idempotency-Key": '"url"'}
    url = origin.url("/photo.jpg")
    ids = []
    for _ in range(2):
        params = {"source_url": url, "preset": "icons"}
        async with client.post("/api/jobs", params=params, headers=headers) as answer:
            ids.append((await answer.json())["id"])
        origin.photo = own_photo()
    assert ids[0] == ids[1]
    other = {"source_url": origin.url("/other.jpg"), "preset": "icons"}
    answer = await client.post("/api/jobs", params=other, headers=headers)
    assert await refusal(answer) == (422, "idempotency-key-reused")


async def test_so_many_are_fetched_at_a_time_and_no_more(
    client: Client, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "AT_ONCE_PER_CLIENT", 2)
    url = origin.url("/waits")
    fetching = [asyncio.create_task(_submit(client, url)) for _ in range(2)]
    await until(lambda: origin.waiting == 2)
    answer = await _submit(client, url)
    assert await refusal(answer) == (429, "rate-limited")
    assert int(answer.headers["Retry-After"]) >= 1
    monkeypatch.setattr(sources, "AT_ONCE", 2)
    monkeypatch.setattr(sources, "AT_ONCE_PER_CLIENT", 3)
    answer = await _submit(client, url)
    assert await refusal(answer) == (503, "queue-full")
    assert int(answer.headers["Retry-After"]) >= 1
    origin.released.set()
    assert [answer.status for answer in await asyncio.gather(*fetching)] == [200, 200]
    assert (await _submit(client, origin.url("/photo.jpg"))).status == 200


async def test_a_client_that_leaves_ends_the_fetch(
    client: Client, runtime: Runtime, origin: Origin
) -> None:
    leaving = asyncio.create_task(_submit(client, origin.url("/waits")))
    await until(lambda: origin.waiting == 1)
    assert isinstance(client.server, TestServer)
    counts = client.server.app[SOURCES]._fetching
    assert counts.total() == 1
    leaving.cancel()
    await until(lambda: not counts)
    assert not runtime.engine.arena.leases


@pytest.fixture
def other(runtime: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient) -> Open:
    """Opens a server over the module's runtime with some settings changed."""

    async def open_other(**changes: object) -> Client:
        settings = runtime.settings.model_copy(update=changes)
        changed = replace(runtime, settings=settings)
        return await connected(changed, aiohttp_server, aiohttp_client)

    return open_other


async def test_it_is_off_unless_it_was_turned_on(other: Open, origin: Origin) -> None:
    client = await other(source_urls=False)
    answer = await _submit(client, origin.url("/photo.jpg"))
    assert "PIXELPIPE_SOURCE_URLS" in (await document(answer))["detail"]
    assert await refusal(answer) == REFUSED
    form = FormData({"source_url": origin.url("/photo.jpg")}, default_to_multipart=True)
    assert await refusal(await client.post("/api/transform", data=form)) == REFUSED
    assert origin.asked == []


async def test_a_server_that_says_nothing_is_left(other: Open, origin: Origin) -> None:
    client = await other(source_url_timeout_s=0.2)
    assert await refusal(await _submit(client, origin.url("/waits"))) == UNAVAILABLE


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
    ],
)
async def test_addresses_inside_are_refused(other: Open, origin: Origin, host: str) -> None:
    client = await other(source_url_private=False)
    url = origin.url("/photo.jpg").replace("127.0.0.1", host)
    answer = await _submit(client, url)
    assert (await document(answer))["detail"] == "The URL has to lead to a public address."
    assert await refusal(answer) == REFUSED
    assert origin.asked == []
