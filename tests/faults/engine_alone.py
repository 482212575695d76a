"""An engine without jobs around it, with workers that go wrong on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pixelpipe.config import MIB, Settings, prepare_codec_environment
from pixelpipe.engine.engine import Engine, EngineLimits
from pixelpipe.engine.work import Encoded, Order
from pixelpipe.errors import PixelPipeError
from pixelpipe.recipes.plan import Plan
from pixelpipe.recipes.task import Rect
from tests.faults.fault_workers import markers
from tests.photographs import photo_jpeg
from tests.tasks import make_decode, make_task

PATIENCE_S = 60.0
HEIGHT = 300


@asynccontextmanager
async def engine_alone(workers: int = 1) -> AsyncIterator[Engine]:
    """A started engine; leaving fails if a lease of the arena is left."""
    prepare_codec_environment(Settings.model_construct())
    limits = EngineLimits(
        arena_bytes=64 * MIB,
        workers=workers,
        max_upload_bytes=4 * MIB,
        queue_limit=100,
        task_deadline_s=PATIENCE_S,
        arena_idle_s=PATIENCE_S,
    )
    engine = await asyncio.to_thread(Engine, limits, "tests.faults.fault_workers:main")
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()
        for left in markers(engine.arena.name):
            left.unlink()


async def make_order(
    engine: Engine, *names: str, width: int = 400, label: str = "job", **fields: object
) -> Order:
    """An order for variants of these names, its source uploaded."""
    content = photo_jpeg(width, HEIGHT)
    tasks = tuple(make_task(name, region=Rect(0, 0, width, HEIGHT)) for name in names)
    planned = Plan(make_decode(width, HEIGHT), tasks)
    async with engine.receive(len(content)) as upload:
        await upload.write(content)
        source = upload.take_over()
    return Order(label, planned, source, len(content), None, **fields)  # type: ignore[arg-type]


class NotingSink:
    """Notes all that it is told.

    Args:
        on_told: Called with each note once it is made.
    """

    def __init__(self, on_told: Callable[[str], None] = lambda _: None) -> None:
        self.told: list[str] = []
        self.errors: list[PixelPipeError] = []
        self._on_told = on_told

    def note(self, what: str) -> None:
        """Keep it."""
        self.told.append(what)
        self._on_told(what)

    def decode_called(self) -> None:
        self.note("decode called")

    def decode_lost(self, starts: int, strikes: int) -> None:
        self.note(f"decode lost: {starts} starts, {strikes} strikes")

    def decoded(self, decode_ms: float) -> None:
        del decode_ms
        self.note("decoded")

    def task_started(self, index: int, attempt: int) -> None:
        self.note(f"{index} started: {attempt}")

    def task_retrying(self, index: int, strikes: int, error: PixelPipeError) -> None:
        self.errors.append(error)
        self.note(f"{index} retrying: {strikes} strikes")

    async def task_made(self, index: int, encoded: Encoded) -> None:
        assert len(encoded.content) > 0
        self.note(f"{index} made")

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        self.errors.append(error)
        self.note(f"{index} failed: {strikes} strikes")

    def decode_struck_out(self) -> None:
        self.note("decode struck out")


class StuckSink(NotingSink):
    """Keeps hold of the first variant for ever, as if there were no room to store it."""

    async def task_made(self, index: int, encoded: Encoded) -> None:
        await super().task_made(index, encoded)
        await asyncio.Event().wait()
