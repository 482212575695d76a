"""What a process stands on: its storage, and the fleet that it belongs to.

Alone, one of several processes of a machine, or one of several machines.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pixelpipe.config import Settings, storage_environment
from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.fleet import ALONE, Fleet
from pixelpipe.jobs.ports import RemoteBlobs, SharedBlobs
from pixelpipe.neighbours import ONLY, Neighbours, Place
from pixelpipe.sites import read_storage_url
from pixelpipe.storage.folder import FolderError
from pixelpipe.storage.marks import FileMarks
from pixelpipe.storage.opening import Elsewhere, Share, Storage, open_storage
from pixelpipe.storage.shared import open_shared_folder
from pixelpipe.storage.spaces import Spaces

if TYPE_CHECKING:
    from pixelpipe.scaleout.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Footing:
    """What it has.

    Attributes:
        settings: Those it was opened with, and what all of the fleet sign with.
        cluster: What several machines share, if they do.
    """

    settings: Settings
    storage: Storage
    fleet: Fleet = ALONE
    cluster: "Cluster | None" = None


@asynccontextmanager
async def open_footing(
    settings: Settings, place: Place, *, durable: bool, answers: bool
) -> AsyncIterator[Footing]:
    """Open the storage, and join the fleet; see `open_runtime` for arguments and errors."""
    if durable and settings.redis is not None:
        async with _open_cluster(settings, settings.redis, answers=answers) as cluster:
            yield _over(cluster, settings)
        return
    async with AsyncExitStack() as closing:
        storage = await closing.enter_async_context(_storage(settings, place, durable=durable))
        fleet = await _fleet(closing, settings.data_dir, place)
        yield Footing(settings, storage, fleet)


def _over(cluster: "Cluster", settings: Settings) -> Footing:
    shared = {name: getattr(settings, name) or made for name, made in cluster.secrets.items()}
    storage = Storage(cluster.journal, cluster.outbox, cluster.blobs, Spaces(()), cluster.remote)
    fleet = Fleet(peers=cluster.peers, queue=cluster.line)
    return Footing(settings.model_copy(update=shared), storage, fleet, cluster)


@asynccontextmanager
async def _open_cluster(settings: Settings, url: str, *, answers: bool) -> AsyncIterator["Cluster"]:
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
    blobs = partial(_open_blobs, settings.storage_url)
    async with AsyncExitStack() as closing:
        opening = open_cluster(place, blobs, settings.queue_limit, answers=answers)
        try:
            cluster = await closing.enter_async_context(opening)
        except (ClusterError, StorageFailedError, ValueError) as error:
            raise FolderError(str(error)) from error
        yield cluster


@asynccontextmanager
async def _open_blobs(storage_url: str, identity: str) -> AsyncIterator[SharedBlobs]:
    """The blobs of all machines."""
    elsewhere = _elsewhere(storage_url)
    if elsewhere.remote is not None:
        async with elsewhere.remote(identity) as remote:
            yield remote
        return
    assert elsewhere.folder is not None, "it is one or the other"
    async with open_shared_folder(elsewhere.folder, identity) as files:
        yield files


def _storage(
    settings: Settings, place: Place, *, durable: bool
) -> AbstractAsyncContextManager[Storage]:
    return open_storage(
        settings.data_dir,
        settings.reserve_bytes,
        durable=durable,
        share=_share(place),
        elsewhere=_elsewhere(settings.storage_url, _marks_file(settings.data_dir, place)),
    )


def _marks_file(folder: Path, place: Place) -> Path | None:
    """Where processes over one data folder see what each of them has in use."""
    return None if place == ONLY else folder / "processes" / "in-use"


def _share(place: Place) -> Share | None:
    if place == ONLY:
        return None
    return Share(place.number, place.owner, f"processes/{place.number}-reserve")


async def _fleet(closing: AsyncExitStack, folder: Path, place: Place) -> Fleet:
    marks_file = _marks_file(folder, place)
    if marks_file is None:
        return ALONE
    marks = await asyncio.to_thread(FileMarks, marks_file)
    closing.callback(marks.close)
    neighbours = await asyncio.to_thread(Neighbours, place, folder / "processes")
    closing.callback(neighbours.close)
    return Fleet(peers=neighbours, marks=marks)


def _elsewhere(storage_url: str | None, marks_file: Path | None = None) -> Elsewhere:
    """Where blobs are that are not in the data folder."""
    if not storage_url:
        return Elsewhere()
    url = read_storage_url(storage_url)
    if url.scheme == "file":
        return Elsewhere(folder=Path("/", url.path))
    return Elsewhere(remote=partial(_open_remote, storage_url, marks_file))


@asynccontextmanager
async def _open_remote(
    url: str, marks_file: Path | None, identity: str
) -> AsyncIterator[RemoteBlobs]:
    try:
        # Costs time and memory that who keeps files does without.
        from pixelpipe.scaleout.objects_opening import open_objects  # noqa: PLC0415
        from pixelpipe.scaleout.objects_place import ObjectStorageError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise FolderError(f"{url} needs the extra scaleout: {error}") from error
    async with AsyncExitStack() as closing:
        marks = await asyncio.to_thread(FileMarks, marks_file) if marks_file else None
        if marks is not None:
            closing.callback(marks.close)
        opening = open_objects(url, storage_environment(), identity, marks)
        try:
            blobs = await closing.enter_async_context(opening)
        except ObjectStorageError as error:
            raise FolderError(str(error)) from error
        yield blobs
