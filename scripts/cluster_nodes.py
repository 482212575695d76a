"""Three nodes of PixelPipe on this machine, each with its name before what it logs."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster_processes import start_node
from pixelpipe.engine.machine import default_arena_bytes
from server_process import running_server

FRONT, BOTH, WORKER = "front", "both", "worker"
WORKERS = 1  # each node's
_QUIET = {"PIXELPIPE_LOG_LEVEL": "warning"}
_LONGEST_LINE_BYTES = 1024 * 1024
# Behind all that was logged; no log has such a line.
_END = b"\x04\n"

# Takes a name and a line.
Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Nodes:
    """They run.

    Attributes:
        urls: Where those that have one are reached, by their names.
        names: Their names by the ids of their processes.
    """

    urls: dict[str, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)


@asynccontextmanager
async def running_nodes(
    environment: Mapping[str, str], folder: Path, tell: Tell
) -> AsyncIterator[Nodes]:
    """Start one that accepts and answers, one that works as well, and one that only works.

    Args:
        environment: Where Redis and the pictures are.
        folder: For the pipes through which they log.
        tell: Told what starts, and each line that a node logs.

    Raises:
        ServerStartError: One of them did not start.
    """
    # All have their shared memory in the one /dev/shm.
    arena = str(default_arena_bytes() // 3)
    shared = {**_QUIET, "PIXELPIPE_ARENA_BYTES": arena, **os.environ, **environment}
    group = _Group(shared, folder, tell)
    living = (
        group.serve(FRONT, "accepts and answers", "--no-work"),
        group.serve(BOTH, "accepts, answers and takes jobs from the queue"),
        group.work(WORKER),
    )
    lives = [asyncio.create_task(life) for life in living]
    try:
        await group.all_started(lives)
        yield group.nodes
    except BaseException:
        for life in lives:
            life.cancel()
        raise
    finally:
        group.stopping.set()
        await asyncio.gather(*lives, return_exceptions=True)


class _Group:
    """Nodes that start, and end, at the same time; each lives in a task of its own."""

    def __init__(self, environment: Mapping[str, str], folder: Path, tell: Tell) -> None:
        self.nodes = Nodes()
        self.stopping = asyncio.Event()
        self._environment = environment
        self._folder = folder
        self._tell = tell
        self._started = asyncio.Semaphore(0)

    async def serve(self, name: str, does: str, *options: str) -> None:
        more = ("--workers", str(WORKERS), *options)
        async with (
            _told(self._folder / f"{name}.log", name, self._tell) as log,
            running_server(*more, log=log, environment=self._environment) as server,
        ):
            self.nodes.urls[name] = server.url
            await self._live(name, server.pid, f"{server.url}, {does}")

    async def work(self, name: str) -> None:
        async with _told(self._folder / f"{name}.log", name, self._tell) as log:
            node = await start_node(self._environment, workers=WORKERS, log=log)
            try:
                await self._live(name, node.pid, "takes jobs from the queue, and has no address")
            finally:
                await node.stop()

    async def _live(self, name: str, pid: int, does: str) -> None:
        self.nodes.names[pid] = name
        self._tell(name, does)
        self._started.release()
        await self.stopping.wait()

    async def all_started(self, lives: Sequence[asyncio.Task[None]]) -> None:
        """Return once all have; what one of them raised is raised."""
        started = asyncio.create_task(self._count_started(len(lives)))
        await asyncio.wait([started, *lives], return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
        for life in lives:
            if life.done():
                life.result()

    async def _count_started(self, count: int) -> None:
        for _ in range(count):
            await self._started.acquire()


@asynccontextmanager
async def _told(path: Path, name: str, tell: Tell) -> AsyncIterator[Path]:
    """A pipe in the file system; each line that is written to it is told."""
    os.mkfifo(path)
    # For reading and writing: else it would end whenever nobody has it open.
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    reader = asyncio.StreamReader(_LONGEST_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
    )
    telling = asyncio.create_task(_tell_lines(reader, name, tell))
    try:
        yield path
    finally:
        os.write(pipe, _END)
        await telling
        transport.close()


async def _tell_lines(reader: asyncio.StreamReader, name: str, tell: Tell) -> None:
    while (line := await reader.readline()) and line != _END:
        tell(name, line.decode(errors="replace").rstrip("\n"))
