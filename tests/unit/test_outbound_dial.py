"""Connections that cannot be lured inside: tried against a real server on this machine."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.abc import AbstractResolver, ResolveResult

from pixelpipe.outbound import dial
from pixelpipe.outbound.addresses import is_public
from pixelpipe.outbound.dial import RefusedTargetError, open_session

ANSWER = b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\n\r\n"


class Listener:
    """Answers every request with 204, and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def listening(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.meet, host, port, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as opened:
        yield opened


class Answers(AbstractResolver):
    """A name server that gives these answers, one after the other, and then the last again."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = list(answers)
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in answer
        ]

    async def close(self) -> None:
        self.closed = True


class Silence(Answers):
    """A name server that never answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del host, port, family
        await asyncio.Event().wait()
        return []


async def _post(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(url, allow_redirects=False) as response:
        return response.status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.2",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0.0.0x1",
        "127.1",
        "127.0.1",
        "0177.0.0.01",
        "0",
        "\uff11\uff12\uff17.0.0.1",
    ],
)
async def test_no_spelling_of_this_machine_is_connected_to(listener: Listener, host: str) -> None:
    async with open_session(allow_private=False) as session:
        with pytest.raises(aiohttp.ClientError):
            await _post(session, f"http://{host}:{listener.port}/")
    assert listener.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
async def test_this_machine_is_connected_to_if_that_is_allowed(
    listener: Listener, host: str
) -> None:
    async with open_session(allow_private=True) as session:
        assert await _post(session, f"http://{host}:{listener.port}/") == 204
    assert listener.connections == 1


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("10.0.0.1", "127.0.0.1", "::1"),
        ("localhost",),
        ("127.1",),
    ],
)
async def test_a_name_that_leads_inside_is_refused(
    listener: Listener, addresses: tuple[str, ...]
) -> None:
    async with open_session(allow_private=False, resolver=Answers(addresses)) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await _post(session, f"http://hook.example:{listener.port}/")
    assert isinstance(caught.value.os_error, RefusedTargetError)
    assert listener.connections == 0


async def test_a_name_that_was_public_when_it_was_checked_is_refused(listener: Listener) -> None:
    names = Answers(("8.8.8.8",), ("127.0.0.1",))
    (checked,) = await names.resolve("hook.example")
    assert is_public(ip_address(checked["host"]))
    async with open_session(allow_private=False, resolver=names) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await _post(session, f"http://hook.example:{listener.port}/")
    assert isinstance(caught.value.os_error, RefusedTargetError)
    assert listener.connections == 0


async def test_a_name_is_looked_up_and_checked_at_each_call(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.2 plays a public address, so that the first call can be made."""
    monkeypatch.setattr(dial, "is_public", lambda address: str(address) == "127.0.0.2")
    names = Answers(("127.0.0.2",), ("127.0.0.1",))
    async with (
        listening("127.0.0.2", listener.port) as public,
        open_session(allow_private=False, resolver=names) as session,
    ):
        url = f"http://hook.example:{listener.port}/"
        assert await _post(session, url) == 204
        with pytest.raises(aiohttp.ClientConnectorError):
            await _post(session, url)
        assert (public.connections, listener.connections) == (1, 0)


async def test_an_address_inside_is_passed_over_for_a_public_one(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "is_public", lambda address: str(address) == "127.0.0.2")
    names = Answers(("127.0.0.1", "127.0.0.2"))
    async with (
        listening("127.0.0.2", listener.port) as public,
        open_session(allow_private=False, resolver=names) as session,
    ):
        assert await _post(session, f"http://hook.example:{listener.port}/") == 204
        assert (public.connections, listener.connections) == (1, 0)


async def test_each_call_has_a_connection_of_its_own_and_no_cookies(listener: Listener) -> None:
    async with open_session(allow_private=True) as session:
        url = f"http://127.0.0.1:{listener.port}/"
        assert [await _post(session, url) for _ in range(3)] == [204] * 3
    assert listener.connections == 3
    assert not any(b"cookie" in request.lower() for request in listener.requests)


async def test_the_environment_names_no_proxy(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with open_session(allow_private=True) as session:
            assert await _post(session, f"http://127.0.0.1:{listener.port}/") == 204
        async with open_session(allow_private=False) as session:
            with pytest.raises(aiohttp.ClientError):
                await _post(session, f"http://127.0.0.1:{listener.port}/")
        assert (listener.connections, proxy.connections) == (1, 0)


async def test_a_name_server_that_does_not_answer_ends_the_call() -> None:
    names = Silence()
    async with open_session(allow_private=True, connect_s=0.05, resolver=names) as session:
        with pytest.raises(TimeoutError):
            await _post(session, "http://hook.example/")
    assert names.closed


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "nobody.invalid"])
async def test_a_name_that_is_none_is_an_error_of_the_client(host: str) -> None:
    async with open_session(allow_private=True) as session:
        with pytest.raises(aiohttp.ClientError):
            await _post(session, f"http://{host}/")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
async def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    names = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(
        subprocess.run,
        [*command.split(), *names.split(), *files],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with listening(tls=tls) as listener, open_session(allow_private=True) as session:
        url = f"https://127.0.0.1:{listener.port}/"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await _post(session, url)
        assert listener.requests == []
        trusting = ssl.create_default_context(cafile=certificate)
        async with session.post(url, ssl=trusting) as response:
            assert response.status == 204
