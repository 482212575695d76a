"""A cluster on this machine: a front, nodes at work, a Redis and an S3, all of them real."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pixelpipe.config import MIB
from tests.object_store import ObjectStore
from tests.redis_server import LiveRedis
from tests.serving import LiveServer

_START_S = 60.0
_STOP_S = 60.0


class LiveNode:
    """`pixelpipe work` in a process of its own.

    Args:
        log: File for what it logs.
        environment: Where Redis and the pictures are.
    """

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pixelpipe", "work", "--workers", "2"],
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                cwd=log.parent,
                env=os.environ | {"PIXELPIPE_ARENA_BYTES": str(64 * MIB)} | dict(environment),
            )
        assert self.process.stdout is not None
        watchdog = threading.Timer(_START_S, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line == "PixelPipe works\n", (line, log.read_text())

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Nothing is taken from the queue meanwhile; shorter than its locks last."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> int:
        """Tell it to drain, and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_S)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


class Cluster:
    """A front that does not work, and nodes that do nothing else.

    Args:
        folder: For their logs, and for what the front keeps.
        redis: Of their own.
        store: Where a bucket is made for them.
        more: More of their environment.
    """

    def __init__(self, folder: Path, redis: LiveRedis, store: ObjectStore, **more: str) -> None:
        self.redis = redis
        self.environment = {
            **store.environment(),
            "PIXELPIPE_REDIS_URL": redis.url,
            "PIXELPIPE_STORAGE_URL": f"s3://{store.bucket()}/pictures",
            **more,
        }
        self._folder = folder
        self.front = LiveServer(folder / "front", "--no-work", **self.environment)
        self.nodes: list[LiveNode] = []
        self._names = itertools.count()
        # Several may be started at the same moment.
        self._numbers = itertools.count()

    def add(self) -> LiveNode:
        """Start another node."""
        node = LiveNode(self._folder / f"node-{next(self._numbers)}.log", self.environment)
        self.nodes.append(node)
        return node

    def close(self) -> list[int]:
        """Stop all; gives their exit codes."""
        return [self.front.terminate(), *(node.terminate() for node in self.nodes)]
