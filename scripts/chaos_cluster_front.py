"""A front of a cluster that may die and comes back to the same address."""

import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from server_process import running_server


class Front:
    """`pixelpipe serve --no-work`.

    Args:
        environment: Where Redis and the pictures are.
        folder: For its own files and its log.
        port: Where it listens.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, port: int) -> None:
        self.log = folder / "front.log"
        self._environment = environment
        self._options = ("--no-work", "--workers", "1", "--port", str(port))
        self._data = folder / "front"
        self._running = AsyncExitStack()
        self._pid = 0

    async def start(self) -> None:
        """Start it, again; return once it listens.

        Raises:
            ServerStartError: It does not.
        """
        more = ("--data", str(self._data))
        running = running_server(*self._options, *more, log=self.log, environment=self._environment)
        self._pid = (await self._running.enter_async_context(running)).pid

    async def stop(self) -> None:
        """Let it drain."""
        await self._running.aclose()

    async def kill(self) -> None:
        """End it as a power cut does."""
        os.kill(self._pid, signal.SIGKILL)
        await self.stop()
