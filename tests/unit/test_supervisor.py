"""Several server processes: their port, and what keeps one of them from starting."""

import asyncio
import multiprocessing
import socket
from multiprocessing.context import SpawnProcess

import pytest

from pixelpipe.config import Settings
from pixelpipe.neighbours import Place
from pixelpipe.server.run import ListenError
from pixelpipe.supervisor import _Child, _reserved

PATIENCE_S = 20.0


@pytest.fixture
def ended() -> SpawnProcess:
    """One that is no more."""
    process = multiprocessing.get_context("spawn").Process()
    process.start()
    process.join()
    return process


async def test_a_system_without_room_for_a_process_is_asked_again(
    ended: SpawnProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = _Child(Settings(), Place(1, 2), print, ended)
    asked = asyncio.Event()
    refusals = [BlockingIOError(11, "Resource temporarily unavailable")]

    def start(_process: SpawnProcess) -> None:
        if refusals:
            raise refusals.pop()
        asked.set()
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(SpawnProcess, "start", start)
    keeping = asyncio.create_task(child.keep())
    waiting = asyncio.create_task(asked.wait())
    await asyncio.wait({keeping, waiting}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    assert asked.is_set()
    assert not keeping.done()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def _two_addresses(*_: object, **__: object) -> list[tuple[object, ...]]:
    kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    return [(*kind, (host, 0)) for host in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]


def test_a_port_is_held_on_all_addresses_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _two_addresses)
    with _reserved("both", 0) as port:
        for host in ("127.0.0.1", "127.0.0.2"):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind((host, port))


def test_another_server_on_one_address_of_the_host_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.2", 0))
        other.listen()
        monkeypatch.setattr(socket, "getaddrinfo", _two_addresses)
        with pytest.raises(ListenError, match="in use"), _reserved("both", other.getsockname()[1]):
            pytest.fail("it was let in beside it")


def test_a_host_that_is_no_name_is_told_of() -> None:
    with pytest.raises(ListenError, match="no name"), _reserved("a..b", 0):
        pytest.fail("it was found")
