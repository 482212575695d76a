"""What befalls a cluster: nodes, the front, Redis and the store of pictures, by turns."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos_clients import Crowd
from chaos_cluster_front import Front
from chaos_cluster_pictures import PictureBucket, PictureFolder
from chaos_cluster_weather import FAULTS, S3_FAULTS, Weather
from chaos_outcome import Outcome, Tell
from chaos_processes import until
from cluster_processes import LocalRedis, Node, start_node

_FIRST_NODES, _MOST_NODES = 2, 3
_SHORTEST_S, _LONGEST_S = 0.2, 2.0
# While something is away nothing is done: not for more of the time than that, nor for longer.
_LONGEST_SHARE = 0.2
_LONGEST_AWAY_S = 30.0
_NODE_WORKERS = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """The cluster.

    Attributes:
        redis: Is there at the start, and at the end.
        pictures: Likewise.
        front: Likewise.
        crowd: Uses it.
        environment: Of the nodes.
        log: Of the nodes.
    """

    redis: LocalRedis
    pictures: PictureFolder | PictureBucket
    front: Front
    crowd: Crowd
    environment: Mapping[str, str]
    log: Path


class Storm:
    """Has things happen.

    Args:
        parts: To what.
        weather: Which, and for how long.
        random: Chooses.
        outcome: Gets the figures and the violations.
        tell: Told of each thing.
    """

    def __init__(
        self, parts: Parts, weather: Weather, random: Random, outcome: Outcome, tell: Tell
    ) -> None:
        self._parts = parts
        self._weather = weather
        self._random = random
        self._outcome = outcome
        self._tell = tell
        self._nodes: list[Node] = []

    async def begin(self) -> None:
        """Start the first nodes."""
        await asyncio.gather(*(self._add() for _ in range(_FIRST_NODES)))

    async def rage(self, patience_s: float) -> None:
        """Go on for as long as is wanted.

        Args:
            patience_s: How long it may take until work goes on after each thing.
        """
        end = time.monotonic() + self._weather.for_s
        deeds = self._deeds()
        weights = FAULTS | S3_FAULTS
        faults = [name for name in self._weather.faults for _ in range(weights[name])]
        todo: list[str] = []
        while time.monotonic() < end:
            # By turns, so that a short time has seen most of it.
            todo = todo or self._random.sample(faults, len(faults))
            name = todo.pop()
            self._tell(f"{name}; {end - time.monotonic():.0f} s left")
            self._parts.crowd.slowest_refusal_s = 0.0
            await deeds[name]()
            self._outcome.counts[name] += 1
            await self._see_work(name, patience_s)
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

    def _deeds(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        redis, pictures = self._parts.redis, self._parts.pictures
        deeds: dict[str, Callable[[], Awaitable[None]]] = {
            "node-killed": self._kill_node,
            "node-stopped": self._stop_node,
            "front-killed": self._kill_front,
            "redis-killed": lambda: self._again(redis.kill),
            "redis-restarted": lambda: self._again(redis.stop),
            "redis-away": lambda: self._away(redis.kill, redis.start),
            "redis-frozen": lambda: self._frozen(redis),
        }
        if isinstance(pictures, PictureBucket):
            deeds["s3-away"] = lambda: self._away(pictures.shut, pictures.open)
            deeds["s3-frozen"] = lambda: self._frozen(pictures)
        return deeds

    async def _see_work(self, name: str, patience_s: float) -> None:
        """Note how long it takes until another job has ended."""
        if not self._nodes:
            await self._add()
        crowd, outcome = self._parts.crowd, self._outcome
        since, ended = time.monotonic(), crowd.ended
        if await until(lambda: crowd.ended > ended, patience_s):
            outcome.took(f"time until a job ended after {name}", since)
        else:
            outcome.violations.append(f"no job ended in the {patience_s:.0f} s after {name}")
        if crowd.slowest_refusal_s:
            refusal = f"wait for a 503 at {name}"
            longest_s = max(crowd.slowest_refusal_s, outcome.slowest_s.get(refusal, 0.0))
            outcome.slowest_s[refusal] = longest_s

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(_SHORTEST_S, _LONGEST_S))

    async def _add(self) -> None:
        since = time.monotonic()
        node = await start_node(self._parts.environment, workers=_NODE_WORKERS, log=self._parts.log)
        self._nodes.append(node)
        self._outcome.took("start of a node", since)
        self._outcome.counts["nodes started"] += 1

    def _some_node(self) -> Node:
        return self._nodes.pop(self._random.randrange(len(self._nodes)))

    async def _kill_node(self) -> None:
        if self._nodes:
            await self._some_node().kill()

    async def _stop_node(self) -> None:
        if not self._nodes:
            return
        since = time.monotonic()
        status = await self._some_node().stop()
        self._outcome.took("stop of a node", since)
        if status:
            self._outcome.violations.append(f"a node that was told to stop ended with {status}")

    async def _kill_front(self) -> None:
        await self._parts.front.kill()
        await self._parts.front.start()

    async def _again(self, end: Callable[[], Awaitable[None]]) -> None:
        await end()
        await self._parts.redis.start()

    async def _away(
        self, go: Callable[[], Awaitable[None]], come_back: Callable[[], Awaitable[None]]
    ) -> None:
        await go()
        try:
            await self._while_away()
        finally:
            await come_back()

    async def _frozen(self, service: LocalRedis | PictureBucket) -> None:
        service.freeze()
        try:
            await self._while_away()
        finally:
            service.thaw()

    async def _while_away(self) -> None:
        """Wait, and let something happen to a node meanwhile, now and then."""
        away_s = self._weather.away_s
        if away_s is None:
            most_s = min(_LONGEST_AWAY_S, self._weather.for_s * _LONGEST_SHARE)
            away_s = self._random.uniform(most_s / 4, most_s)
        since = time.monotonic()
        await asyncio.sleep(away_s / 2)
        happens = self._random.choice([self._kill_node, self._stop_node, None, None])
        if happens is not None:
            await happens()
        await asyncio.sleep(since + away_s - time.monotonic())
        self._outcome.took("absence", since)
