"""The workers: N of them, each replaced when it dies or is worn."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

import structlog

from pixelpipe.engine.attempts import Cause
from pixelpipe.engine.handle import WorkerHandle
from pixelpipe.engine.process import Spawner, WorkerProcess, WorkerStartError
from pixelpipe.engine.starts import Starts
from pixelpipe.engine.wear import Wear, measured

_log = structlog.get_logger(__name__)
_START_RETRY_FIRST_S = 0.1
_START_RETRY_MOST_S = 5.0
_LOOK_EVERY_S = 5.0


class Pool:
    """Keeps `size` workers alive.

    Args:
        spawner: Starts them; the pool closes it.
        size: How many.
        deadline_s: Longest time for one step.
        on_free: Called whenever a worker can take a batch; see `idle`.
        wear: Which of them are to be replaced; without, none is before it dies.
    """

    def __init__(
        self,
        spawner: Spawner,
        *,
        size: int,
        deadline_s: float,
        on_free: Callable[[], None],
        wear: Wear | None = None,
    ) -> None:
        self.size = size
        self.idle: list[WorkerHandle] = []
        self._deadline_s = deadline_s
        self._on_free = on_free
        self._wear = wear
        self._live: set[WorkerHandle] = set()
        self._leaving: set[WorkerHandle] = set()
        self._starting = 0
        self._stillborn = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._look = asyncio.Event()
        self._departure = asyncio.Event()
        self._closing = asyncio.Event()
        self._starts = Starts(spawner, self._closing, self._forkserver_ended)
        self._settled = asyncio.Event()

    @property
    def workers(self) -> frozenset[WorkerHandle]:
        """Those that are alive; for a moment one more than `size` while one is replaced."""
        return frozenset(self._live)

    async def start(self) -> None:
        """Start all workers.

        Raises:
            WorkerStartError: One did not come up.
        """
        starting = asyncio.create_task(self._start_all())
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._closing.set()
            await asyncio.wait({starting})
            starting.exception()  # That they did not come up is no news.
            raise
        if self._wear is not None:
            self._spawn_task(self._renew(self._wear))

    async def close(self) -> None:
        """End all workers, and wait until they are known to be dead."""
        self._closing.set()
        self._look.set()
        self.idle.clear()
        for handle in self.workers:
            handle.condemn(Cause.DISMISSED)
        self._check_settled()
        await self._settled.wait()
        await self._starts.close()

    async def _start_all(self) -> None:
        for _ in range(self.size):
            self._welcome(await self._starts.start())

    def _welcome(self, worker: WorkerProcess) -> WorkerHandle:
        handle = WorkerHandle(
            worker,
            deadline_s=self._deadline_s,
            on_free=self._freed,
            on_unfit=self._retire,
            on_dead=self._died,
        )
        self._live.add(handle)
        if self._wear is not None:
            self._wear.begin(handle)
        self._freed(handle)
        return handle

    def _freed(self, handle: WorkerHandle) -> None:
        if handle in self._leaving or self._closing.is_set():
            handle.condemn(Cause.DISMISSED)
            return
        if self._wear is not None and self._wear.worn(handle):
            self._look.set()  # It works on until its successor is there.
        self.idle.append(handle)
        self._on_free()

    def _retire(self, handle: WorkerHandle) -> None:
        if handle in self.idle:
            self.idle.remove(handle)

    def _died(self, handle: WorkerHandle) -> None:
        self._retire(handle)
        self._spawn_task(self._bury(handle))

    async def _bury(self, handle: WorkerHandle) -> None:
        cause = handle.verdict or await self._starts.cause_of_death(handle.worker)
        if cause is not Cause.DISMISSED:
            job, task = handle.busy_with or (None, None)
            _log.warning("worker died", pid=handle.worker.pid, cause=str(cause), job=job, task=task)
        # One that dies of nothing at all, again and again, is no reason to start them in a loop.
        idle = handle.busy_with is None and not handle.steps_done
        self._stillborn = self._stillborn + 1 if idle and cause is not Cause.DISMISSED else 0
        self._forget(handle)
        if self._lacking() > 0:
            self._starting += 1
            self._spawn_task(self._start_another())
        handle.bury(cause)

    def _forget(self, handle: WorkerHandle) -> None:
        self._live.discard(handle)
        self._leaving.discard(handle)
        self._departure.set()
        if self._wear is not None:
            self._wear.end(handle)

    def _lacking(self) -> int:
        """How many more are to be started."""
        return self.size - len(self._live - self._leaving) - self._starting

    async def _start_another(self) -> None:
        failures = max(0, self._stillborn - 1)
        worker = None
        try:
            while worker is None and not self._closing.is_set():
                if failures:
                    await self._pause(_backoff_s(failures))
                worker = await self._try_to_start()
                failures += 1
        finally:
            self._starting -= 1
        if worker is not None:
            self._welcome(worker)

    async def _try_to_start(self) -> WorkerProcess | None:
        try:
            return await self._starts.start()
        except WorkerStartError as error:
            if not self._closing.is_set():
                _log.warning("worker did not start", error=str(error))
            return None

    async def _renew(self, wear: Wear) -> None:
        """Replace worn workers, one after the other, each once its successor is there."""
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), _LOOK_EVERY_S)
            self._look.clear()
            wear.look(await asyncio.to_thread(measured, self.workers))
            for handle in self.workers:
                if wear.worn(handle) and handle not in self._leaving:
                    await self._succeed(handle)

    async def _succeed(self, handle: WorkerHandle) -> None:
        worker = None if self._closing.is_set() else await self._try_to_start()
        if worker is None:
            await self._pause(_START_RETRY_MOST_S)
            return
        successor = self._welcome(worker)
        if handle in self._live:
            _log.info("worker replaced", pid=handle.worker.pid, steps=handle.steps_done)
            self._dismiss(handle)
        elif self._lacking() < 0:
            self._dismiss(successor)  # It died meanwhile, and had a successor already.
        while handle in self._live:
            self._departure.clear()
            await self._departure.wait()

    def _dismiss(self, handle: WorkerHandle) -> None:
        """End a worker once it is idle."""
        self._leaving.add(handle)
        if handle.assignment is None:
            handle.condemn(Cause.DISMISSED)

    def _forkserver_ended(self) -> None:
        _log.warning("forkserver died; replacing its workers")
        for handle in self.workers:
            handle.condemn(Cause.OUTSIDE)

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


def _backoff_s(failures: int) -> float:
    return min(_START_RETRY_MOST_S, _START_RETRY_FIRST_S * 2.0 ** (failures - 1))
