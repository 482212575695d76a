"""A PixelPipe server as a child process, for as long as a block runs."""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0

# All load comes from one client.
_ENVIRONMENT = {"PIXELPIPE_LOG_LEVEL": "warning", "PIXELPIPE_CLIENT_CONNECTIONS": "10000"}

_PROGRAM = Path(sys.executable).with_name("pixelpipe")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_LISTENING = re.compile(rb"PixelPipe listening on (http://\S+)")


class ServerStartError(Exception):
    """The server ended, or said nothing, before it listened."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens.

    Attributes:
        url: Its address, without a slash at the end.
        pid: Its process, the root of its process tree.
    """

    url: str
    pid: int


@contextlib.asynccontextmanager
async def running_server(
    *options: str, log: Path | None = None, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """Serve on a free port of this machine over a temporary folder; stop when the block ends.

    SIGTERM and SIGHUP cancel the calling task, so that they end the server as well.

    Args:
        options: Further options of `pixelpipe serve`.
        log: File for what it logs, at its end; by default the standard error of this process.
        environment: Further variables of its environment.

    Raises:
        ServerStartError: The server did not start; what it said is on the standard error.
    """
    _cancel_on_signals()
    with tempfile.TemporaryDirectory(prefix="pixelpipe-") as folder:
        with contextlib.ExitStack() as opened:
            errors = opened.enter_context(log.open("ab")) if log else None
            process = await _start(folder, options, environment or {}, errors)
        try:
            yield Server(await _address(process), process.pid)
        finally:
            await _stop(process)


def _cancel_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _start(
    folder: str,
    options: tuple[str, ...],
    environment: Mapping[str, str],
    errors: BinaryIO | None,
) -> Process:
    """Start the server in a process group of its own.

    A Ctrl-C of the terminal would otherwise reach it beside the signal of `_stop`, and a second
    signal means to stop without draining.
    """
    place = ("--host", "127.0.0.1", "--port", "0", "--data", folder)
    return await asyncio.create_subprocess_exec(
        _PROGRAM,
        "serve",
        *place,
        *options,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=errors,
        env={**_ENVIRONMENT, **os.environ, **environment},
        process_group=0,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """In the child: have the kernel interrupt it when its parent ends (prctl(2)).

    A parent that is killed with SIGKILL gets to no `_stop`, and its server would serve for ever.
    One system call and no lock: safe between fork and exec, whatever other threads hold.
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


async def _address(process: Process) -> str:
    """Read the one line that the server prints when it is ready."""
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
    except TimeoutError:
        raise ServerStartError(f"the server was not ready after {START_TIMEOUT_S:.0f} s") from None
    listening = _LISTENING.match(line)
    if listening is None:
        raise ServerStartError(f"the server did not start; it said {line.decode().strip()!r}")
    return listening[1].decode()


async def _stop(process: Process) -> None:
    """Let the server drain; kill it when that takes too long."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
