"""Which hosts are answered to, and which pages may ask for what."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from pytest_aiohttp import AiohttpClient

from pixelpipe.runtime import Runtime
from pixelpipe.server.app import make_app
from pixelpipe.server.guards.clients import client_address, client_scheme, own_origin
from tests.http_jobs import own_photo, refusal
from tests.serving import BoundedServer, Client

Open = Callable[..., Awaitable[Client]]

PAGE = "https://app.example.com"


@pytest_asyncio.fixture
async def site(runtime: Runtime, aiohttp_client: AiohttpClient) -> Open:
    """Opens a server over the module's runtime with some settings changed."""

    async def open_site(**changes: object) -> Client:
        settings = type(runtime.settings).model_validate(runtime.settings.model_dump() | changes)
        app = make_app(replace(runtime, settings=settings))
        app.on_response_prepare.append(_tell)
        return await aiohttp_client(BoundedServer(app))

    return open_site


async def _tell(request: web.Request, response: web.StreamResponse) -> None:
    """What is known of the client."""
    if "tell" in request.query:
        known = [client_address(request), client_scheme(request), own_origin(request)]
        response.headers["X-Known"] = " ".join(known)


async def _raw(client: Client, request: str) -> str:
    """The status line that answers these very lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request.replace("\n", "\r\n").encode())
    async with asyncio.timeout(10):
        line = await reader.readline()
    writer.close()
    return line.decode().strip()


async def _status(client: Client, method: str, **header: str) -> int:
    """Of a job of one photograph, or of whatever other method it is."""
    headers = {name.replace("_", "-"): value for name, value in header.items()}
    params = {"width": "20"} if method == "POST" else {}
    path = "/api/transform" if method == "POST" else "/healthz"
    data = own_photo(40, 30) if method == "POST" else None
    async with client.request(method, path, params=params, data=data, headers=headers) as answer:
        if answer.status == 403:
            assert (await refusal(answer)).slug == "cross-site"
        return answer.status


@pytest.mark.parametrize(
    ("changes", "host", "status"),
    [
        ({}, "localhost", 200),
        ({}, "LOCALHOST.:1", 200),
        ({}, "127.0.0.1:9999", 200),
        ({}, "192.0.2.9", 200),
        ({}, "[2001:db8::1]:80", 200),
        ({}, "evil.example", 421),
        ({}, "localhost.evil.example", 421),
        ({}, "127.0.0.1.evil.example", 421),
        ({}, "evil.example:3000", 421),
        ({}, "2130706433", 421),
        ({}, "a@localhost", 400),
        ({}, "localhost/x", 400),
        ({}, "localhost:x", 400),
        ({}, "", 400),
        ({"hosts": "img.lan"}, "img.lan:8080", 200),
        ({"hosts": "img.lan"}, "a.img.lan", 421),
        ({"hosts": "*.img.lan"}, "a.img.lan", 200),
        ({"hosts": "*"}, "evil.example", 200),
        ({"host": "my.machine", "auth": "off"}, "my.machine", 200),
        ({"public_url": "https://img.example.com/x"}, "img.example.com", 200),
        ({"public_url": "https://img.example.com/x"}, "evil.example", 421),
    ],
)
async def test_names_are_answered_to_that_are_known(
    site: Open, changes: dict[str, object], host: str, status: int
) -> None:
    client = await site(**changes)
    for path in ("/healthz", "/", "/api/presets", "/nothing/here"):
        async with client.get(path, headers={"Host": host}) as answer:
            expected = 404 if (status, path) == (200, "/nothing/here") else status
            assert answer.status == expected, path
            if status == 421:
                problem = await answer.json()
                assert problem["type"].endswith("host-not-allowed")
                assert "PIXELPIPE_HOSTS" in problem["detail"]
                assert answer.headers["X-Request-Id"]


async def test_an_upload_for_another_name_is_refused_unread(site: Open) -> None:
    client = await site()
    lines = "POST /api/jobs HTTP/1.1\nHost: evil.example\nContent-Length: 9000000\n\n"
    assert await _raw(client, lines) == "HTTP/1.1 421 Misdirected Request"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("GET /healthz HTTP/1.1\n\n", 400),
        ("GET /healthz HTTP/1.1\nHost: localhost\nHost: localhost\n\n", 400),
        ("GET /healthz HTTP/1.1\nHost: localhost\nHost: evil.example\n\n", 400),
        ("GET /healthz HTTP/1.0\n\n", 200),
        ("GET /healthz HTTP/1.0\nHost: evil.example\n\n", 421),
        ("GET http://localhost/healthz HTTP/1.1\nHost: localhost\n\n", 200),
        ("GET http://127.0.0.1:1/healthz HTTP/1.1\nHost: 127.0.0.1:1\n\n", 200),
        ("GET http://evil.example/healthz HTTP/1.1\nHost: evil.example\n\n", 421),
        ("GET http://evil.example/healthz HTTP/1.0\n\n", 421),
        ("GET http://evil.example/healthz HTTP/1.1\nHost: localhost\n\n", 400),
        ("GET http://localhost/healthz HTTP/1.1\nHost: evil.example\n\n", 400),
        ("GET http://evil.example?x=/ HTTP/1.1\nHost: evil.example\n\n", 421),
        ("GET http://a@evil.example/ HTTP/1.1\nHost: localhost\n\n", 400),
        ("GET /a://evil.example/ HTTP/1.1\nHost: localhost\n\n", 404),
        ("GET /?u=http://evil.example/ HTTP/1.1\nHost: localhost\n\n", 200),
        ("OPTIONS * HTTP/1.1\nHost: evil.example\n\n", 421),
    ],
)
async def test_the_host_is_also_looked_for_in_the_target(
    site: Open, lines: str, status: int
) -> None:
    client = await site()
    assert int((await _raw(client, lines)).split()[1]) == status


OWN = "own"  # stands for the origin of the server under test
NAMED = {"cors_origins": f"https://other.example, {PAGE}"}


@pytest.mark.parametrize(
    ("changes", "fetch_site", "origin", "allowed"),
    [
        # Programs say nothing.
        ({}, None, None, True),
        # Browsers of today say where the page is from.
        ({}, "same-origin", OWN, True),
        ({}, "none", None, True),
        ({}, "cross-site", PAGE, False),
        ({}, "same-site", "http://127.0.0.1:1", False),
        ({}, "cross-site", "null", False),
        ({}, "cross-site", None, False),
        ({}, "cross-site", OWN, False),
        ({}, "anything", OWN, False),
        ({}, "", OWN, False),
        # Older ones, and pages at an address without TLS, only name their origin.
        ({}, None, OWN, True),
        ({}, None, PAGE, False),
        ({}, None, "http://127.0.0.1:1", False),
        ({}, None, "http://127.0.0.1", False),
        ({}, None, "null", False),
        ({}, None, "", False),
        ({}, None, "nonsense", False),
        (NAMED, "cross-site", PAGE, True),
        (NAMED, "same-site", PAGE, True),
        (NAMED, None, PAGE, True),
        (NAMED, None, PAGE.upper() + ":443", True),
        (NAMED, "cross-site", "https://evil.example", False),
        (NAMED, "cross-site", "http://app.example.com", False),
        (NAMED, "cross-site", "https://app.example.com.evil.example", False),
        (NAMED, "cross-site", "null", False),
        (NAMED, "cross-site", None, False),
        (NAMED, None, OWN, True),
        ({"cors_origins": "*"}, "cross-site", PAGE, True),
        ({"cors_origins": "*"}, "cross-site", "null", True),
        ({"public_url": PAGE}, None, PAGE, True),
        ({"public_url": PAGE}, None, OWN, True),
        ({"public_url": PAGE}, None, "http://app.example.com", False),
        ({"public_url": PAGE}, "cross-site", PAGE, False),
    ],
)
async def test_pages_of_other_sites_change_nothing(
    site: Open,
    changes: dict[str, object],
    fetch_site: str | None,
    origin: str | None,
    *,
    allowed: bool,
) -> None:
    client = await site(**changes)
    own = str(client.make_url("/").origin())
    header = {}
    if fetch_site is not None:
        header["Sec_Fetch_Site"] = fetch_site
    if origin is not None:
        header["Origin"] = own if origin == OWN else origin
    assert await _status(client, "POST", **header) == (200 if allowed else 403)
    for method in ("PUT", "PATCH", "DELETE", "PROPFIND"):
        assert await _status(client, method, **header) == (405 if allowed else 403), method
    for method in ("GET", "HEAD"):
        assert await _status(client, method, **header) == 200
    assert await _status(client, "OPTIONS", **header) == 405


@pytest.mark.parametrize("first", ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"])
async def test_a_header_that_comes_twice_helps_nobody(site: Open, first: str) -> None:
    client = await site()
    own = str(client.make_url("/").origin())
    second = f"Origin: {own}" if first.startswith("Origin") else "Sec-Fetch-Site: same-origin"
    for pair in (f"{first}\n{second}", f"{second}\n{first}"):
        lines = f"POST /api/jobs HTTP/1.1\nHost: 127.0.0.1\n{pair}\nContent-Length: 5\n\n"
        assert await _raw(client, lines) == "HTTP/1.1 403 Forbidden"


def _shared(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if "Access-Control" in name}


async def test_nothing_is_shared_unless_that_is_set(site: Open) -> None:
    client = await site()
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with client.options("/api/jobs", headers=headers) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
        assert not _shared(answer)
        assert "Vary" not in answer.headers
    async with client.get("/api/jobs", headers={"Origin": PAGE}) as answer:
        assert not _shared(answer)


async def test_an_allowed_page_is_told_what_it_may_do(site: Open) -> None:
    client = await site(**NAMED)
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    for path, methods in (
        ("/api/jobs", "GET, HEAD, POST"),
        ("/api/jobs/some-job", "DELETE, GET, HEAD"),
        ("/api/transform", "POST"),
    ):
        async with client.options(path, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
            told = _shared(answer)
            assert told["Access-Control-Allow-Origin"] == PAGE
            assert told["Access-Control-Allow-Methods"] == methods
            assert {"Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"} <= set(
                told["Access-Control-Allow-Headers"].split(", ")
            )
            assert answer.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in told


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/jobs", {"Origin": "https://evil.example"}, 405),
        ("/api/jobs", {"Origin": "null"}, 405),
        ("/api/jobs", {}, 405),
        ("/nothing", {"Origin": PAGE}, 404),
    ],
)
async def test_other_preflights_are_answered_as_without_cors(
    site: Open, path: str, headers: dict[str, str], status: int
) -> None:
    client = await site(**NAMED)
    asked = headers | {"Access-Control-Request-Method": "POST"}
    async with client.options(path, headers=asked) as answer:
        assert answer.status == status
        assert "Access-Control-Allow-Methods" not in answer.headers


@pytest.mark.parametrize("path", ["/api/jobs", "/nothing", "/api/jobs/none", "/api/events", "/"])
async def test_every_answer_is_shared_with_an_allowed_page(site: Open, path: str) -> None:
    client = await site(**NAMED)
    async with client.get(path, headers={"Origin": PAGE}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Location" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers.getall("Vary")
    for other in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
        async with client.get(path, headers=other) as answer:
            assert not _shared(answer)
            assert "Origin" in answer.headers.getall("Vary")


async def test_refusals_are_shared_with_an_allowed_page(site: Open) -> None:
    client = await site(**NAMED)
    async with client.post("/api/jobs", data=b"x", headers={"Origin": PAGE}) as answer:
        assert answer.status == 422
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


async def test_a_star_shares_with_all_and_never_with_credentials(site: Open) -> None:
    client = await site(cors_origins="*")
    async with client.get("/api/jobs", headers={"Origin": PAGE, "Cookie": "a=b"}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "headers", "expected"),
    [
        ({}, {}, ["127.0.0.1", "http", "http://localhost:7"]),
        # Nobody is believed who is not trusted.
        (
            {},
            {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=1"},
            ["127.0.0.1", "http", "http://localhost:7"],
        ),
        (
            {"trusted_proxies": "192.0.2.0/24"},
            {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"},
            ["127.0.0.1", "http", "http://localhost:7"],
        ),
        (
            {"trusted_proxies": "127.0.0.0/8"},
            {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https"},
            ["203.0.113.9", "https", "https://localhost:7"],
        ),
        (
            {"trusted_proxies": "127.0.0.1", "hosts": "img.example.com"},
            {"Forwarded": 'for="[2001:db8::1]:5";proto=https;host=img.example.com'},
            ["2001:db8::/64", "https", "https://img.example.com"],
        ),
        (
            {"trusted_proxies": "127.0.0.1"},
            {"X-Forwarded-For": "nonsense", "X-Forwarded-Proto": "https"},
            ["127.0.0.1", "http", "http://localhost:7"],
        ),
        (
            {"public_url": "https://localhost/x"},
            {},
            ["127.0.0.1", "https", "https://localhost"],
        ),
        (
            {"public_url": "https://img.example.com"},
            {},
            ["127.0.0.1", "http", "http://localhost:7"],
        ),
    ],
)
async def test_what_is_known_of_the_client(
    site: Open, changes: dict[str, object], headers: dict[str, str], expected: list[str]
) -> None:
    client = await site(**changes)
    async with client.get("/healthz?tell", headers={"Host": "localhost:7"} | headers) as answer:
        assert answer.headers["X-Known"].split() == expected


PROXIED = {"trusted_proxies": "127.0.0.1", "hosts": "img.example.com"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost", "X-Forwarded-Host": "img.example.com"}, 200),
        ({"Host": "localhost", "X-Forwarded-Host": "evil.example"}, 421),
        # A proxy that passes the client's own header on.
        ({"Host": "evil.example", "X-Forwarded-Host": "img.example.com"}, 421),
        ({"Host": "evil.example", "Forwarded": "host=img.example.com"}, 421),
    ],
)
async def test_the_host_that_a_proxy_was_asked_for_counts_too(
    site: Open, headers: dict[str, str], status: int
) -> None:
    client = await site(**PROXIED)
    async with client.get("/healthz", headers=headers) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    ("scheme", "origin", "status"),
    [
        ("https", "https://img.example.com", 200),
        ("http", "https://img.example.com", 403),
        ("https", "https://evil.example", 403),
    ],
)
async def test_a_page_behind_a_proxy_is_our_own(
    site: Open, scheme: str, origin: str, status: int
) -> None:
    client = await site(**PROXIED)
    told = {"X_Forwarded_Host": "img.example.com", "X_Forwarded_Proto": scheme}
    assert await _status(client, "POST", Host="localhost", Origin=origin, **told) == status
