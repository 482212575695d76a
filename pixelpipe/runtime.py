"""Builds and closes everything, in one visible order, for server and command line alike."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pixelpipe.config import Settings, prepare_codec_environment, storage_environment
from pixelpipe.engine.confinement import Confinement, SandboxMode, SandboxReport
from pixelpipe.engine.engine import Engine, EngineLimits
from pixelpipe.engine.machine import available_cpus, default_arena_bytes, shared_memory_bytes
from pixelpipe.engine.process import WORKER_MAIN
from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.peers import NoPeers, Peers
from pixelpipe.jobs.ports import Outbox, RemoteBlobs, SweptBlobs
from pixelpipe.jobs.retention import RetentionLimits
from pixelpipe.jobs.service import JobService
from pixelpipe.jobs.submission import SourceLimits
from pixelpipe.neighbours import Neighbours, Place
from pixelpipe.recipes.presets import Presets, load_presets
from pixelpipe.sites import link_root, read_storage_url
from pixelpipe.storage.folder import FolderError
from pixelpipe.storage.marks import FileMarks
from pixelpipe.storage.opening import (
    Elsewhere,
    Share,
    Storage,
    open_shared_folder,
    open_storage,
)
from pixelpipe.storage.spaces import Spaces

if TYPE_CHECKING:
    from pixelpipe.scaleout.cluster import Cluster

ALONE = Place()
NO_PEERS = NoPeers()


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
    place: Place = ALONE
    peers: Peers = NO_PEERS
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
    place: Place = ALONE,
) -> AsyncIterator[Runtime]:
    """The running whole; leaving drains it and takes it down.

    Args:
        settings: The settings.
        worker_main: What a worker process runs, as `module:function`.
        durable: Whether jobs outlive it: they are journalled, those that an earlier one left
            unfinished are taken up again, and webhooks are called. Otherwise none of that.
        place: Which of several processes over the data folder this is; whoever started them holds
            the folder.

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
        cluster = await _cluster(closing, settings) if durable else None
        if cluster is not None:
            shared = {
                name: getattr(settings, name) or made for name, made in cluster.secrets.items()
            }
            settings = settings.model_copy(update=shared)
        storage = await _stored_in(closing, settings, place, cluster, durable=durable)
        prepare_codec_environment(settings)
        engine = await asyncio.to_thread(lambda: Engine(_limits(settings), worker_main))
        closing.push_async_callback(engine.close)
        await engine.start()
        peers = cluster.peers if cluster else await _peers(closing, settings.data_dir, place)
        calls = durable and peers.leader
        on_message = await _webhooks(closing, settings, storage.outbox) if calls else _nobody
        if cluster is not None:
            cluster.lead.on_gain = on_message
        service = JobService(
            engine,
            storage,
            limits=SourceLimits(settings.max_pixels, settings.max_side_px),
            retention=_retention(settings),
            poison_s=settings.poison_s,
            on_message=on_message,
            peers=peers,
            marks=await _marks(closing, settings.data_dir, place),
            queue=cluster.line if cluster else None,
        )
        closing.push_async_callback(service.drain, settings.drain_timeout_s)
        runtime = Runtime(settings, presets, engine, storage, service, place, peers, cluster)
        if durable:
            await _begin(closing, runtime)
        yield runtime


async def _begin(closing: AsyncExitStack, runtime: Runtime) -> None:
    """Take up what is unfinished, and find what nobody needs."""
    storage, leader, alone = runtime.storage, runtime.peers.leader, runtime.cluster is None
    stored: Collection[str] = frozenset()
    if alone:
        stored = await asyncio.to_thread(_stored, storage, all_of_them=leader)
    await _recover(runtime.service, runtime.settings.data_dir, stored)
    if alone:
        _suspect(closing, runtime.service, storage.remote, everything=leader)


def _retention(settings: Settings) -> RetentionLimits:
    return RetentionLimits(
        retention_s=settings.retention_s,
        storage_bytes=settings.storage_bytes,
        every_s=settings.upkeep_s,
    )


