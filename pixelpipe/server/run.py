"""Serve until told to stop: the first signal drains, the second ends it at once."""

import asyncio
import logging
import os
import signal
import warnings
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web
from aiohttp.http_exceptions import HttpProcessingError

from pixelpipe.config import Settings
from pixelpipe.engine.process import WORKER_MAIN
from pixelpipe.runtime import Runtime, open_runtime
from pixelpipe.server.app import RUNNER_OPTIONS, make_app
from pixelpipe.server.context import STREAMS

_LAST_ANSWERS_S = 2.0
_HALF_OPEN_S = 3.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ListenError(Exception):
    """The address cannot be listened on; the message says which and why."""


async def serve(settings: Settings, worker_main: str = WORKER_MAIN) -> None:
    """Run the server until SIGINT or SIGTERM.

    Raises:
        ListenError: The port is taken, or the address is not this machine's.
    """
    _ignore_broken_clients()
    told_to_stop = _watch_signals()
    async with AsyncExitStack() as closing:
        runtime = await _opened(closing, open_runtime(settings, worker_main), told_to_stop)
        if runtime is not None:
            await _serve(runtime, told_to_stop)


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


async def _serve(runtime: Runtime, told_to_stop: asyncio.Event) -> None:
    app = make_app(runtime)
    runner = web.AppRunner(app, shutdown_timeout=_LAST_ANSWERS_S, **RUNNER_OPTIONS)
    await runner.setup()
    try:
        url = await _listen(runner, runtime.settings)
        print(f"PixelPipe listening on {url}", flush=True)  # noqa: T201 - for who started it
        await told_to_stop.wait()
        # Connections that are open still get their answers while the work drains.
        for site in list(runner.sites):
            await site.stop()
        await app[STREAMS].stop()
        await runtime.service.drain(runtime.settings.drain_timeout_s)
    finally:
        await runner.cleanup()


def _ignore_broken_clients() -> None:
    """Keep what clients send wrong out of the log; aiohttp would warn of it, traceback and all."""
    warnings.simplefilter("ignore", BadContentDispositionHeader)
    warnings.simplefilter("ignore", BadContentDispositionParam)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _watch_signals() -> asyncio.Event:
    """An event that the first signal sets; the second ends the process, and its workers with it."""
    told = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if told.is_set():
            os._exit(128 + number)
        told.set()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    return told


async def _listen(runner: web.AppRunner, settings: Settings) -> str:
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        reason = str(error.strerror).rpartition(": ")[2]  # asyncio puts the address before it
        raise ListenError(f"cannot listen on {settings.host}:{settings.port}: {reason}") from error
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
