import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import server_process
from server_process import ServerStartError, running_server

IMPORTS = "import os, signal, sys\nlog = open(os.environ['LOG'], 'a')\n"
LISTEN = "print('PixelPipe listening on http://127.0.0.1:4321', flush=True)\n"
UNTIL_INTERRUPTED = f"""
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
{LISTEN}
signal.sigwait([signal.SIGINT])
print("interrupted", file=log)
"""
HOLDING = f"""
import asyncio, pathlib, sys
sys.path.insert(0, {str(Path(server_process.__file__).parent)!r})
import server_process
server_process._PROGRAM = pathlib.Path(sys.argv[1])

async def hold():
    async with server_process.running_server() as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""
IGNORING_SIGNALS = f"signal.signal(signal.SIGINT, signal.SIG_IGN)\n{LISTEN}signal.pause()"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to be filled with the program that plays the server; it may write to `log`."""
    path = tmp_path / "pixelpipe"
    path.touch(mode=0o755)
    monkeypatch.setattr(server_process, "_PROGRAM", path)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    return path


def _play(program: Path, script: str) -> None:
    program.write_text(f"#!{sys.executable} -S\n{IMPORTS}{script}")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _exists(path: str) -> bool:
    return Path(path).exists()


async def test_the_address_is_what_the_server_prints_and_it_ends_with_the_block(
    program: Path,
) -> None:
    _play(program, "print(*sys.argv[1:], file=log)\nos.stat(sys.argv[7])\n" + UNTIL_INTERRUPTED)

    async with running_server("--workers", "1") as server:
        assert server.url == "http://127.0.0.1:4321"
        assert _runs(server.pid)

    arguments, ending = (program.parent / "log").read_text().splitlines()
    assert arguments.startswith("serve --host 127.0.0.1 --port 0 --data /")
    assert arguments.endswith("--workers 1")
    assert ending == "interrupted"
    assert not _runs(server.pid)
    assert not _exists(arguments.split()[6])


@pytest.mark.parametrize(
    ("script", "message"), [("sys.exit(3)", "''"), ("print('no room')", "no room")]
)
async def test_a_server_that_does_not_listen_is_an_error(
    program: Path, script: str, message: str
) -> None:
    _play(program, script)

    with pytest.raises(ServerStartError, match=message):
        async with running_server():
            pytest.fail("it never listened")


async def test_a_server_that_says_nothing_is_given_up(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "START_TIMEOUT_S", 0.05)
    _play(program, "signal.pause()")

    with pytest.raises(ServerStartError, match="not ready"):
        async with running_server():
            pytest.fail("it never listened")


async def test_a_server_that_does_not_end_is_killed(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "STOP_TIMEOUT_S", 0.05)
    _play(program, IGNORING_SIGNALS)

    async with running_server() as server:
        pass

    assert not _runs(server.pid)


async def test_sigterm_ends_the_block_and_the_server(program: Path) -> None:
    _play(program, UNTIL_INTERRUPTED)
    pids = []

    async def serve() -> None:
        async with running_server() as server:
            pids.append(server.pid)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(serve())

    assert not _runs(pids[0])


def test_a_server_ends_with_its_parent_however_that_ends(program: Path) -> None:
    _play(program, UNTIL_INTERRUPTED)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, program],
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(program.parent)},
    ) as parent:
        assert parent.stdout is not None
        server = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    ended, *_ = select.select([server], [], [], 10)
    os.close(server)

    assert ended == [server]
    assert (program.parent / "log").read_text() == "interrupted\n"
