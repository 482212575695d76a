"""Shows PixelPipe on several machines: a Redis, an S3 and three nodes, all of them on this one.

A photograph goes to one node, is made by whichever takes it, and is watched at another. Nothing of
it is left in the end.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import aiohttp
from redis.exceptions import RedisError
from rich.markup import escape

from ceph_store import ObjectStore, ObjectStoreError
from cluster_nodes import BOTH, FRONT, Nodes, running_nodes
from cluster_processes import LocalRedis
from cluster_way import Place, Way, show_way, table_of
from demo import INTERRUPTED, DemoError, console, open_session, photograph_of
from server_process import ServerStartError

PREFIX = "try-out"
_TROUBLE = (
    DemoError,
    ServerStartError,
    ObjectStoreError,
    aiohttp.ClientError,
    RedisError,
    OSError,
    TimeoutError,
)


def main() -> int:
    """Run it.

    Returns:
        The exit code: 0 when every variant was made and is where it belongs.
    """
    arguments = _parse_arguments()
    once = arguments.once or not (sys.stdin.isatty() and sys.stdout.isatty())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        photo = photograph_of(arguments.photo)
        with ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="pixelpipe-")))
            # Not in a thread: the kernel ends its daemons with the thread that started them.
            place = _object_storage(opened, folder)
            return asyncio.run(_show(photo, folder, place, once=once))
    except _TROUBLE as error:
        print(f"scripts/cluster: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/cluster", description=__doc__)
    parser.add_argument("photo", nargs="?", type=Path, help="a photograph; default: one is drawn")
    parser.add_argument("--once", action="store_true", help="stop after the table")
    return parser.parse_args()


def _object_storage(opened: ExitStack, folder: Path) -> Place:
    (folder / "s3").mkdir()
    store = ObjectStore(folder / "s3")
    opened.callback(store.close)
    store.start()
    bucket = store.bucket()
    url = f"s3://{bucket}/{PREFIX}"
    _line("s3", f"Ceph's gateway at {store.endpoint}, pictures in {url}")
    return Place(url, store.environment(), store.store(bucket, PREFIX))


async def _show(photo: tuple[str, bytes], folder: Path, place: Place, *, once: bool) -> int:
    (folder / "redis").mkdir()
    redis = LocalRedis(folder / "redis")
    try:
        await redis.start()
        _line("redis", f"{redis.url}, with an append-only file")
        environment = {
            **place.environment,
            "PIXELPIPE_REDIS_URL": redis.url,
            "PIXELPIPE_STORAGE_URL": place.url,
        }
        async with running_nodes(environment, folder, _line) as nodes:
            _end_on_signals()
            fine = await _send(photo, nodes, redis.url, place)
            if not once:
                await _go_on(nodes, environment)
            return 0 if fine else 1
    finally:
        await redis.stop()


async def _send(photo: tuple[str, bytes], nodes: Nodes, redis_url: str, place: Place) -> bool:
    """Show the photograph's way; whether every variant was made, and is there."""
    async with (
        open_session(nodes.urls[FRONT]) as front,
        open_session(nodes.urls[BOTH]) as other,
    ):
        way = Way(front, other, redis_url, place, nodes.names)
        job, took = await show_way(way, *photo)
        console.print(table_of(job, took, place))
        return await way.check(job)


def _line(who: str, what: str) -> None:
    console.print(f"[bold]{who:<6}[/] {escape(what)}")


def _end_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None, "it runs in one"
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _go_on(nodes: Nodes, environment: Mapping[str, str]) -> None:
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    variables = " ".join(f"{name}={value}" for name, value in environment.items())
    console.print(f"\nAnother node, from another terminal:\n  {variables} pixelpipe work")
    pages = " and ".join(f"[bold]{url}/[/]" for url in nodes.urls.values())
    console.print(f"The page is at {pages}; Ctrl-C ends it all.")
    await interrupted.wait()


if __name__ == "__main__":
    sys.exit(main())
