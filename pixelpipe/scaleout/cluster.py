"""What several machines share: journal and queue in Redis, and how they hear of one another."""

import asyncio
import os
import platform
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.exceptions import RedisError

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import Journal, Outbox, RemoteBlobs, SharedBlobs, SweptBlobs
from pixelpipe.kept_secrets import URL_SECRETS, WEBHOOK_SECRETS
from pixelpipe.scaleout.line import Line
from pixelpipe.scaleout.objects import ObjectBlobs
from pixelpipe.scaleout.queue import open_job_queue
from pixelpipe.scaleout.queue_place import QueuePlace
from pixelpipe.scaleout.redis_journal import RedisJournal
from pixelpipe.scaleout.redis_lead import Lead, LedOutbox
from pixelpipe.scaleout.redis_outbox import RedisOutbox
from pixelpipe.scaleout.redis_peers import RedisPeers
from pixelpipe.scaleout.redis_search import Search
from pixelpipe.scaleout.redis_server import RedisServer, UnfitRedisError, open_redis
from pixelpipe.scaleout.redis_signals import RedisSignals
from pixelpipe.scaleout.redis_writing import Store

# A blob that no job refers to any more is left alone for so long: other nodes may be reading it.
_UNUSED_S = 60.0

# Opens the blobs that belong to the journal of this id.
OpenBlobs = Callable[[str], AbstractAsyncContextManager[SharedBlobs]]


class ClusterError(Exception):
    """What the machines share cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a node has of it.

    Attributes:
        secrets: By the name of the setting, what all sign with where no other is set.
    """

    journal: Journal
    outbox: Outbox
    blobs: SweptBlobs
    peers: RedisPeers
    line: Line
    place: QueuePlace
    lead: Lead
    search: Search
    secrets: Mapping[str, str]

    @property
    def remote(self) -> RemoteBlobs | None:
        """The blobs, where they are in object storage."""
        return self.blobs if isinstance(self.blobs, ObjectBlobs) else None


@asynccontextmanager
async def open_cluster(
    place: QueuePlace, open_blobs: OpenBlobs, queue_limit: int, *, answers: bool = True
) -> AsyncIterator[Cluster]:
    """Join the others.

    Args:
        place: The queue, in the Redis that has the journal, too.
        open_blobs: Opens the store of blobs, which all of them share.
        queue_limit: How many jobs may wait.
        answers: Whether anybody asks here for what happens on other nodes.

    Raises:
        ClusterError: Redis cannot be reached, or cannot hold a journal, or has another queue's.
        ValueError: The URL is none of Redis; the message shows nothing of it.
    """
    async with AsyncExitStack() as closing:
        server = await closing.enter_async_context(open_redis(place.url))
        await _check(server)
        await _check_queue(server, place)
        identity = await _shared(server, "storage-id", secrets.token_hex(16))
        blobs = await closing.enter_async_context(open_blobs(identity))
        lead = Lead(server)
        lead.start()
        closing.push_async_callback(lead.close)
        signals = RedisSignals(server)
        peers = RedisPeers(signals, await signals.now(), followed=answers)
        closing.push_async_callback(peers.close)
        queue = await open_job_queue(place)
        closing.push_async_callback(queue.close)
        line = Line(queue, queue_limit, lambda: lead.held)
        line.start()
        closing.push_async_callback(line.close)
        yield Cluster(
            journal=RedisJournal(server, _store(blobs), owner=_owner(), unused_s=_UNUSED_S),
            outbox=LedOutbox(RedisOutbox(server), lead),
            blobs=blobs,
            peers=peers,
            line=line,
            place=place,
            lead=lead,
            search=Search(server, lead, blobs),
            secrets={
                "webhook_secrets": await _shared(server, "webhook-secret", WEBHOOK_SECRETS.made()),
                "url_secrets": await _shared(server, "url-secret", URL_SECRETS.made()),
            },
        )


async def _check(server: RedisServer) -> None:
    try:
        await server.check()
    except (StorageFailedError, UnfitRedisError) as error:
        raise ClusterError(f"cannot use Redis: {error}") from error


async def _check_queue(server: RedisServer, place: QueuePlace) -> None:
    """See that this is the queue of the nodes that have the journal.

    Else each of two queues would be given what is open in the other, and both would run it.
    """
    wanted = f"{place.prefix}:{place.name}"
    found = await _shared(server, "queue", wanted)
    if found != wanted:
        raise ClusterError(
            f"the journal in this Redis belongs to the queue {found!r}, not {wanted!r}: use "
            "another database for it, such as redis://host:port/1; or, to have the journal go "
            f"with this one, stop all nodes and delete the key {server.key('queue')!r}"
        )


async def _shared(server: RedisServer, name: str, made: str) -> str:
    """What all nodes have by that name; `made` if they have nothing yet."""
    key = server.key(name)
    try:
        await server.command("SET", key, made, "NX")
        found: bytes = await server.command("GET", key)
    except (RedisError, OSError) as error:
        raise ClusterError("cannot use Redis: it does not answer") from error
    return found.decode()


def _owner() -> str:
    """What no other start has; it tells a person which machine and process has a job."""
    return f"{platform.node()}-{os.getpid()}-{secrets.token_urlsafe(16)}"


def _store(blobs: SweptBlobs) -> Store:
    if isinstance(blobs, ObjectBlobs):
        return Store(blobs.present, blobs.remove_now, blobs.doubt)

    def present(wanted: Collection[Blob]) -> Awaitable[Sequence[bool]]:
        # All of them in one go: to change threads costs more than to look.
        return asyncio.to_thread(lambda: [blobs.holds(blob) for blob in wanted])

    def remove(sha256: str) -> Awaitable[None]:
        return asyncio.to_thread(blobs.remove, sha256)

    return Store(present, remove)
