"""Builds and closes everything, in one visible order, for server and command line alike."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pixelpipe.config import Settings, prepare_codec_environment
from pixelpipe.engine.confinement import Confinement, SandboxMode, SandboxReport
from pixelpipe.engine.engine import Engine, EngineLimits
from pixelpipe.engine.machine import available_cpus, default_arena_bytes, shared_memory_bytes
from pixelpipe.engine.process import WORKER_MAIN
from pixelpipe.errors import StorageFailedError
from pixelpipe.footing import open_footing
from pixelpipe.jobs.fleet import ALONE, Fleet
from pixelpipe.jobs.ports import Outbox
from pixelpipe.jobs.retention import RetentionLimits
from pixelpipe.jobs.service import JobService
from pixelpipe.jobs.submission import SourceLimits
from pixelpipe.neighbours import ONLY, Place
from pixelpipe.recipes.presets import Presets, load_presets
from pixelpipe.sites import link_root
from pixelpipe.storage.folder import FolderError
from pixelpipe.storage.opening import Storage

if TYPE_CHECKING:
    from pixelpipe.scaleout.cluster import Cluster


class ArenaSizeError(ValueError):
    """The machine has no shared memory for an arena of that size; the message says how much."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """All that a server or a command needs."""

    settings: Settings
    presets: Presets
    engine: Engine
    storage: Storage
    service: JobService
    place: Place = ONLY
    fleet: Fleet = ALONE
    cluster: "Cluster | None" = None

    def ready(self) -> dict[str, object]:
        """Facts for a readiness probe; `ready` says whether work is accepted and can be done."""
        alive = len(self.engine.pool.workers)
        missing = list(self._missing())
        return {
            "ready": not missing
            and alive > 0
            and self.service.storable
            and not self.service.draining,
            "missing": missing,
            "draining": self.service.draining,
            "storage_full": self.storage.space.full,
            "storable": self.service.storable,
            "process": self.place.number,
            "processes": self.place.count,
            "workers": self.engine.limits.workers,
            "workers_alive": alive,
            "jobs_running": self.service.running,
            "jobs_waiting": self.engine.admission.waiting,
            "arena_bytes": self.engine.arena.size,
            "arena_leased_bytes": sum(lease.size for lease in self.engine.arena.leases),
            "sandbox": self.sandbox.facts(),
        }

    def _missing(self) -> Iterator[str]:
        """What the work needs, and does not answer."""
        if self.cluster is not None and self.cluster.line.away:
            yield "Redis"
        remote = self.storage.remote
        if remote is not None and remote.trouble is not None:
            yield "object storage"

    @property
    def sandbox(self) -> SandboxReport:
        """What the worker that has given up least has given up."""
        reports = [handle.worker.sandbox for handle in self.engine.pool.workers]
        mode = self.engine.limits.confinement.sandbox
        none = SandboxReport(mode, missing=("no worker is alive",))
        return min(reports, key=lambda report: (report.seccomp, report.landlock), default=none)


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    worker_main: str = WORKER_MAIN,
    *,
    durable: bool = True,
    place: Place = ONLY,
    answers: bool = True,
) -> AsyncIterator[Runtime]:
    """The running whole; leaving drains it and takes it down.

    Args:
        settings: The settings.
        worker_main: What a worker process runs, as `module:function`.
        durable: Whether jobs outlive it: they are journalled, those that an earlier one left
            unfinished are taken up again, and webhooks are called. Otherwise none of that.
        place: Which of several processes over the data folder this is; whoever started them holds
            the folder.
        answers: Whether anybody asks it for jobs; one that only works is asked for nothing.

    Raises:
        PresetFileError: The user's own presets cannot be used.
        ArenaSizeError: /dev/shm is smaller than the arena that is asked for.
        FolderError: The data folder, or Redis, cannot be used, or another server works in it.
        WorkerStartError: The workers did not come up.
        SecretError: There is no secret to sign webhooks with.
        LeaseLeakError: On leaving: memory was not given back; a defect.
    """
    presets = await asyncio.to_thread(load_presets, settings.presets_file)
    async with AsyncExitStack() as closing:
        opening = open_footing(settings, place, durable=durable, answers=answers)
        footing = await closing.enter_async_context(opening)
        settings, storage, fleet = footing.settings, footing.storage, footing.fleet
        prepare_codec_environment(settings)
        engine = await asyncio.to_thread(lambda: Engine(_limits(settings), worker_main))
        closing.push_async_callback(engine.close)
        await engine.start()
        calls = durable and fleet.peers.leader
        on_message = await _webhooks(closing, settings, storage.outbox) if calls else _nobody
        cluster = footing.cluster
        if cluster is not None:
            cluster.lead.on_gain = on_message
        service = JobService(
            engine,
            storage,
            limits=SourceLimits(settings.max_pixels, settings.max_side_px),
            retention=_retention(settings),
            poison_s=settings.poison_s,
            on_message=on_message,
            fleet=fleet,
        )
        closing.push_async_callback(service.drain, settings.drain_timeout_s)
        runtime = Runtime(settings, presets, engine, storage, service, place, fleet, cluster)
        if durable:
            await _begin(closing, runtime)
        yield runtime


async def _begin(closing: AsyncExitStack, runtime: Runtime) -> None:
    """Take up what is unfinished, and find what nobody needs."""
    storage, leader, cluster = runtime.storage, runtime.fleet.peers.leader, runtime.cluster
    stored: Collection[str] = frozenset()
    if cluster is None:
        stored = await asyncio.to_thread(_stored, storage, all_of_them=leader)
    await _recover(runtime.service, runtime.settings.data_dir, stored)
    if cluster is not None:
        _suspect(closing, runtime.service, cluster.search.suspects())
    elif storage.remote is not None:
        _suspect(closing, runtime.service, storage.remote.suspects(everything=leader))


def _retention(settings: Settings) -> RetentionLimits:
    return RetentionLimits(
        retention_s=settings.retention_s,
        storage_bytes=settings.storage_bytes,
        every_s=settings.upkeep_s,
    )


def _stored(storage: Storage, *, all_of_them: bool) -> frozenset[str]:
    """All that is in the store; of one somewhere else that is found out by and by."""
    if storage.remote is not None or not all_of_them:
        return frozenset()
    return frozenset(storage.files.digests())


def _suspect(
    closing: AsyncExitStack,
    service: JobService,
    suspects: AsyncGenerator[Collection[str], None],
) -> None:
    """Have the journal asked about blobs somewhere else, beside the work."""

    async def suspect() -> None:
        async with aclosing(suspects):
            async for found in suspects:
                service.suspect(found)

    task = asyncio.create_task(suspect())
    closing.push_async_callback(partial(asyncio.gather, task, return_exceptions=True))
    closing.callback(task.cancel)


async def _recover(service: JobService, folder: Path, stored: Collection[str]) -> None:
    try:
        await service.recover(stored)
    except StorageFailedError as error:
        raise FolderError(f"cannot use the journal in {folder}: {error.detail}") from error
    except ValidationError as error:
        raise FolderError(f"the journal in {folder} is damaged: {error.title}") from error


async def _webhooks(
    closing: AsyncExitStack, settings: Settings, outbox: Outbox
) -> Callable[[], None]:
    """Send what is in the outbox; gives what to call when there is more."""
    # Brings aiohttp along, which a command without webhooks does without.
    from pixelpipe.webhooks.opening import open_courier  # noqa: PLC0415

    courier = await closing.enter_async_context(
        open_courier(
            outbox,
            settings.data_dir,
            settings.webhook_secrets,
            allow_private=settings.webhook_private,
            links_root=link_root(settings.public_url, settings.base_path),
        )
    )
    return courier.wake


def _nobody() -> None:
    """There are no webhooks."""


def _arena_bytes(settings: Settings) -> int:
    most = shared_memory_bytes()
    if settings.arena_bytes is not None and settings.arena_bytes > most:
        raise ArenaSizeError(
            f"the arena cannot have {settings.arena_bytes} bytes: /dev/shm has {most} in all"
        )
    return settings.arena_bytes or default_arena_bytes()


def _limits(settings: Settings) -> EngineLimits:
    return EngineLimits(
        arena_bytes=_arena_bytes(settings),
        workers=settings.workers or available_cpus(),
        max_upload_bytes=settings.max_upload_bytes,
        queue_limit=settings.queue_limit,
        task_deadline_s=settings.task_deadline_s,
        arena_idle_s=settings.arena_idle_s,
        worker_tasks=settings.worker_tasks,
        worker_bytes=settings.worker_bytes,
        confinement=Confinement(
            sandbox=SandboxMode(settings.sandbox),
            max_frames=settings.max_frames,
            max_pixels=settings.max_pixels,
            max_upload_bytes=settings.max_upload_bytes,
        ),
    )
