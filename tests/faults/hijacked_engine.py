"""An engine whose workers are under an attacker's control, and what came of their tries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pixelpipe.config import MIB, Settings, prepare_codec_environment
from pixelpipe.engine.confinement import Confinement, SandboxMode
from pixelpipe.engine.engine import Engine, EngineLimits
from pixelpipe.engine.process import WorkerProcess
from tests.faults.engine_alone import PATIENCE_S, NotingSink, make_order

MAINS = "tests.faults.sandbox_workers"


@asynccontextmanager
async def hijacked_engine(
    mode: SandboxMode, main: str = "main", *, arena_bytes: int = 64 * MIB
) -> AsyncIterator[Engine]:
    """A started engine of one such worker; leaving fails if a lease of the arena is left."""
    prepare_codec_environment(Settings.model_construct())
    limits = EngineLimits(
        arena_bytes=arena_bytes,
        workers=1,
        max_upload_bytes=arena_bytes // 4,
        queue_limit=100,
        task_deadline_s=PATIENCE_S,
        arena_idle_s=PATIENCE_S,
        confinement=Confinement(sandbox=mode),
    )
    engine = await asyncio.to_thread(Engine, limits, f"{MAINS}:{main}")
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


def the_worker(engine: Engine) -> WorkerProcess:
    """Its worker."""
    (handle,) = engine.pool.workers
    return handle.worker


class _Outcomes(NotingSink):
    """Keeps how each task failed."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.outcomes = dict.fromkeys(names, "made")
        self._names = names

    def task_failed(self, index: int, strikes: int, error: Exception) -> None:
        self.outcomes[self._names[index]] = f"{strikes} strikes" if strikes else str(error)


async def outcomes(engine: Engine, *names: str) -> dict[str, str]:
    """What came of these tries, done in this order by one worker: `made` if it did its work."""
    sink = _Outcomes(names)
    order = await make_order(engine, *names)
    async with asyncio.timeout(PATIENCE_S):
        await engine.run(order, sink)
    return sink.outcomes
