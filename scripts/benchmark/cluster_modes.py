"""The ways to run PixelPipe that are compared: on its own, and over Redis with nodes behind it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster_processes import LocalRedis, Node, start_node
from server_process import running_server

CORES = len(os.sched_getaffinity(0))
# Of each that works; the front's own workers have nothing to do.
_ARENA_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Mode:
    """One way.

    Attributes:
        name: What it is called.
        processes: How many serve, where there is no Redis.
        nodes: How many work behind a front that does not; none where there is no Redis.
        least: It has so many workers, also where there are fewer cores.
    """

    name: str
    processes: int = 1
    nodes: int = 0
    least: int = 1

    @property
    def workers(self) -> tuple[int, ...]:
        """How many workers each process, or each node, has: together one a core if they can."""
        many = self.nodes or self.processes
        total = max(CORES, many, self.least)
        return tuple(total // many + (n < total % many) for n in range(many))


EMBEDDED = Mode("embedded")
ONE_NODE = Mode("1 node", nodes=1)
MODES = (
    EMBEDDED,
    # What three workers cost one another where there are two cores, whoever has them.
    *([Mode("3 workers", least=3)] if CORES < 3 else []),  # noqa: PLR2004
    Mode("2 processes", processes=2),
    ONE_NODE,
    Mode("2 nodes", nodes=2),
    Mode("3 nodes", nodes=3),
)


@dataclass(frozen=True, slots=True)
class Started:
    """A mode that runs.

    Attributes:
        url: Where it is asked.
        roots: Its processes, each the root of a process tree, without Redis.
        redis: That process, if there is one.
    """

    mode: Mode
    url: str
    roots: tuple[int, ...]
    redis: int | None


@asynccontextmanager
async def started(mode: Mode, folder: Path) -> AsyncIterator[Started]:
    """Run a mode over a folder of its own, which is made.

    Raises:
        ServerStartError: Something of it did not start.
    """
    # As a store is that has worked for a while: no picture needs a new folder.
    for number in range(256):
        (folder / "blobs" / f"{number:02x}").mkdir(parents=True)
    environment = {"PIXELPIPE_ARENA_BYTES": str(_ARENA_BYTES)}
    if not mode.nodes:
        workers = ("--workers", str(sum(mode.workers)), "--processes", str(mode.processes))
        opening = running_server("--data", str(folder), *workers, environment=environment)
        async with opening as server:
            yield Started(mode, server.url, (server.pid,), None)
        return
    async with AsyncExitStack() as closing:
        redis = LocalRedis(folder)
        closing.push_async_callback(redis.stop)
        await redis.start()
        environment |= {
            "PIXELPIPE_REDIS_URL": redis.url,
            "PIXELPIPE_STORAGE_URL": f"file://{folder}",
        }
        front = running_server("--no-work", "--workers", "1", environment=environment)
        opening_nodes = (_node(environment, each) for each in mode.workers)
        server, nodes = await asyncio.gather(
            closing.enter_async_context(front),
            asyncio.gather(*map(closing.enter_async_context, opening_nodes)),
        )
        yield Started(mode, server.url, (server.pid, *(node.pid for node in nodes)), redis.pid)


@asynccontextmanager
async def _node(environment: dict[str, str], workers: int) -> AsyncIterator[Node]:
    node = await start_node(environment, workers=workers)
    try:
        yield node
    finally:
        await node.stop()
