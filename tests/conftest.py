"""What tests of the running program share.

Workers take half a second to start, so the tests of a module share one runtime, and one event
loop with it. Tests that break things, or need other settings, open a runtime of their own.

Two processes run the tests, each a module at a time. Tests that compare times are marked `alone`:
while one of them runs, the other process waits.
"""

import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pillow_heif
import pillow_jxl  # noqa: F401 - with it Pillow, the tests' own codec, reads and writes JPEG XL
import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.config import Settings
from pixelpipe.logs import configure_logs
from pixelpipe.runtime import Runtime, open_runtime
from tests.object_store import object_store  # noqa: F401 - a fixture
from tests.serving import Client, LiveServer, connected, small_settings
from tests.turns import turn

pillow_heif.register_heif_opener()

# Property tests look at the same cases each time, so that a change fails for what it changed;
# `--hypothesis-profile default` has them look elsewhere each time.
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, with what it sets up and tears down, beside others or alone."""
    if not hasattr(item.config, "workerinput"):  # the only process
        return (yield)
    with turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Warnings and errors as the program logs them, in the report of a test that fails."""
    configure_logs("warning")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """What a script begins in the background ignores SIGINT, and so would what it begins."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _loop_never_blocks() -> Iterator[None]:
    """A call from PixelPipe's code that blocks the event loop fails the test."""
    with blockbuster_ctx("pixelpipe") as guard:
        # A traceback in the log shows lines of source; it is worth the reading.
        guard.functions["os.stat"].can_block_in("linecache.py", ["checkcache", "updatecache"])
        # multiprocessing tells its resource tracker of each segment, by a few bytes in a pipe.
        guard.functions["os.write"].can_block_in(
            "multiprocessing/resource_tracker.py", ["_check_alive", "_send"]
        )
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the module's runtime; a module overrides the fixture for its own."""
    return small_settings(tmp_path_factory.mktemp("data"))


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """The module's runtime; closing it fails if a lease of the arena is left."""
    async with open_runtime(settings) as opened:
        yield opened


@pytest_asyncio.fixture
async def client(
    runtime: Runtime, aiohttp_server: AiohttpServer, aiohttp_client: AiohttpClient
) -> Client:
    """A client of a server over `runtime`, on a real port."""
    return await connected(runtime, aiohttp_server, aiohttp_client)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """Start servers for one test; those that it leaves running have to end cleanly."""
    servers: list[LiveServer] = []

    def start(*options: str, **environment: str) -> LiveServer:
        folder = tmp_path / f"data-{len(servers)}"
        servers.append(LiveServer(folder, *options, **environment))
        return servers[-1]

    yield start
    left = [server for server in servers if server.process.poll() is None]
    codes = [server.terminate() for server in left]
    for server in servers:
        server.kill()
    assert codes == [0] * len(left)


@pytest.fixture(scope="module")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for the module's tests, which has to end cleanly."""
    server = LiveServer(tmp_path_factory.mktemp("live") / "data")
    yield server
    assert server.terminate() == 0
