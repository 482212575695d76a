"""Has a cluster under load suffer what machines and services suffer; no promise may be broken."""

import tempfile
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos_clients import Crowd
from chaos_cluster_front import Front
from chaos_cluster_pictures import PictureBucket, PictureFolder
from chaos_cluster_storm import Parts, Storm
from chaos_cluster_verdict import inspect_cluster
from chaos_cluster_weather import Weather
from chaos_outcome import Outcome, Tell
from chaos_server import free_port
from cluster_processes import LocalRedis

_WIDTHS_PX = (480, 1600)
_WINDOW = 8
_DRAIN_S = 5
_ARENA_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class ClusterChaos:
    """What to do.

    Attributes:
        weather: What may happen, and for how long.
        s3: Whether the pictures are in an S3, and not in a folder.
        clients: How many upload all the while.
        seed: Of what is random.
        patience_s: How long to wait for what has to come about.
    """

    weather: Weather
    s3: bool
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
        pictures = await _pictures(closing, folder, s3=chaos.s3)
        environment = {
            "PIXELPIPE_REDIS_URL": redis.url,
            **pictures.environment,
            "PIXELPIPE_DRAIN_TIMEOUT_S": str(_DRAIN_S),
            "PIXELPIPE_ARENA_BYTES": str(_ARENA_BYTES),
        }
        choices = Random(chaos.seed)  # noqa: S311 - no secrets
        port = free_port(choices)
        front = Front(environment, folder, port)
        await front.start()
        closing.push_async_callback(front.stop)
        url = f"http://127.0.0.1:{port}"
        crowd = Crowd(url, choices, widths_px=_WIDTHS_PX, window=_WINDOW)
        closing.push_async_callback(crowd.close)
        nodes_log = folder / "nodes.log"
        parts = Parts(redis, pictures, front, crowd, environment, nodes_log)
        storm = Storm(parts, chaos.weather, Random(chaos.seed), outcome, tell)  # noqa: S311
        closing.push_async_callback(storm.end)
        await storm.begin()
        crowd.begin(chaos.clients)
        await storm.rage(chaos.patience_s)
        tell("leaving the cluster alone")
        outcome.slowest_s["wait for the last job"] = await crowd.finish(chaos.patience_s)
        tell("inspecting it")
        await inspect_cluster(crowd, redis.url, pictures, chaos.patience_s, outcome)
        await storm.calm()
        outcome.violations += _logged_errors([front.log, nodes_log])
    return outcome


async def _pictures(
    closing: AsyncExitStack, folder: Path, *, s3: bool
) -> PictureFolder | PictureBucket:
    if not s3:
        return PictureFolder(folder / "store")
    (folder / "s3").mkdir()
    bucket = PictureBucket(folder / "s3")
    closing.callback(bucket.close)
    await bucket.start()
    return bucket


def _logged_errors(logs: Collection[Path]) -> list[str]:
    return [
        f"logged as an error: {line}"
        for log in logs
        for line in log.read_text(errors="replace").splitlines()
        if '"level": "error"' in line or line.startswith("Traceback")
    ]
