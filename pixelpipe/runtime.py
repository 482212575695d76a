"""Builds and closes everything, in one visible order, for server and command line alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pixelpipe.config import Settings, prepare_codec_environment
from pixelpipe.engine.engine import Engine, EngineLimits
from pixelpipe.engine.machine import available_cpus, default_arena_bytes
from pixelpipe.engine.process import WORKER_MAIN
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.service import JobService
from pixelpipe.jobs.submission import SourceLimits
from pixelpipe.recipes.presets import Presets, load_presets
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.folder import exclusive
from pixelpipe.storage.memory import MemoryJournal


@dataclass(frozen=True, slots=True)
class Runtime:
    """All that a server or a command needs."""

    settings: Settings
    presets: Presets
    engine: Engine
    service: JobService

    def ready(self) -> dict[str, object]:
        """Facts for a readiness probe; `ready` says whether work is accepted and can be done."""
        alive = len(self.engine.pool.workers)
        return {
            "ready": alive > 0 and not self.service.draining,
            "draining": self.service.draining,
            "workers": self.engine.limits.workers,
            "workers_alive": alive,
            "jobs_running": self.service.running,
            "jobs_waiting": self.engine.admission.waiting,
            "arena_bytes": self.engine.arena.size,
            "arena_leased_bytes": sum(lease.size for lease in self.engine.arena.leases),
        }


@asynccontextmanager
async def open_runtime(
    settings: Settings, worker_main: str = WORKER_MAIN
) -> AsyncIterator[Runtime]:
    """The running whole; leaving drains it and takes it down.

    Raises:
        PresetFileError: The user's own presets cannot be used.
        FolderError: The data folder cannot be used, or another server works in it.
        WorkerStartError: The workers did not come up.
        LeaseLeakError: On leaving: memory was not given back; a defect.
    """
    presets = await asyncio.to_thread(load_presets, settings.presets_file)
    async with AsyncExitStack() as closing:
        await asyncio.to_thread(closing.enter_context, exclusive(settings.data_dir))
        blobs = await asyncio.to_thread(FileBlobs, settings.data_dir / "blobs")
        closing.push_async_callback(asyncio.to_thread, blobs.close)
        prepare_codec_environment(settings)
        engine = await asyncio.to_thread(Engine, _limits(settings), worker_main)
        closing.push_async_callback(engine.close)
        await engine.start()
        service = JobService(
            engine,
            MemoryJournal(settings.history_limit),
            blobs,
            limits=SourceLimits(settings.max_pixels, settings.max_side_px),
            poison=PoisonList(settings.poison_s),
        )
        closing.push_async_callback(service.drain, settings.drain_s)
        yield Runtime(settings, presets, engine, service)


def _limits(settings: Settings) -> EngineLimits:
    return EngineLimits(
        arena_bytes=settings.arena_bytes or default_arena_bytes(),
        workers=settings.workers or available_cpus(),
        max_upload_bytes=settings.max_upload_bytes,
        queue_limit=settings.queue_limit,
        task_deadline_s=settings.task_deadline_s,
        arena_idle_s=settings.arena_idle_s,
    )
