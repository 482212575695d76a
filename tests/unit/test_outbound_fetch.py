"""What is fetched from a URL, and what is said of one that leads inside."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from pixelpipe.errors import PixelPipeError, SourceUnavailableError, SourceUrlRefusedError
from pixelpipe.outbound import dial, fetch
from pixelpipe.outbound.dial import open_session
from pixelpipe.outbound.fetch import answering, check_source_url


class Names(AbstractResolver):
    """A name server that knows these names."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.addresses.get(host.partition(".")[0])
        if address is None:
            raise OSError(None, "no such name")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """It has nothing open."""


class Inside(TestServer):
    """A server on this machine that counts who comes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        super().__init__(app, host="0.0.0.0")

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.host} {request.path}")
        if where := request.query.get("where"):
            return web.Response(status=302, headers={"Location": where})
        return web.Response(body=b"picture", content_type="image/jpeg")


@pytest_asyncio.fixture
async def inside() -> AsyncIterator[Inside]:
    server = Inside()
    async with server:
        yield server


async def _fetched(url: str, **names: str) -> bytes:
    """What is at the URL; 127.0.0.2 plays the machine out there where a test says so."""
    async with (
        open_session(allow_private=False, resolver=Names(**names)) as session,
        answering(session, url, allow_private=False) as answer,
    ):
        return await answer.read()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address that is taken for public."""
    monkeypatch.setattr(dial, "is_public", lambda address: str(address) == "127.0.0.2")
    return "127.0.0.2"


async def _error(url: str, **names: str) -> tuple[type[PixelPipeError], str]:
    with pytest.raises(PixelPipeError) as caught:
        await _fetched(url, **names)
    return type(caught.value), caught.value.detail


async def test_what_is_out_there_is_fetched(inside: Inside, outside: str) -> None:
    assert await _fetched(f"http://out.example:{inside.port}/a", out=outside) == b"picture"
    assert inside.asked == [f"out.example:{inside.port} /a"]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1"])
async def test_a_name_that_leads_inside_is_as_one_that_nobody_has(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Else a client could find out which names and ports there are behind the server."""
    monkeypatch.setattr(fetch, "FAILURE_S", 0.2)
    loop = asyncio.get_running_loop()
    told = []
    for url in (
        f"http://git.example:{inside.port}/",
        "http://git.example:1/",
        "http://nobody.example/",
    ):
        start = loop.time()
        told.append(await _error(url, git=address))
        assert loop.time() - start >= 0.2
    assert told == [(SourceUnavailableError, "The URL could not be fetched.")] * 3
    assert inside.asked == []


async def test_a_redirect_to_a_name_that_leads_inside_is_not_followed(
    inside: Inside, outside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "FAILURE_S", 0.0)
    where = f"http://git.example:{inside.port}/secret"
    url = f"http://out.example:{inside.port}/?where={where}"
    told = await _error(url, out=outside, git="127.0.0.1")
    assert told == (SourceUnavailableError, "The URL could not be fetched.")
    assert inside.asked == [f"out.example:{inside.port} /"]


@pytest.mark.parametrize(
    "where",
    [
        "http://127.0.0.1/",
        "http://localhost:{port}/",
        "//127.0.0.1:{port}/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://user@out.example/",
        "file:///etc/passwd",
        "gopher://out.example/",
        "http://out.example/\\evil",
        "data:image/png;base64,AAAA",
    ],
)
async def test_a_redirect_to_what_is_not_fetched_is_refused(
    inside: Inside, outside: str, where: str
) -> None:
    there = where.replace("{port}", str(inside.port)).replace("&", "%26")
    url = f"http://out.example:{inside.port}/?where={there}"
    told = await _error(url.replace("\\", "%5C"), out=outside)
    assert told == (
        SourceUrlRefusedError,
        "The URL redirects to where nothing is fetched from.",
    )
    assert len(inside.asked) == 1


@pytest.mark.parametrize("url", ["http://example.com/a.jpg", "https://example.com:8443/?a=b"])
def test_plain_urls_may_be_fetched(url: str) -> None:
    check_source_url(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    ["http://localhost/", "http://a.localhost./", "http://10.0.0.1/", "http://[fd00::1]/"],
)
def test_urls_that_lead_inside_by_themselves_are_refused(url: str) -> None:
    with pytest.raises(SourceUrlRefusedError):
        check_source_url(url, allow_private=False)
    check_source_url(url, allow_private=True)
