"""Several server processes: their port, and what keeps one of them from starting."""

import asyncio
import multiprocessing
import signal
import socket
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import typer
from aiohttp import web

from pixelpipe import cli
from pixelpipe.config import Settings
from pixelpipe.neighbours import Place
from pixelpipe.runtime import Runtime
from pixelpipe.server.run import ListenError, _listen
from pixelpipe.storage.folder import FolderInUseError, hold
from pixelpipe.storage.leftovers import held_clear
from pixelpipe.supervisor import ProcessEndedError, _Child, _no_interrupts, _reserved, supervise
from tests.serving import small_settings

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


def test_another_server_may_have_the_same_port_of_the_other_kind_of_address() -> None:
    """As with one process, which listens to IPv6 alone at an address of that kind."""
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        port = other.getsockname()[1]
        with _reserved("::", port) as reserved:
            assert reserved == port


async def test_a_process_that_was_told_to_stop_at_its_start_has_not_said_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SpawnProcess, "start", lambda _: None)
    monkeypatch.setattr(SpawnProcess, "join", lambda _: None)
    monkeypatch.setattr(SpawnProcess, "exitcode", 0)
    with pytest.raises(ProcessEndedError) as ended:
        await _Child(Settings(), Place(1, 2), print).start()
    assert ended.value.code == 0


def _say_blocked(tells: Connection) -> None:
    tells.send(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def test_an_interrupt_of_the_group_is_nothing_to_a_process_that_starts() -> None:
    told, tells = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_say_blocked, args=(tells,))
    with told, tells:
        with _no_interrupts():
            process.start()
        assert told.recv() == {signal.SIGINT}
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
    process.join()


def test_a_process_whose_start_nobody_awaits_any_more_goes_on_until_it_is_stopped() -> None:
    told, tells = multiprocessing.Pipe(duplex=False)
    told.close()
    cli._tell(tells, "http://127.0.0.1:3000")
    assert tells.closed


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


async def test_a_host_that_is_no_name_is_told_of_by_a_process_alone() -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    alone = SimpleNamespace(settings=Settings(host="a..b", port=0), place=Place())
    with pytest.raises(ListenError, match=r"cannot listen on a\.\.b:0: no name"):
        await _listen(runner, cast("Runtime", alone))
    await runner.cleanup()


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[Path]:
    """A folder that another server works in."""
    with hold(tmp_path / "pictures"):
        yield tmp_path / "pictures"


async def test_a_folder_for_pictures_is_held_for_all_processes(
    tmp_path: Path, pictures: Path
) -> None:
    settings = small_settings(tmp_path / "data", processes=2, storage_url=f"file://{pictures}")
    with pytest.raises(FolderInUseError, match="pictures"):
        await supervise(settings, print)


def test_what_is_left_of_processes_that_are_no_more_goes(tmp_path: Path) -> None:
    unfinished = [tmp_path / "blobs" / "unfinished" / name for name in ("2-ab", "3-cd", "ef")]
    sockets = [tmp_path / "processes" / name for name in ("1", "2", "3", "in-use")]
    reserves = [tmp_path / "processes" / f"{n}-reserve" / "reserve" for n in (1, 2, 3)]
    for path in (*unfinished, *sockets, *reserves, tmp_path / "reserve"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    with held_clear(tmp_path, 2):
        assert set(_files(tmp_path)) == {"1", "2", "in-use", "lock", "1-reserve", "2-reserve"}
    with held_clear(tmp_path):
        assert set(_files(tmp_path)) == {"in-use", "lock"}


def _files(folder: Path) -> list[str]:
    """The names of all files; those of reserves are their folders'."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.parent.name if path.name == "reserve" else path.name for path in files]


def test_a_process_that_was_killed_at_its_start_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def killed(*_: object) -> None:
        raise ProcessEndedError(-signal.SIGKILL)

    monkeypatch.setattr("pixelpipe.supervisor.supervise", killed)
    monkeypatch.setattr("pixelpipe.logs.configure_logs", lambda _: None)
    with pytest.raises(typer.Exit) as ended:
        cli._supervise(small_settings(tmp_path))
    assert ended.value.exit_code == 1
    assert "exit code -9" in capsys.readouterr().err
