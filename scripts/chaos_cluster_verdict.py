"""Asks a cluster, left alone at last, for everything that it holds, and checks all of it."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from chaos_clients import Crowd
from chaos_cluster_pictures import Pictures
from chaos_inspection import inspect
from chaos_outcome import Outcome

_JOURNAL, _QUEUE = "{pixelpipe}:", "bull:pixelpipe:"
_LISTS, _SETS = ("wait", "active", "paused"), ("prioritized", "delayed", "failed")
_BLOB = "blob:"


@dataclass(frozen=True, slots=True)
class Held:
    """What there is in Redis.

    Attributes:
        queue: How many jobs are in each state in which none should be.
        open: Jobs that have not ended.
        cancels: Jobs that somebody wants stopped.
        references: By digest, how many jobs have the blob.
        counted: By digest, how many jobs are said to.
        sizes: By digest.
        referenced_bytes: What all that is referred to is said to have.
        events: By job, the ids of its events.
        told: The ids of all events.
    """

    queue: Mapping[str, int]
    open: Collection[str]
    cancels: Collection[str]
    references: Mapping[str, int]
    counted: Mapping[str, int]
    sizes: Mapping[str, int]
    referenced_bytes: int
    events: Mapping[str, Sequence[str]]
    told: Sequence[str]


async def inspect_cluster(
    crowd: Crowd, redis_url: str, pictures: Pictures, patience_s: float, outcome: Outcome
) -> None:
    """Check what a cluster holds after a crowd has ended, and what the crowd has seen.

    Args:
        crowd: Its clients, and how to reach the front.
        redis_url: Where journal and queue are.
        pictures: Where they are.
        patience_s: How long to wait for what comes about by itself.
        outcome: Gets the figures and the violations.

    Raises:
        aiohttp.ClientError: The front did not answer.
    """
    await inspect(crowd, None, patience_s, outcome)
    held = await _held(redis_url)
    outcome.violations += redis_violations(held)
    outcome.violations += picture_violations(pictures, held.references)
    # What lies about: none of it is lost, or seen by anybody.
    unknown = len(pictures.digests() - held.counted.keys())
    outcome.counts += Counter({"pictures that the journal does not know": unknown})


async def _held(url: str) -> Held:
    # What redis-py gives is one of many types, by what the connection is told.
    client: Any = Redis.from_url(url, decode_responses=True)
    async with aclosing(client) as redis:
        queue = {name: await redis.llen(_QUEUE + name) for name in _LISTS}
        queue |= {name: await redis.zcard(_QUEUE + name) for name in _SETS}
        references: Counter[str] = Counter()
        events = {}
        async for key in redis.scan_iter(match=f"{_JOURNAL}job:*"):
            fields = await redis.hkeys(key)
            references.update(name.removeprefix(_BLOB) for name in fields if name.startswith(_BLOB))
            job_id = key.rpartition(":")[2]
            events[job_id] = await redis.lrange(f"{_JOURNAL}events-of-job:{job_id}", 0, -1)
        blobs = {
            digest: list(map(int, said.split()))
            for digest, said in (await redis.hgetall(f"{_JOURNAL}blobs")).items()
        }
        told = [entry.partition("-")[0] for entry, _ in await redis.xrange(f"{_JOURNAL}events")]
        return Held(
            queue=queue,
            open=await redis.zrange(f"{_JOURNAL}open", 0, -1),
            cancels=await redis.smembers(f"{_JOURNAL}cancels"),
            references=references,
            counted={digest: said[0] for digest, said in blobs.items()},
            sizes={digest: said[1] for digest, said in blobs.items()},
            referenced_bytes=int(await redis.get(f"{_JOURNAL}referenced-bytes") or 0),
            events=events,
            told=told,
        )


def redis_violations(held: Held) -> Iterator[str]:
    """Of what is in Redis once all jobs have ended, in plain words."""
    for state, jobs in held.queue.items():
        if jobs:
            yield f"the queue has {jobs} jobs that are {state}"
    for job_id in held.open:
        yield f"job {job_id} is open in the journal"
    for job_id in held.cancels:
        yield f"somebody wants job {job_id} stopped, which has ended"
    for digest in sorted(held.references.keys() | held.counted.keys()):
        there, said = held.references.get(digest, 0), held.counted.get(digest, 0)
        if there != said:
            yield f"{there} jobs refer to {digest}, and the journal counts {said}"
    whole_bytes = sum(held.sizes.get(digest, 0) for digest, n in held.references.items() if n)
    if whole_bytes != held.referenced_bytes:
        yield f"{whole_bytes} bytes are referred to, and the journal counts {held.referenced_bytes}"
    of_jobs = sorted(int(each) for ids in held.events.values() for each in ids)
    if of_jobs != sorted(map(int, held.told)):
        yield f"jobs have {len(of_jobs)} events, and there are {len(held.told)}, or others"


def picture_violations(pictures: Pictures, referenced: Collection[str]) -> Iterator[str]:
    """Of the pictures.

    Args:
        pictures: Where they are.
        referenced: Digests of what has to be there.
    """
    for digest in sorted(referenced):
        content = pictures.read(digest)
        if content is None:
            yield f"a job refers to {digest}, which is not there"
        elif hashlib.sha256(content).hexdigest() != digest:
            yield f"{digest} has other bytes than its name says"
