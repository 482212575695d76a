"""The workers: N of them, each replaced when it dies."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TypeVar, TypeVarTuple

import structlog

from pixelpipe.engine.attempts import Cause, cause_of_exit
from pixelpipe.engine.handle import WorkerHandle
from pixelpipe.engine.process import Spawner, WorkerProcess, WorkerStartError, has_ended

_log = structlog.get_logger(__name__)
_START_RETRY_FIRST_S = 0.1
_START_RETRY_MOST_S = 5.0
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class Pool:
    """Keeps `size` workers alive.

    Args:
        spawner: Starts them; the pool closes it.
        size: How many.
        deadline_s: Longest time for one step.
        on_free: Called whenever a worker can take a batch; see `idle`.
    """

    def __init__(
        self, spawner: Spawner, *, size: int, deadline_s: float, on_free: Callable[[], None]
    ) -> None:
        self.size = size
        self.idle: list[WorkerHandle] = []
        self._spawner = spawner
        self._deadline_s = deadline_s
        self._on_free = on_free
        self._live: set[WorkerHandle] = set()
        self._forkserver: tuple[int, int] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._settled = asyncio.Event()

    @property
    def workers(self) -> frozenset[WorkerHandle]:
        """Those that are alive."""
        return frozenset(self._live)

    async def start(self) -> None:
        """Start all workers.

        Raises:
            WorkerStartError: One did not come up.
        """
        for _ in range(self.size):
            self._welcome(await self._in_spawner(self._spawner.start))

    async def close(self) -> None:
        """End all workers, and wait until they are known to be dead."""
        self._closing.set()
        self.idle.clear()
        for handle in self.workers:
            handle.condemn(Cause.DISMISSED)
        self._check_settled()
        await self._settled.wait()
        if self._forkserver is not None:
            self._forget_forkserver(self._forkserver[1])
        await asyncio.to_thread(self._spawner.close)

    def _welcome(self, worker: WorkerProcess) -> None:
        self._watch_forkserver(worker.forkserver_pid)
        handle = WorkerHandle(
            worker,
            deadline_s=self._deadline_s,
            on_free=self._freed,
            on_unfit=self._retire,
            on_dead=self._died,
        )
        self._live.add(handle)
        if self._closing.is_set():
            handle.condemn(Cause.DISMISSED)
        else:
            self._freed(handle)

    def _freed(self, handle: WorkerHandle) -> None:
        self.idle.append(handle)
        self._on_free()

    def _retire(self, handle: WorkerHandle) -> None:
        if handle in self.idle:
            self.idle.remove(handle)

    def _died(self, handle: WorkerHandle) -> None:
        self._retire(handle)
        self._spawn_task(self._replace(handle))

    async def _replace(self, handle: WorkerHandle) -> None:
        cause = handle.verdict or await self._cause(handle.worker)
        if cause is not Cause.DISMISSED:
            _log.warning("worker died", pid=handle.worker.pid, cause=str(cause))
        handle.bury(cause)
        self._live.discard(handle)
        await self._start_another()

    async def _cause(self, worker: WorkerProcess) -> Cause:
        code = await self._in_spawner(self._spawner.exit_code, worker)
        return cause_of_exit(code, forkserver_alive=self._forkserver_alive(worker))

    async def _start_another(self) -> None:
        delay_s = _START_RETRY_FIRST_S
        while not self._closing.is_set():
            try:
                self._welcome(await self._in_spawner(self._spawner.start))
            except WorkerStartError as error:
                _log.warning("worker did not start", error=str(error))
                await self._pause(delay_s)
                delay_s = min(2 * delay_s, _START_RETRY_MOST_S)
            else:
                return

    def _watch_forkserver(self, pid: int) -> None:
        if self._forkserver is not None and self._forkserver[0] == pid:
            return
        if self._forkserver is not None:
            self._forget_forkserver(self._forkserver[1])
        # It is our own child and only reaped when another is started: the pid is its own.
        pidfd = os.pidfd_open(pid)
        self._forkserver = pid, pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._forkserver_ended, pidfd)

    def _forkserver_ended(self, pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        _log.warning("forkserver died; replacing its workers")
        for handle in self.workers:
            handle.condemn(Cause.OUTSIDE)

    def _forkserver_alive(self, worker: WorkerProcess) -> bool:
        forkserver = self._forkserver
        if forkserver is None or forkserver[0] != worker.forkserver_pid:
            return False
        return not has_ended(forkserver[1])

    def _forget_forkserver(self, pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        self._forkserver = None

    async def _in_spawner(
        self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._spawner.thread, partial(function, *arguments))

    def _spawn_task(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("supervision failed", exc_info=task.exception())
        self._check_settled()

    def _check_settled(self) -> None:
        if self._closing.is_set() and not self._live and not self._tasks:
            self._settled.set()

    async def _pause(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), delay_s)
