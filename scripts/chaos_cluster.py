"""Kills nodes, takes Redis away under load, and checks that no promise was broken."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos_clients import Crowd
from chaos_cluster_verdict import inspect_cluster
from chaos_outcome import Outcome, Tell
from cluster_processes import LocalRedis, Node, start_node
from server_process import running_server

_WIDTHS_PX = (480, 1600)
_WINDOW = 8
_FIRST_NODES, _MOST_NODES = 2, 3
_SHORTEST_S, _LONGEST_S = 0.2, 2.0
# While it is away nothing is done: not for more of the time than that.
_LONGEST_SHARE = 0.2
_NODE_WORKERS = 1
_DRAIN_S = 5
_ARENA_BYTES = 64 * 2**20

_Deed = tuple[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class ClusterChaos:
    """What to do.

    Attributes:
        for_s: For how long.
        away_s: How long Redis may be away at a time.
        clients: How many upload all the while.
        seed: Of what is random.
        patience_s: How long to wait at the end for what has to come about.
    """

    for_s: float
    away_s: float
    clients: int
    seed: int
    patience_s: float


async def cluster_chaos(chaos: ClusterChaos, tell: Tell) -> Outcome:
    """Do all sorts of things to a cluster while clients use it, then inspect it.

    Raises:
        ServerStartError: Something did not start, or not again.
    """
    outcome = Outcome()
    async with AsyncExitStack() as closing:
        opened = tempfile.TemporaryDirectory(prefix="pixelpipe-chaos-")
        folder = Path(closing.enter_context(opened))
        # It is killed: what it has answered has to be there then.
        redis = LocalRedis(folder, fsync="always")
        await redis.start()
        closing.push_async_callback(redis.stop)
        log = folder / "front.log"
        environment = {
            "PIXELPIPE_REDIS_URL": redis.url,
            "PIXELPIPE_STORAGE_URL": f"file://{folder}/store",
            "PIXELPIPE_DRAIN_TIMEOUT_S": str(_DRAIN_S),
            "PIXELPIPE_ARENA_BYTES": str(_ARENA_BYTES),
        }
        front = running_server("--no-work", "--workers", "1", log=log, environment=environment)
        server = await closing.enter_async_context(front)
        choices = Random(chaos.seed)  # noqa: S311 - no secrets
        crowd = Crowd(server.url, choices, widths_px=_WIDTHS_PX, window=_WINDOW)
        closing.push_async_callback(crowd.close)
        storm = _Storm(chaos, redis, environment, outcome, tell)
        closing.push_async_callback(storm.end)
        await storm.begin(folder / "nodes.log")
        crowd.begin(chaos.clients)
        await storm.rage()
        tell("leaving the cluster alone")
        outcome.slowest_s["wait for the last job"] = await crowd.finish(chaos.patience_s)
        tell("inspecting it")
        await inspect_cluster(crowd, redis.url, folder / "store", chaos.patience_s, outcome)
        await storm.calm()
        outcome.violations += [
            f"logged as an error: {line}"
            for each in (log, folder / "nodes.log")
            for line in each.read_text(errors="replace").splitlines()
            if '"level": "error"' in line or line.startswith("Traceback")
        ]
    return outcome


class _Storm:
    """What befalls Redis and the nodes, one thing after the other.

    Args:
        chaos: For how long, and how random.
        redis: Is there at the start, and at the end.
        environment: Of the nodes.
        outcome: Gets the figures and the violations.
        tell: Told of each thing.
    """

    def __init__(
        self,
        chaos: ClusterChaos,
        redis: LocalRedis,
        environment: dict[str, str],
        outcome: Outcome,
        tell: Tell,
    ) -> None:
        self._chaos = chaos
        self._redis = redis
        self._environment = environment
        self._outcome = outcome
        self._tell = tell
        self._random = Random(chaos.seed)  # noqa: S311 - no secrets
        self._nodes: list[Node] = []
        self._log = Path()

    async def begin(self, log: Path) -> None:
        """Start the first nodes, which log to that file."""
        self._log = log
        await asyncio.gather(*(self._add() for _ in range(_FIRST_NODES)))

    async def rage(self) -> None:
        """Go on for as long as is wanted."""
        end = time.monotonic() + self._chaos.for_s
        deeds: tuple[_Deed, ...] = (
            *[("kill a node", self._kill_node)] * 6,
            *[("tell a node to stop", self._stop_node)] * 3,
            ("kill Redis and start it again", self._kill_redis),
            ("restart Redis", self._restart_redis),
            ("take Redis away", self._take_redis_away),
            ("have Redis stand still", self._freeze_redis),
        )
        todo: list[_Deed] = []
        while time.monotonic() < end:
            # By turns, so that a short time has seen most of it.
            todo = todo or self._random.sample(deeds, len(deeds))
            name, deed = todo.pop()
            self._tell(f"{name}; {end - time.monotonic():.0f} s left")
            await deed()
            while len(self._nodes) < self._random.randint(1, _MOST_NODES):
                await self._add()
            await self._pause()

    async def calm(self) -> None:
        """Tell all nodes to stop."""
        await asyncio.gather(*(self._stop_node() for _ in range(len(self._nodes))))

    async def end(self) -> None:
        """End what is still there."""
        for node in self._nodes:
            await node.kill()

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(_SHORTEST_S, _LONGEST_S))

    async def _add(self) -> None:
        since = time.monotonic()
        node = await start_node(self._environment, workers=_NODE_WORKERS, log=self._log)
        self._nodes.append(node)
        self._outcome.took("start of a node", since)
        self._outcome.counts["nodes started"] += 1

    def _some_node(self) -> Node:
        return self._nodes.pop(self._random.randrange(len(self._nodes)))

    async def _kill_node(self) -> None:
        if self._nodes:
            await self._some_node().kill()
            self._outcome.counts["nodes killed"] += 1

    async def _stop_node(self) -> None:
        if not self._nodes:
            return
        since = time.monotonic()
        status = await self._some_node().stop()
        self._outcome.took("stop of a node", since)
        self._outcome.counts["nodes told to stop"] += 1
        if status:
            self._outcome.violations.append(f"a node that was told to stop ended with {status}")

    async def _kill_redis(self) -> None:
        await self._redis.kill()
        await self._redis.start()
        self._outcome.counts["times Redis was killed"] += 1

    async def _restart_redis(self) -> None:
        await self._redis.stop()
        await self._redis.start()
        self._outcome.counts["restarts of Redis"] += 1

    async def _take_redis_away(self) -> None:
        await self._redis.kill()
        try:
            await self._while_away()
        finally:
            await self._redis.start()

    async def _freeze_redis(self) -> None:
        self._redis.freeze()
        try:
            await self._while_away()
        finally:
            self._redis.thaw()

    async def _while_away(self) -> None:
        """Wait, and let something happen to a node meanwhile, now and then."""
        most_s = min(self._chaos.away_s, self._chaos.for_s * _LONGEST_SHARE)
        away_s = self._random.uniform(most_s / 4, most_s)
        since = time.monotonic()
        await asyncio.sleep(away_s / 2)
        happens = self._random.choice([self._kill_node, self._stop_node, None, None])
        if happens is not None:
            await happens()
        await asyncio.sleep(since + away_s - time.monotonic())
        self._outcome.counts["times Redis was away"] += 1
        self._outcome.took("absence of Redis", since)
