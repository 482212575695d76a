"""Programs that run for as long as a block does, and end with the bench however it ends."""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchError

_START_TIMEOUT_S = 60.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_LISTENING = re.compile(rb"listening on http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Listening:
    """A program that listens.

    Attributes:
        pid: Its process, the root of its process tree.
        port: On 127.0.0.1.
    """

    pid: int
    port: int


@contextlib.asynccontextmanager
async def listening_program(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str]
) -> AsyncIterator[Listening]:
    """Start a program that says `listening on http://127.0.0.1:PORT`; kill it in the end.

    Args:
        name: For what is said when it does not start.
        command: Program and arguments.
        environment: Variables beside those of this process.

    Raises:
        BenchError: It cannot be started, or ended before it listened.
    """
    process = await _start(name, command, environment)
    try:
        yield Listening(process.pid, await _port(name, process))
    finally:
        # All of its group: there is nothing to drain, and no child may stay.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _start(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str]
) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            env={**os.environ, **environment},
            process_group=0,
            preexec_fn=_end_with_parent,
        )
    except OSError as error:
        raise BenchError(f"{name} cannot be started: {error}") from None


def _end_with_parent() -> None:
    """In the child: have the kernel kill it when its parent ends (prctl(2)).

    One system call and no lock: safe between fork and exec, whatever other threads hold.
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _port(name: str, process: Process) -> int:
    assert process.stdout is not None, "it is a pipe"
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_S)
    except TimeoutError:
        raise BenchError(f"{name} does not listen after {_START_TIMEOUT_S:.0f} s") from None
    listening = _LISTENING.match(line)
    if listening is None:
        raise BenchError(f"{name} did not start; it said {line.decode().strip()!r}")
    return int(listening[1])
