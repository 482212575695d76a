"""Serve until told to stop: the first signal drains, the second ends it at once."""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import cast

import structlog
from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web

from pixelpipe.config import Settings
from pixelpipe.engine.confinement import SandboxMode, SandboxReport
from pixelpipe.engine.process import WORKER_MAIN
from pixelpipe.neighbours import ONLY, Place
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.server.app import make_app
from pixelpipe.server.context import STREAMS
from pixelpipe.server.wire.bounds import bounds_of
from pixelpipe.server.wire.descriptors import connections_held, raise_limit
from pixelpipe.server.wire.runner import Runner

_LAST_ANSWERS_S = 2.0

# asyncio takes as many new connections in one go as may wait for it. Few in one go do not hold up
# the others; many that wait need not come again, a second later.
_ACCEPTED_AT_ONCE = 64
_WAITING_CONNECTIONS = 4096

_HALF_OPEN_S = 3.0
_COLLECTED_AFTER = 10_000  # objects
# malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 4 * 1024 * 1024
_log = structlog.get_logger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ListenError(Exception):
    """The address cannot be listened on; the message says which and why."""


def no_name(host: str, port: int) -> ListenError:
    """The error of a host that cannot be a name, with an empty label for instance."""
    return ListenError(f"cannot listen on {ascii(host)[1:-1]}:{port}: no name of a host")


# What is done with a runtime for as long as a context lasts.
Beside = Callable[[Runtime], AbstractAsyncContextManager[None]]


def _nothing(runtime: Runtime) -> AbstractAsyncContextManager[None]:
    del runtime
    return contextlib.nullcontext()


def _say(url: str) -> None:
    print(f"PixelPipe listening on {url}", flush=True)  # noqa: T201 - for who started it


async def serve(
    settings: Settings,
    worker_main: str = WORKER_MAIN,
    *,
    place: Place = ONLY,
    on_listening: Callable[[str], None] = _say,
    beside: Beside = _nothing,
) -> None:
    """Run the server until SIGINT or SIGTERM; one of several until SIGTERM.

    Args:
        settings: The settings.
        worker_main: What a worker process runs.
        place: Which of several on the same port it is.
        on_listening: Told of the URL.
        beside: What else is done with the runtime while the server serves.

    Raises:
        DescriptorLimitError: So many connections cannot be held.
        ListenError: The port is taken, or the address is not this machine's.
    """
    connections = connections_held(settings, raise_limit())
    _ignore_broken_clients()
    _keep_freed_memory()
    # One of several may be told twice, as one of its group and by whoever has started it, whose
    # end is its own.
    told_to_stop = watch_signals() if place == ONLY else watch_signals(_SIGNALS[1:], once=True)
    async with AsyncExitStack() as closing:
        opening = open_runtime(settings, worker_main, place=place)
        runtime = await _opened(closing, opening, told_to_stop)
        if runtime is not None:
            await _serve(runtime, connections, told_to_stop, on_listening, beside)


async def _opened(
    closing: AsyncExitStack,
    opening: AbstractAsyncContextManager[Runtime],
    told_to_stop: asyncio.Event,
) -> Runtime | None:
    """The open runtime; None if we are told to stop before that."""
    entering = asyncio.create_task(closing.enter_async_context(opening))
    stopping = asyncio.create_task(told_to_stop.wait())
    try:
        await asyncio.wait({entering, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if not entering.done():
        entering.cancel()
        await asyncio.wait({entering}, timeout=_HALF_OPEN_S)
        if not entering.done():
            # A worker hangs in its start, say. Nothing was begun that a kill could harm.
            os._exit(0)
    return None if entering.cancelled() else entering.result()


async def _serve(
    runtime: Runtime,
    connections: int,
    told_to_stop: asyncio.Event,
    on_listening: Callable[[str], None],
    beside: Beside,
) -> None:
    loop = asyncio.get_running_loop()
    _warn_of_openness(runtime.sandbox)
    app = make_app(runtime)
    runner = Runner(app, bounds_of(app, connections), shutdown_timeout=_LAST_ANSWERS_S)
    await runner.setup()
    # What is there by now stays: without it, a full collection holds up the loop half as long.
    gc.collect()
    gc.freeze()
    # A request makes hundreds of objects and next to no garbage in cycles: to look for it after
    # every 700, as Python does, takes the loop 4 % of its time.
    gc.set_threshold(_COLLECTED_AFTER)
    try:
        async with beside(runtime):
            on_listening(await _listen(runner, runtime))
            await told_to_stop.wait()
            # What is done beside is let end as well, and all of it in the one time.
            drained_by_s = loop.time() + runtime.settings.drain_timeout_s
            # Connections that are open still get their answers while the work drains.
            for site in list(runner.sites):
                await site.stop()
            await app[STREAMS].stop()
        await runtime.service.drain(max(0.0, drained_by_s - loop.time()))
    finally:
        await runner.cleanup()


def _keep_freed_memory() -> None:
    """Let the C library keep what bodies are received in, up to a few MiB, for the next ones.

    Given back to the system each time, it comes as fresh pages: two hundred faults an upload. The
    GNU library has this function, others do without.
    """
    with contextlib.suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, 4 * _KEPT_BYTES)


def _warn_of_openness(sandbox: SandboxReport) -> None:
    if sandbox.mode is SandboxMode.OFF:
        _log.warning("the workers' sandbox is off")
    elif sandbox.missing:
        _log.warning("the workers' sandbox is incomplete", missing=sandbox.missing)


def _ignore_broken_clients() -> None:
    """Keep what clients send wrong out of the log; aiohttp would warn of it, traceback and all."""
    warnings.simplefilter("ignore", BadContentDispositionHeader)
    warnings.simplefilter("ignore", BadContentDispositionParam)


def watch_signals(
    numbers: Sequence[signal.Signals] = _SIGNALS, *, once: bool = False
) -> asyncio.Event:
    """An event that the first signal sets; the second ends the process, and its workers with it.

    Args:
        numbers: Which signals.
        once: Whether the second is not minded.
    """
    told = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if told.is_set() and not once:
            os._exit(128 + number)
        told.set()

    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    return told


async def _listen(runner: web.AppRunner, runtime: Runtime) -> str:
    settings = runtime.settings
    site = web.TCPSite(
        runner,
        settings.host,
        settings.port,
        backlog=_ACCEPTED_AT_ONCE,
        reuse_port=runtime.place != ONLY,
    )
    try:
        await site.start()
        _lengthen_queue(site)
    except OSError as error:
        reason = str(error.strerror).rpartition(": ")[2]  # asyncio puts the address before it
        raise ListenError(f"cannot listen on {settings.host}:{settings.port}: {reason}") from error
    except UnicodeError as error:
        raise no_name(settings.host, settings.port) from error
    host, port = runner.addresses[0][:2]
    origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return origin + settings.base_path


def _lengthen_queue(site: web.TCPSite) -> None:
    """Let more new connections wait (listen(2) may be called again)."""
    server = cast("asyncio.Server", site._server)  # noqa: SLF001 - aiohttp shows it nowhere
    for listening in server.sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(_WAITING_CONNECTIONS)
