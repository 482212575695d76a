"""Servers for tests: one in the test's own process, or a real one beside it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.config import MIB, Settings
from pixelpipe.runtime import Runtime
from pixelpipe.server.app import make_app
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.wire.bounds import bounds_of
from pixelpipe.server.wire.descriptors import MOST_CONNECTIONS
from pixelpipe.server.wire.runner import Runner

Client = TestClient[web.Request, None]

_START_S = 120.0
_STOP_S = 60.0
_ANNOUNCEMENT = "PixelPipe listening on "


def small_settings(data_dir: Path, **changes: object) -> Settings:
    """Settings that fit Docker's default /dev/shm."""
    settings = {"data_dir": data_dir, "workers": 2, "arena_bytes": 64 * MIB, "drain_timeout_s": 5.0}
    return Settings.model_validate(settings | changes)


async def connected(
    runtime: Runtime, _server: AiohttpServer, aiohttp_client: AiohttpClient
) -> Client:
    """A client of a server over `runtime`, on a real port."""
    return await aiohttp_client(BoundedServer(make_app(runtime)))


class BoundedServer(TestServer):
    """aiohttp's server for tests, on connections as those of the real one."""

    async def _make_runner(self, **options: Any) -> Runner:
        most = self.app[RUNTIME].settings.max_connections or MOST_CONNECTIONS
        return Runner(self.app, bounds_of(self.app, most), **options)


class LiveServer:
    """`pixelpipe serve` in a process of its own, on a free port of this machine.

    Args:
        data_dir: Its data folder; what it logs goes to a file beside it.
        options: Further options of the command.
        environment: Further variables, such as `PIXELPIPE_DRAIN_TIMEOUT_S`.
    """

    runs: tuple[str, ...] = ("-m", "pixelpipe")

    def __init__(self, data_dir: Path, *options: str, **environment: str) -> None:
        program = [sys.executable, *self.runs, "serve", "--host", "127.0.0.1"]
        places = ["--port", "0", "--data", str(data_dir), "--workers", "2"]
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*program, *places, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"PIXELPIPE_ARENA_BYTES": str(64 * MIB)} | environment,
            )
        self.url = self._read_url()

    @property
    def port(self) -> int:
        """Where it listens."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def pid(self) -> int:
        """The server's own process."""
        return self.process.pid

    def _read_url(self) -> str:
        assert self.process.stdout is not None
        watchdog = threading.Timer(_START_S, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line.startswith(_ANNOUNCEMENT):
            self.kill()
            raise AssertionError(f"the server said {line!r} and logged {self.log.read_text()}")
        return line.removeprefix(_ANNOUNCEMENT).strip()

    def terminate(self) -> int:
        """Tell it to drain, and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """Make sure that it is gone."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
