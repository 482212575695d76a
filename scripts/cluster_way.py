"""A photograph's way through several nodes: who accepts it, who takes it, where all of it lies."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from obstore.store import S3Store
from redis.asyncio import Redis
from rich import box
from rich.markup import escape
from rich.table import Table

from cluster_nodes import BOTH, FRONT
from demo import console, size_of, upload
from event_stream import Event, read_events

PATIENCE_S = 60.0
QUEUE, JOBS = "bull:pixelpipe", "{pixelpipe}:job"
_BLOCKED_MS = 1000
_ENDS = {"completed", "failed"}
_SHOWN_CHARS = 12
# What BullMQ tells of a job beside what is shown.
_LEFT_OUT = {"waiting", "prioritized", "progress", "drained"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the nodes keep pictures.

    Attributes:
        url: As they are told.
        environment: Variables by which it is reached.
        store: It, for a look at what is there.
    """

    url: str
    environment: Mapping[str, str]
    store: S3Store

    @staticmethod
    def key(sha256: str) -> str:
        """The name of an object, below the URL."""
        return f"blobs/{sha256[:2]}/{sha256}"

    async def holds(self, sha256: str, size_bytes: int) -> bool:
        """Whether there are so many bytes by that digest."""
        try:
            found = await self.store.head_async(self.key(sha256))
        except FileNotFoundError:
            return False
        return found["size"] == size_bytes


@dataclass(frozen=True, slots=True)
class Way:
    """What is looked at on the way.

    Attributes:
        front: The node that is sent the photograph.
        other: The one at which the job is watched, and what was made fetched.
        redis_url: Where the queue is.
        place: Where the pictures are.
        names: Of the nodes, by the ids of their processes.
    """

    front: aiohttp.ClientSession
    other: aiohttp.ClientSession
    redis_url: str
    place: Place
    names: Mapping[int, str]
    start_s: float = field(default_factory=time.perf_counter)

    def tell(self, who: str, what: str) -> None:
        """Print a step."""
        elapsed_ms = (time.perf_counter() - self.start_s) * 1000
        console.print(f"{elapsed_ms:7.0f} ms  [bold]{who:<6}[/] {what}")

    async def check(self, job: Json) -> bool:
        """Fetch every variant from the other node; whether all of them are there and right."""
        right = 0
        for variant in job["variants"]:
            if variant["state"] == "completed":
                async with self.other.get(variant["url"]) as response:
                    digest = hashlib.sha256(await response.read()).hexdigest()
                stored = await self.place.holds(variant["sha256"], variant["bytes"])
                right += stored and digest == variant["sha256"]
        count = len(job["variants"])
        console.print(f"{right} of {count} variants fetched from {BOTH}, with the right digest")
        return right == count


async def show_way(way: Way, name: str, photograph: bytes) -> tuple[Json, list[str]]:
    """Send a photograph, and print each step until its job has ended.

    Args:
        way: What to look at.
        name: Of the photograph.
        photograph: Its bytes.

    Returns:
        The job as it is then, and the names of the nodes that took it.

    Raises:
        DemoError: It was refused.
        TimeoutError: It took more than PATIENCE_S.
    """
    console.print(f"\n[bold]{escape(name)}[/] ({len(photograph):,} bytes) to {FRONT}")
    async with asyncio.timeout(PATIENCE_S), Redis.from_url(way.redis_url) as redis:
        job = await upload(way.front, name, photograph)
        source = job["source"]["sha256"]
        way.tell(FRONT, f"accepted [bold]{job['id']}[/]")
        way.tell("s3", f"[dim]the photograph is[/] {way.place.key(source)}")
        queue = asyncio.create_task(_follow_queue(way, redis, job["id"]))
        try:
            took = await _follow_events(way, redis, job)
            await queue
        finally:
            queue.cancel()
    async with way.other.get(job["links"]["self"], raise_for_status=True) as response:
        return await response.json(), took


async def _follow_queue(way: Way, redis: Redis, job_id: str) -> None:
    """Print what the queue does with a job, until it has ended there."""
    says = {"added": f"queued as {QUEUE}:{job_id}", "active": "taken from the queue"}
    async for event in _queue_events(redis):
        name = event["event"]
        if event.get("jobId") == job_id and name not in _LEFT_OUT:
            way.tell("redis", says.get(name, f"{name}, says the queue"))
            if name in _ENDS:
                return


async def _queue_events(redis: Redis) -> AsyncIterator[dict[str, str]]:
    """BullMQ's events, from the first."""
    last: bytes | str = "0"
    while True:
        found: Any = await redis.xread({f"{QUEUE}:events": last}, block=_BLOCKED_MS)
        for number, fields in (entry for _, entries in found for entry in entries):
            last = number
            yield {key.decode(): value.decode() for key, value in fields.items()}


async def _follow_events(way: Way, redis: Redis, job: Json) -> list[str]:
    """Print each event that the other node tells; the names of the nodes that have made it."""
    took = []
    async with way.other.get(job["links"]["events"], raise_for_status=True) as stream:
        async for event in read_events(stream.content):
            if event.name == "job.started":
                took.append(await _owner(way, redis, job["id"]))
                way.tell(took[-1], "[bold]makes it[/]")
            way.tell(BOTH, f"[dim]event {event.id:>2}[/] {event.name}{_about(event)}")
            if event.name == "variant.completed":
                there = await way.place.holds(event.data["sha256"], event.data["bytes"])
                found = way.place.key(event.data["sha256"]) if there else "[red]nothing[/]"
                way.tell("s3", f"[dim]{escape(event.data['name'])} is[/] {found}")
    return took


async def _owner(way: Way, redis: Redis, job_id: str) -> str:
    """Which node has the job: the journal keeps host, process and a secret of who took it last."""
    owner = await redis.hget(f"{JOBS}:{job_id}", "owner")
    assert isinstance(owner, bytes), "the job is there"
    found = (name for pid, name in way.names.items() if f"-{pid}-" in owner.decode())
    return next(found, "?")


def _about(event: Event) -> str:
    if event.name.startswith("job."):
        return ""
    name = escape(event.data["name"])
    if event.name == "variant.completed":
        return f" [green]{name}[/] {size_of(event.data)}, {event.data['bytes']:,} bytes"
    if event.name == "variant.failed":
        return f" [red]{name}[/] {escape(event.data['error']['title'])}"
    return f" {name}"


def table_of(job: Json, took: list[str], place: Place) -> Table:
    """A row for each variant of a job, with the object that has its bytes."""
    title = f"{job['source']['name']}: {job['state']}, by {', '.join(took)}, in {place.url}"
    table = Table(title=escape(title), box=box.SIMPLE, show_edge=False, padding=(0, 1, 0, 0))
    for heading in ("variant", "size", "bytes", "ms", "object"):
        right = heading in {"size", "bytes", "ms"}
        table.add_column(heading, justify="right" if right else "left")
    for variant in job["variants"]:
        if variant["state"] == "completed":
            duration_ms = f"{sum(variant['timings_ms'].values()):.0f}"
            shown = place.key(variant["sha256"][:_SHOWN_CHARS]) + "…"
            cells = (size_of(variant), f"{variant['bytes']:,}", duration_ms, shown)
        else:
            cells = ("", "", "", f"[red]{variant['state']}[/]")
        table.add_row(escape(variant["name"]), *cells)
    return table
