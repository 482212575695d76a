"""One job inside the engine: its memory, and how far it has come."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, Protocol

from pixelpipe.engine.arena import Lease, Region
from pixelpipe.engine.attempts import Attempts
from pixelpipe.engine.pages import page_aligned
from pixelpipe.engine.protocol import Span
from pixelpipe.errors import ExceedsMemoryError, PixelPipeError
from pixelpipe.recipes.cost import cost_ms, decode_ms, encoded_bound_bytes, expected_bytes
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.plan import Plan
from pixelpipe.recipes.task import Decode, Task


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished variant, as its worker reported it.

    Attributes:
        content: The encoded bytes; gone once `Sink.task_made` returns.
        sha256: Their digest, computed by the worker.
        facts: What it tells of itself.
    """

    content: memoryview
    sha256: str
    process_ms: float
    encode_ms: float
    facts: Facts


class Sink(Protocol):
    """Who is told how the work goes on, on the event loop; a task is named by its index.

    Nothing more is told of an order that was abandoned.
    """

    def decode_called(self) -> None:
        """The codec is being called for the source: one more decode."""

    def decode_lost(self, starts: int, strikes: int) -> None:
        """The decode's worker was lost; it will be started again. Its account so far."""

    def decoded(self, decode_ms: float) -> None:
        """The pixels are there."""

    def task_started(self, index: int, attempt: int) -> None:
        """A worker works on the task."""

    def task_retrying(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """The task's worker was lost; it will be started again."""

    async def task_made(self, index: int, encoded: Encoded) -> None:
        """The variant is made; what is raised here fails the task.

        It is cancelled, once, when the order is abandoned. It must not end before whatever it has
        started, a thread perhaps, has let go of the content.

        Raises:
            WrongDigestError: The bytes are not those that the worker spoke of.
            PixelPipeError: It could not be kept.
        """

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """The task has failed for good."""

    def decode_struck_out(self) -> None:
        """The source killed two workers in the decoder."""


def _fine() -> None:
    """There is nothing against the source."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the engine is asked to do.

    Attributes:
        label: What it is called in the log.
        plan: One decode and its tasks.
        source: The lease that holds the source's bytes; the engine takes it over. None when they
            are to be loaded.
        source_bytes: How many of them.
        load: Fills a view of that length with the source again. Given, the engine returns the
            lease of a job that has to wait; without, the lease is kept.
        client: Who gets a fair share of the work.
        priority: Among the client's own orders; higher goes first.
        decode_attempts: The decode's account so far.
        attempts: Those of the tasks; empty when all are fresh.
        check_source: Called right before each decode; what it raises, a PixelPipeError, ends the
            order instead.

    Raises:
        ValueError: There is neither a source nor a way to it, or there are more or fewer accounts
            than tasks.
    """

    label: str
    plan: Plan
    source: Lease | None
    source_bytes: int
    load: Callable[[memoryview], Awaitable[None]] | None
    _: KW_ONLY
    client: str = ""
    priority: int = 0
    decode_attempts: Attempts = field(default_factory=Attempts)
    attempts: tuple[Attempts, ...] = ()
    check_source: Callable[[], None] = _fine

    def __post_init__(self) -> None:
        if self.source is None and self.load is None:
            raise ValueError("an order without a source")
        if self.attempts and len(self.attempts) != len(self.plan.tasks):
            raise ValueError(f"{len(self.attempts)} accounts of {len(self.plan.tasks)} tasks")


class Nobody:
    """A sink without anybody behind it, as an abandoned order has; others may build on it."""

    def decode_called(self) -> None:
        """Nobody cares."""

    def decode_lost(self, starts: int, strikes: int) -> None:
        """Nobody cares."""

    def decoded(self, decode_ms: float) -> None:
        """Nobody cares."""

    def task_started(self, index: int, attempt: int) -> None:
        """Nobody cares."""

    def task_retrying(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """Nobody cares."""

    async def task_made(self, index: int, encoded: Encoded) -> None:
        """Nobody cares."""

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """Nobody cares."""

    def decode_struck_out(self) -> None:
        """Nobody cares."""


class Stage(Enum):
    """Where a job is in the engine."""

    WAITING = "waiting for memory"
    PREPARING = "its source is being read"
    READY = "to be decoded"
    DECODING = "being decoded"
    DECODED = "its tasks can run"
    ENDED = "settled"


@dataclass(eq=False, slots=True)
class Work:
    """A job inside the engine.

    Attributes:
        pending: Tasks that may be given to a worker, the costliest first.
        inline_limit: Most bytes that any of its tasks may encode to.
        unsettled: Tasks that are neither delivered nor failed.
        source_gone: Whether the source's bytes have to be read again.
        holds: Batches that run and variants being delivered; both still use its memory.
        deliveries: The tasks that hand variants over.
        loading: What fills its source again, once that has begun.
        abandoned: Whether nobody wants it any more.
    """

    number: int
    order: Order
    sink: Sink
    source: Lease | None
    stage: Stage = Stage.WAITING
    pixels: Lease | None = None
    outputs: Lease | None = None
    source_gone: bool = field(init=False)
    decode_attempts: Attempts = field(init=False)
    attempts: list[Attempts] = field(init=False)
    costs_ms: list[float] = field(init=False)
    pending: list[int] = field(init=False)
    inline_limit: int = field(init=False)
    unsettled: set[int] = field(init=False)
    holds: int = 0
    deliveries: set[asyncio.Task[None]] = field(default_factory=set)
    loading: asyncio.Future[None] | None = None
    abandoned: bool = False
    _slots: list[Span] = field(init=False)

    def __post_init__(self) -> None:
        self.source_gone = self.source is None
        tasks, decode = self.order.plan.tasks, self.order.plan.decode
        self.decode_attempts = replace(self.order.decode_attempts)
        accounts = self.order.attempts or (Attempts(),) * len(tasks)
        self.attempts = [replace(account) for account in accounts]
        estimates = [_estimated(task, decode) for task in tasks]
        self.costs_ms = [each.cost_ms for each in estimates]
        self.inline_limit = max(each.bound_bytes for each in estimates)
        self.unsettled = set(range(len(tasks)))
        self._slots = _laid_out(each.expected_bytes for each in estimates)
        self.pending = []
        self.requeue(self.unsettled)

    @property
    def cost_ms(self) -> float:
        """What the whole job is expected to cost; above 0."""
        return decode_ms(self.order.plan.decode) + sum(self.costs_ms)

    @property
    def pending_ms(self) -> float:
        """What the pending tasks are expected to cost."""
        return sum(self.costs_ms[index] for index in self.pending)

    @property
    def struck(self) -> bool:
        """Whether what would be given out next, its decode or a task, has a strike."""
        if self.stage is Stage.READY:
            return self.decode_attempts.strikes > 0
        return not all(map(self.is_unstruck, self.pending))

    def is_unstruck(self, index: int) -> bool:
        """Whether no worker has died over the task yet."""
        return not self.attempts[index].strikes

    def requeue(self, indexes: Iterable[int]) -> None:
        """Let these tasks be given out again, unless they are settled."""
        self.pending.extend(index for index in indexes if index in self.unsettled)
        self.pending.sort(key=lambda index: -self.costs_ms[index])

    def abandon(self) -> None:
        """Leave nothing to be done, and nobody to be told; what runs lets go on its own."""
        self.abandoned = True
        self.sink = Nobody()
        self.unsettled.clear()
        self.pending.clear()
        for delivery in self.deliveries:
            delivery.cancel()
        if self.loading is not None:
            self.loading.cancel()

    def take_memory(self, region: Region) -> bool:
        """Take every lease that it needs at once, or none."""
        sizes = _needs(self.order.plan, self.order.source_bytes, region.size, self._slots)
        wanted = [size for size in sizes if size] if self.source is None else sizes[1:]
        taken = region.take_all(size for size in wanted if size)
        if taken is None:
            return False
        leases = iter(taken)
        self.source = self.source or next(leases)
        self.pixels = next(leases)
        self.outputs = next(leases, None)
        return True

    def output_span(self, index: int) -> Span | None:
        """Where the task's encoded bytes may go; None when memory is too short for that."""
        if self.outputs is None:
            return None
        slot = self._slots[index]
        return Span(self.outputs.offset + slot.offset, slot.size)

    def output_view(self, index: int, size: int) -> memoryview:
        """The first `size` bytes of the task's output."""
        assert self.outputs is not None, "an output was granted"
        return self.outputs.view(self._slots[index].offset, size)

    def release_source(self) -> None:
        """Give the source's bytes back."""
        if self.source is not None:
            self.source.release()
            self.source, self.source_gone = None, True

    def release_buffers(self) -> None:
        """Give back what the work is done in; nobody may use it any more."""
        for lease in (self.pixels, self.outputs):
            if lease is not None:
                lease.release()
        self.pixels = self.outputs = None


class _Estimate(NamedTuple):
    cost_ms: float
    bound_bytes: int
    expected_bytes: int


def _estimated(task: Task, decode: Decode) -> _Estimate:
    # The picture of a watermark is long, and rarely comes twice.
    return _estimate(task, decode) if task.watermark else _known(task, decode)


def _estimate(task: Task, decode: Decode) -> _Estimate:
    return _Estimate(
        cost_ms(task, decode), encoded_bound_bytes(task, decode), expected_bytes(task, decode)
    )


_known = lru_cache(maxsize=1024)(_estimate)


def check_fits(plan: Plan, source_bytes: int, region: Region) -> None:
    """Refuse what could not run even with the whole region to itself.

    Raises:
        ExceedsMemoryError: Named with its need and the limit.
    """
    need = page_aligned(source_bytes) + page_aligned(plan.decode.pixels_bytes)
    if need > region.size:
        raise ExceedsMemoryError(
            f"The image needs {need} bytes of working memory; the server has {region.size}.",
            need_bytes=need,
            limit_bytes=region.size,
        )


def _needs(plan: Plan, source_bytes: int, room: int, slots: list[Span]) -> list[int]:
    """Bytes for the source, the pixels and the outputs; 0 for outputs that would never fit."""
    source, pixels = page_aligned(source_bytes), page_aligned(plan.decode.pixels_bytes)
    outputs = slots[-1].offset + slots[-1].size
    return [source, pixels, outputs if source + pixels + outputs <= room else 0]


def _laid_out(sizes: Iterable[int]) -> list[Span]:
    """One page-aligned span behind the other, so that each can be granted by itself."""
    spans: list[Span] = []
    offset = 0
    for size in sizes:
        spans.append(Span(offset, page_aligned(size)))
        offset += spans[-1].size
    return spans
