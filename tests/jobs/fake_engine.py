"""An engine without workers: the test says what happens to each order, and when."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from pixelpipe.engine.arena import Lease
from pixelpipe.engine.attempts import Attempts, Cause
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.uploads import Upload, UploadRoom
from pixelpipe.engine.work import Encoded, Nobody, Order, Sink
from pixelpipe.errors import (
    DamagedImageError,
    InternalError,
    PixelPipeError,
    QueueFullError,
    WorkerLostError,
)
from pixelpipe.recipes.plan import Plan
from pixelpipe.recipes.task import Task
from tests.tasks import FACTS

_MOST_UPLOAD_BYTES = 1_000_000


class HeapLease:
    """Stands in for an arena's lease; its bytes are lost as soon as it is released."""

    def __init__(self, size: int, leases: set["HeapLease"]) -> None:
        self.size = size
        self._bytes = bytearray(size)
        self._leases = leases
        leases.add(self)

    def view(self, start: int = 0, size: int | None = None) -> memoryview:
        """As `Lease.view`."""
        if self not in self._leases:
            raise ValueError("outside the lease")
        return memoryview(self._bytes)[start : self.size if size is None else start + size]

    def release(self) -> None:
        """As `Lease.release`: what others still read there is no longer what it was."""
        if self not in self._leases:
            raise ValueError("released twice")
        self._leases.remove(self)
        self._bytes[:] = bytes(self.size)


class FakeWork:
    """One order in the engine; each method is something that the workers do to it.

    The rules are those of the engine: what was abandoned hears nothing more, accounts are kept,
    and `run` returns when no task is open and no delivery is on its way.
    """

    def __init__(self, engine: "FakeEngine", order: Order, sink: Sink) -> None:
        self.order = order
        self.done = asyncio.get_running_loop().create_future()
        self.unsettled = set(range(len(order.plan.tasks)))
        self.running: set[int] = set()
        self.delivered: set[int] = set()
        self.decoded = False
        self.content = b""
        self.abandoned = False
        self._engine = engine
        self._sink = sink
        self._decode_attempts = replace(order.decode_attempts)
        self._attempts = [replace(account) for account in order.attempts] or [
            Attempts() for _ in self.unsettled
        ]
        self._source = cast("HeapLease | None", order.source)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether the source is being read, or a variant handed over."""
        return bool(self._tasks)

    @property
    def idle(self) -> list[int]:
        """Tasks that can be started."""
        return sorted(self.unsettled - self.running - self.delivered) if self.decoded else []

    def load(self) -> None:
        """Bring the source to memory, if it is not there."""
        if self._source is not None:
            self.content = bytes(self._source.view(0, self.order.source_bytes))
        else:
            self._spawn(self._load())

    def decode(self) -> None:
        """The whole decode, once the source is there."""
        self._decode_attempts.start()
        self._sink.decode_called()
        if self.abandoned:
            return
        self._release_source()
        self.decoded = True
        self._sink.decoded(1.0)

    def lose_decode(self, cause: Cause) -> None:
        """The decode's worker dies after the codec was called."""
        self._decode_attempts.start()
        self._sink.decode_called()
        error = self._decode_attempts.after(cause)
        if error is None:
            accounts = self._decode_attempts
            self._sink.decode_lost(accounts.starts, accounts.strikes)
            return
        if self._decode_attempts.struck_out:
            self._sink.decode_struck_out()
        self.fail_decode(error)

    def fail_decode(self, error: PixelPipeError | None = None) -> None:
        """The source cannot be decoded."""
        for index in sorted(self.unsettled):
            self.fail(index, error or DamagedImageError("The file ends early."))

    def start(self, index: int) -> None:
        """A worker takes the task up."""
        self.running.add(index)
        self._sink.task_started(index, self._attempts[index].start())

    def make(self, index: int) -> None:
        """The worker has made the variant; it is handed over."""
        self.running.discard(index)
        self.delivered.add(index)
        task = self.order.plan.tasks[index]
        content = bytearray(self._engine.bytes_of(self.content, task))
        self._engine.made.append((self.order.label, hashlib.sha256(content).hexdigest()))
        self._spawn(self._deliver(index, content))

    def lose(self, index: int, cause: Cause) -> None:
        """The worker dies over the task."""
        self.running.discard(index)
        account = self._attempts[index]
        error = account.after(cause)
        if error is not None:
            self.fail(index, error)
            return
        lost = WorkerLostError(f"The worker was lost ({cause}); the task is tried again.")
        self._sink.task_retrying(index, account.strikes, lost)

    def fail(self, index: int, error: PixelPipeError | None = None) -> None:
        """The task fails for good."""
        if index in self.unsettled:
            told = error or DamagedImageError("The file ends early.")
            self._sink.task_failed(index, self._attempts[index].strikes, told)
            self.running.discard(index)
            self.unsettled.discard(index)
            self.finish()

    def abandon(self) -> None:
        """Nobody wants it any more."""
        if self.abandoned:
            return
        self.abandoned = True
        self._sink = Nobody()
        self.unsettled.clear()
        self.running.clear()
        for task in self._tasks:
            task.cancel()
        self.finish()

    def finish(self) -> None:
        """Let it go once nothing is open and nobody uses its memory."""
        if self.unsettled or self._tasks or self.done.done():
            return
        self._release_source()
        self._engine.works.remove(self)
        self.done.set_result(None)

    def _release_source(self) -> None:
        if self._source is not None:
            self._source.release()
            self._source = None

    async def _load(self) -> None:
        load = self.order.load
        assert load is not None, "only a source that can be read again is let go"
        self._source = HeapLease(self.order.source_bytes, self._engine.leases)
        try:
            await load(self._source.view())
        except PixelPipeError as error:
            self.fail_decode(error)
        else:
            self.content = bytes(self._source.view())

    async def _deliver(self, index: int, content: bytearray) -> None:
        encoded = Encoded(memoryview(content), hashlib.sha256(content).hexdigest(), 2.0, 1.0, FACTS)
        try:
            await self._sink.task_made(index, encoded)
        except PixelPipeError as error:
            self.fail(index, error)
        except Exception as error:  # noqa: BLE001 - the engine logs it and fails the task
            self._engine.defects.append(error)
            self.fail(index, InternalError("The variant could not be kept."))
        else:
            self.unsettled.discard(index)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._engine.defects.append(error)
        self.finish()


