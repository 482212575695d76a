import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import peer_places, peer_processes, peer_setup
from benchmark.errors import BenchError
from benchmark.peer_processes import listening_program
from benchmark.peer_setup import Part

LISTEN = "print('listening on http://127.0.0.1:4321', flush=True)\n"
HOLDING = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(peer_processes.__file__).parents[1])!r})
from benchmark.peer_processes import listening_program

async def hold():
    async with listening_program("it", sys.argv[1:], {{}}) as program:
        print(program.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


def _interpreter(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


async def test_a_program_is_known_by_what_it_prints_and_ends_with_the_block() -> None:
    program = _interpreter(LISTEN + "import time\nwhile True: time.sleep(9)")

    async with listening_program("it", program, {}) as listening:
        assert listening.port == 4321
        os.kill(listening.pid, 0)

    with pytest.raises(ProcessLookupError):
        os.kill(listening.pid, 0)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (_interpreter("print('no room')"), "it did not start; it said 'no room'"),
        (["/no/such/program"], "it cannot be started: .*No such file"),
    ],
)
async def test_a_program_that_does_not_listen_is_an_error(program: list[str], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        async with listening_program("it", program, {}):
            pytest.fail("it never listened")


async def test_a_program_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_processes, "_START_TIMEOUT_S", 0.05)

    with pytest.raises(BenchError, match="does not listen"):
        async with listening_program("it", _interpreter("import signal; signal.pause()"), {}):
            pytest.fail("it never listened")


def test_a_program_ends_with_its_parent_however_that_ends() -> None:
    program = _interpreter(LISTEN + "import signal\nsignal.pause()")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, *program], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        descriptor = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        _wait_for_end(descriptor)
    finally:
        os.close(descriptor)


def _wait_for_end(descriptor: int) -> None:
    async def wait() -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, ended.set)
        async with asyncio.timeout(10):
            await ended.wait()
        asyncio.get_running_loop().remove_reader(descriptor)

    asyncio.run(wait())


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    """What is to be installed; to be filled."""
    found: list[Part] = []
    monkeypatch.setattr(peer_places, "ROOT", tmp_path / "peers")
    monkeypatch.setattr(peer_setup, "_parts", lambda: found)
    return found


def _part(folder: Path, source: Path, build: Callable[[], None]) -> Part:
    source.touch()
    return Part((folder.name,), folder, Path(sys.executable), (source,), build)


def test_what_is_installed_is_left_alone_until_its_source_changes(
    tmp_path: Path, parts: list[Part]
) -> None:
    built: list[str] = []
    folder, source = tmp_path / "peer", tmp_path / "requirements.txt"

    def build() -> None:
        built.append("built")
        folder.mkdir()

    parts.append(_part(folder, source, build))
    assert peer_setup.missing() == ["peer"]
    peer_setup.install()
    peer_setup.install()
    assert peer_setup.missing() == []
    assert len(built) == 1

    source.write_text("peer==2")
    assert peer_setup.missing() == ["peer"]
    peer_setup.install()
    assert len(built) == 2


def test_one_that_cannot_be_installed_is_named_and_all_others_are(
    tmp_path: Path, parts: list[Part]
) -> None:
    good = tmp_path / "good"
    failing = _interpreter("print('no wheel for this machine')\nraise SystemExit(1)")
    parts.append(_part(tmp_path / "bad", tmp_path / "a", lambda: peer_setup._run(failing)))
    parts.append(_part(good, tmp_path / "b", good.mkdir))

    with pytest.raises(BenchError, match=r"(?s)^bad cannot be .*no wheel"):
        peer_setup.install()

    assert peer_setup.missing() == ["bad"]


@pytest.mark.parametrize(
    ("version", "own"), [("v18.20.4", True), ("v20.9.0", False), ("v24.1.0", False)]
)
def test_a_node_that_is_too_old_is_replaced_by_one_of_our_own(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    found = peer_places.node.__wrapped__()

    assert found == (peer_places.NODE / "bin" / "node" if own else program)


def test_where_there_is_no_node_it_is_one_of_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert peer_places.node.__wrapped__() == peer_places.NODE / "bin" / "node"