async def _cluster(closing: AsyncExitStack, settings: Settings) -> "Cluster | None":
    """What several machines share, if they do."""
    url = settings.redis
    if url is None:
        return None
    if not settings.storage_url:
        raise FolderError(
            "with Redis, all machines need one place for pictures: set PIXELPIPE_STORAGE_URL"
        )
    try:
        from pixelpipe.scaleout.cluster import ClusterError, open_cluster  # noqa: PLC0415
        from pixelpipe.scaleout.queue_place import QueuePlace  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise FolderError(f"Redis needs the extra scaleout: {error}") from error
    place = QueuePlace(url, settings.queue, settings.queue_prefix)
    opening = open_cluster(place, partial(_open_blobs, settings), settings.queue_limit)
    try:
        return await closing.enter_async_context(opening)
    except (ClusterError, StorageFailedError, ValueError) as error:
        raise FolderError(str(error)) from error


@asynccontextmanager
async def _open_blobs(settings: Settings, identity: str) -> AsyncIterator[SweptBlobs]:
    """The blobs of all machines."""
    assert settings.storage_url, "it was looked at"
    elsewhere = _elsewhere(settings.storage_url)
    if elsewhere.remote is not None:
        async with elsewhere.remote(identity) as remote:
            yield remote
        return
    assert elsewhere.folder is not None, "it is one or the other"
    async with open_shared_folder(elsewhere.folder) as files:
        yield files


async def _stored_in(
    closing: AsyncExitStack,
    settings: Settings,
    place: Place,
    cluster: "Cluster | None",
    *,
    durable: bool,
) -> Storage:
    if cluster is not None:
        nowhere = Spaces(())
        return Storage(cluster.journal, cluster.outbox, cluster.blobs, nowhere, cluster.remote)
    return await closing.enter_async_context(_storage(settings, place, durable=durable))


def _storage(
    settings: Settings, place: Place, *, durable: bool
) -> AbstractAsyncContextManager[Storage]:
    return open_storage(
        settings.data_dir,
        settings.reserve_bytes,
        durable=durable,
        share=_share(place),
        elsewhere=_elsewhere(settings.storage_url),
    )


def _share(place: Place) -> Share | None:
    if place == ALONE:
        return None
    return Share(place.number, place.owner, f"processes/{place.number}-reserve")


async def _peers(closing: AsyncExitStack, folder: Path, place: Place) -> Peers:
    if place == ALONE:
        return NO_PEERS
    neighbours = await asyncio.to_thread(Neighbours, place, folder / "processes")
    closing.callback(neighbours.close)
    return neighbours


async def _marks(closing: AsyncExitStack, folder: Path, place: Place) -> FileMarks | None:
    if place == ALONE:
        return None
    marks = await asyncio.to_thread(FileMarks, folder / "processes" / "in-use")
    closing.callback(marks.close)
    return marks


def _stored(storage: Storage, *, all_of_them: bool) -> frozenset[str]:
    """All that is in the store; of one somewhere else that is found out by and by."""
    if storage.remote is not None or not all_of_them:
        return frozenset()
    return frozenset(storage.files.digests())


def _elsewhere(storage_url: str | None) -> Elsewhere:
    """Where blobs are that are not in the data folder."""
    if not storage_url:
        return Elsewhere()
    url = read_storage_url(storage_url)
    if url.scheme == "file":
        return Elsewhere(folder=Path("/", url.path))
    return Elsewhere(remote=partial(_open_remote, storage_url))


@asynccontextmanager
async def _open_remote(url: str, identity: str) -> AsyncIterator[RemoteBlobs]:
    try:
        # Costs time and memory that who keeps files does without.
        from pixelpipe.scaleout.objects_opening import open_objects  # noqa: PLC0415
        from pixelpipe.scaleout.objects_place import ObjectStorageError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise FolderError(f"{url} needs the extra scaleout: {error}") from error
    async with AsyncExitStack() as closing:
        opening = open_objects(url, storage_environment(), identity)
        try:
            blobs = await closing.enter_async_context(opening)
        except ObjectStorageError as error:
            raise FolderError(str(error)) from error
        yield blobs


def _suspect(
    closing: AsyncExitStack, service: JobService, blobs: RemoteBlobs | None, *, everything: bool
) -> None:
    """Have the journal asked about blobs somewhere else, beside the work."""
    if blobs is None:
        return
    suspects = blobs.suspects(everything=everything)

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