class FakeEngine:
    """What the job service needs of an engine.

    Attributes:
        works: Orders that run, oldest first.
        leases: Memory that is out.
        made: Label of the order and digest of each variant that was made, in order.
        defects: Errors that the real engine would have logged as its own.
        keeps_sources: Whether an order that has to wait keeps its source in memory.
        full: Whether no more jobs may wait.
        bytes_of: The variant that a task makes of a source.
        spare: How many orders more would be begun at once.
        backlog_ms: What those that wait are expected to cost.
    """

    def __init__(self) -> None:
        self.works: list[FakeWork] = []
        self.leases: set[HeapLease] = set()
        self.made: list[tuple[str, str]] = []
        self.defects: list[BaseException] = []
        self.keeps_sources = True
        self.full = False
        self.bytes_of: Callable[[bytes, Task], bytes] = variant_bytes
        self.spare = 0
        self.backlog_ms = 1000.0
        self.on_waiting: Callable[[str], None] = _nobody

    @property
    def next_waiting(self) -> str | None:
        """As `Engine.next_waiting`: the oldest that is not at work."""
        waiting = (w for w in self.works if not (w.content or w.decoded or w.abandoned))
        return next((work.order.label for work in waiting), None)

    @property
    def as_engine(self) -> Engine:
        """For the type checker."""
        return cast("Engine", self)

    def check(self, plan: Plan, source_bytes: int, *, client: str, entering: int) -> None:
        """As `Engine.check`."""
        del plan, source_bytes, client, entering
        if self.full:
            raise QueueFullError("Too many jobs are waiting.")

    @asynccontextmanager
    async def receive(self, declared_bytes: int | None) -> AsyncIterator[Upload]:
        """As `Engine.receive`."""
        lease = HeapLease(declared_bytes or _MOST_UPLOAD_BYTES, self.leases)
        # The lease is large enough from the start, so nobody is asked for more.
        room = cast("UploadRoom", None)
        upload = Upload(room, cast("Lease", lease), _MOST_UPLOAD_BYTES)
        try:
            yield upload
        finally:
            upload.release()

    async def run(self, order: Order, sink: Sink) -> None:
        """As `Engine.run`; the test does the work."""
        work = FakeWork(self, order, sink)
        self.works.append(work)
        if not self.keeps_sources and order.load is not None:
            work._release_source()
        try:
            await asyncio.shield(work.done)
        except asyncio.CancelledError:
            work.abandon()
            raise

    def work_of(self, job_id: str) -> FakeWork:
        """The job's order, which has to run."""
        return next(work for work in self.works if work.order.label == job_id)


def _nobody(label: str) -> None:
    """Nobody is told."""


def variant_bytes(source: bytes, task: Task) -> bytes:
    """Other bytes for another source or another wish, whatever the variant's name."""
    wish = repr(replace(task, name="")).encode()
    return hashlib.sha256(source).digest() + hashlib.sha512(wish).digest()
