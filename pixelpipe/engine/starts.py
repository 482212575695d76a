"""How workers are started, and what is known of where they come from.

A worker that hangs before it is up, and a forkserver that does not answer, keep nobody waiting for
longer than is set here.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import TypeVar, TypeVarTuple

import structlog

from pixelpipe.engine.attempts import Cause, cause_of_exit
from pixelpipe.engine.process import Newcomer, Spawner, WorkerProcess, WorkerStartError, has_ended

_log = structlog.get_logger(__name__)
_FORK_S = 60.0
_HELLO_S = 15.0
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class Starts:
    """Starts workers, and keeps an eye on the forkserver.

    Args:
        spawner: Does it, in its thread; closed with this.
        closing: Set when no more workers are wanted.
        on_forkserver_end: Called when the forkserver has died, which is the end of its workers.
    """

    def __init__(
        self, spawner: Spawner, closing: asyncio.Event, on_forkserver_end: Callable[[], None]
    ) -> None:
        self._spawner = spawner
        self._closing = closing
        self._on_forkserver_end = on_forkserver_end
        self._forkserver: tuple[int, int] | None = None

    async def start(self) -> WorkerProcess:
        """Start a worker and wait for its hello.

        Raises:
            WorkerStartError: It ended, or kept silent, or is no longer wanted.
        """
        newcomer = await self._forked()
        try:
            # Not in the spawner's thread: one that hangs must keep no other from starting, and
            # nobody from learning what a worker died of.
            await self._greeting(newcomer)
            worker = newcomer.greeted()
        except WorkerStartError:
            await self._in_spawner(self._spawner.give_up, newcomer)
            raise
        self._watch_forkserver(worker.forkserver_pid)
        return worker

    async def cause_of_death(self, worker: WorkerProcess) -> Cause:
        """What a worker died of that nobody here has killed."""
        code = await self._in_spawner(self._spawner.exit_code, worker)
        return cause_of_exit(code, forkserver_alive=self._forkserver_alive(worker))

    async def close(self) -> None:
        """Let go of the forkserver, and end the spawner."""
        self._forget_forkserver()
        await asyncio.to_thread(self._spawner.close)

    async def _forked(self) -> Newcomer:
        forking = asyncio.ensure_future(self._in_spawner(self._spawner.start))
        done, _ = await asyncio.wait({forking}, timeout=_FORK_S)
        if not done and self._forkserver is not None:
            _log.warning("the forkserver does not answer; it is killed")
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._forkserver[1], signal.SIGKILL)
        return await forking

    async def _greeting(self, newcomer: Newcomer) -> None:
        """Return when the worker has said something, or has ended.

        Raises:
            WorkerStartError: It does neither, or the pool is being closed.
        """
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(newcomer.channel, heard.set)
        waits = [asyncio.create_task(event.wait()) for event in (heard, self._closing)]
        try:
            await asyncio.wait(waits, timeout=_HELLO_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(newcomer.channel)
            for wait in waits:
                wait.cancel()
        if not heard.is_set():
            raise WorkerStartError("a worker did not say hello")

    def _watch_forkserver(self, pid: int) -> None:
        if self._forkserver is not None and self._forkserver[0] == pid:
            return
        self._forget_forkserver()
        # It is our own child and only reaped when another is started: the pid is its own.
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return  # Another was, meanwhile; and this one took the worker along.
        self._forkserver = pid, pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._forkserver_ended, pidfd)

    def _forkserver_ended(self, pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        self._on_forkserver_end()

    def _forkserver_alive(self, worker: WorkerProcess) -> bool:
        forkserver = self._forkserver
        if forkserver is None or forkserver[0] != worker.forkserver_pid:
            return False
        return not has_ended(forkserver[1])

    def _forget_forkserver(self) -> None:
        if self._forkserver is not None:
            asyncio.get_running_loop().remove_reader(self._forkserver[1])
            os.close(self._forkserver[1])
            self._forkserver = None

    async def _in_spawner(
        self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._spawner.thread, partial(function, *arguments))
