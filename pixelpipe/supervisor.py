"""Several server processes on one port: starts them, starts the dead ones again, stops them all."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from math import ceil
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import structlog

from pixelpipe.config import MIB, Settings
from pixelpipe.engine.machine import available_cpus, default_arena_bytes
from pixelpipe.neighbours import Place
from pixelpipe.server.run import ListenError, no_name, watch_signals
from pixelpipe.sites import read_storage_url
from pixelpipe.storage.leftovers import held_clear

_LEAST_ARENA_BYTES = 16 * MIB
_LEAST_RESERVE_BYTES = MIB
_BACKOFF_FIRST_S = 0.1
_BACKOFF_MOST_S = 5.0
# One that ran for so long has not died of its start.
_SETTLED_S = 10.0
# Beyond the time to drain: for the last answers, and the end of the workers.
_LAST_S = 5.0

_log = structlog.get_logger(__name__)

# What runs in a process: a function that a fresh interpreter can import. It sends its URL.
Serve = Callable[[Settings, Place, Connection], None]


class SharesError(ValueError):
    """There is too little to be shared out; the message says of what."""


class ProcessEndedError(Exception):
    """A process did not come up; it has said why, unless it was not let.

    Args:
        code: Its exit code: 0 where it was told to stop; below 0, the signal that killed it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"a server process ended at its start, with exit code {code}")
        self.code = code


def share_out(settings: Settings) -> list[Settings]:
    """The settings of each process: its part of what the machine has, and of what it takes in.

    Raises:
        SharesError: There are fewer workers than processes, or too little shared memory.
    """
    count = settings.processes
    workers = settings.workers or available_cpus()
    if workers < count:
        raise SharesError(
            f"{count} processes need as many workers at least, one each, and there are {workers}"
        )
    arena_bytes = (settings.arena_bytes or default_arena_bytes()) // count
    if arena_bytes < _LEAST_ARENA_BYTES:
        raise SharesError(
            f"{count} processes need {count * _LEAST_ARENA_BYTES} bytes of shared memory at least"
        )
    most = settings.max_connections
    part = {
        "arena_bytes": arena_bytes,
        "queue_limit": ceil(settings.queue_limit / count),
        "max_connections": most and ceil(most / count),
        "client_connections": ceil(settings.client_connections / count),
        "client_streams": ceil(settings.client_streams / count),
        "reserve_bytes": max(_LEAST_RESERVE_BYTES, settings.reserve_bytes // count),
    }
    return [
        settings.model_copy(update=part | {"workers": workers // count + (n < workers % count)})
        for n in range(count)
    ]


async def supervise(settings: Settings, serve: Serve) -> None:
    """Serve by as many processes as the settings say, until SIGINT or SIGTERM.

    Raises:
        SharesError: There is too little to be shared out.
        ListenError: The port is taken, or the address is not this machine's.
        FolderError: The data folder cannot be used, or another server works in it.
        ProcessEndedError: One of them did not come up.
    """
    shares = await asyncio.to_thread(share_out, settings)
    told_to_stop = watch_signals()  # Our end is that of all processes.
    with contextlib.ExitStack() as held:
        for folder in await asyncio.to_thread(_folders, settings):
            await asyncio.to_thread(held.enter_context, held_clear(folder, len(shares)))
        port = held.enter_context(_reserved(settings.host, settings.port))
        children = [
            _Child(share.model_copy(update={"port": port}), Place(number, len(shares)), serve)
            for number, share in enumerate(shares, start=1)
        ]
        supervising = asyncio.create_task(_supervise(children, told_to_stop))
        try:
            await supervising
        finally:
            await _stop(children, settings.drain_timeout_s + _LAST_S)


def _folders(settings: Settings) -> Collection[Path]:
    """Where they store things, each folder once."""
    folders = [settings.data_dir]
    url = read_storage_url(settings.storage_url) if settings.storage_url else None
    if url is not None and url.scheme == "file":
        folders.append(Path("/", url.path))
    return {folder.resolve(): folder for folder in folders}.values()


async def _supervise(children: list["_Child"], told_to_stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(told_to_stop.wait())
    # The first makes what all of them share, and says by itself what may be wrong with it.
    starting = asyncio.create_task(_start_all(children))
    await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        # A process may have been told as well, and so have ended instead of coming up.
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    url = starting.result()
    print(f"PixelPipe listening on {url}", flush=True)  # noqa: T201 - for who started it
    keepers = [asyncio.create_task(child.keep()) for child in children]
    try:
        await asyncio.wait({stopping, *keepers}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


async def _start_all(children: list["_Child"]) -> str:
    first, *others = children
    url = await first.start()
    await asyncio.gather(*(child.start() for child in others))
    return url


@dataclass(slots=True)
class _Child:
    """A server process, and its successors."""

    settings: Settings
    place: Place
    serve: Serve
    process: SpawnProcess | None = None
    started_s: float = 0.0

    async def start(self) -> str:
        """Start it; gives its URL once it listens.

        Raises:
            ProcessEndedError: It did not come up.
        """
        loop = asyncio.get_running_loop()
        told, tells = multiprocessing.Pipe(duplex=False)
        with told:
            with tells:
                context = multiprocessing.get_context("spawn")
                process = context.Process(
                    target=self.serve,
                    args=(self.settings, self.place, tells),
                    name=f"pixelpipe-{self.place.number}",
                )
                # Here, and not in a thread: it dies with the thread that has started it.
                with _no_interrupts():
                    process.start()
                self.process = process
            self.started_s = loop.time()
            await _readable(told.fileno())
            try:
                url: str = told.recv_bytes().decode()
            except EOFError:
                await asyncio.to_thread(process.join)
                raise ProcessEndedError(process.exitcode or 0) from None
        return url

    async def keep(self) -> None:
        """Start it again whenever it ends."""
        loop = asyncio.get_running_loop()
        backoff_s = _BACKOFF_FIRST_S
        while True:
            assert self.process is not None
            await _readable(self.process.sentinel)
            await asyncio.to_thread(self.process.join)
            _log.warning(
                "a server process ended", process=self.place.number, code=self.process.exitcode
            )
            if loop.time() - self.started_s > _SETTLED_S:
                backoff_s = _BACKOFF_FIRST_S
            await asyncio.sleep(backoff_s)
            backoff_s = min(_BACKOFF_MOST_S, 2 * backoff_s)
            try:
                await self.start()
            except ProcessEndedError:
                continue  # It has said why; it is tried again.
            except OSError as error:
                _log.warning(
                    "a server process could not be started",
                    process=self.place.number,
                    error=str(error),
                )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.process is not None and self.process.exitcode is None and self.process.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)


async def _stop(children: list[_Child], within_s: float) -> None:
    """Let all of them drain at once; who has not after that is killed."""
    for child in children:
        child.signal(signal.SIGTERM)
    processes = [child.process for child in children if child.process is not None]
    ends = [asyncio.create_task(_readable(process.sentinel)) for process in processes]
    if ends:
        await asyncio.wait(ends, timeout=within_s)
    for child in children:
        child.signal(signal.SIGKILL)
    for process in processes:
        await asyncio.to_thread(process.join)
    for end in ends:
        end.cancel()
    await asyncio.gather(*ends, return_exceptions=True)


@contextlib.contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Hold the port, a free one for 0, of all the host's addresses, without listening on it.

    The processes listen.
    """
    with contextlib.ExitStack() as held:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, kind, protocol, _, address in dict.fromkeys(found):
                place = (address[0], port, *address[2:])
                # Without SO_REUSEPORT at first: another server of ours would let us in beside it.
                with _bound((family, kind, protocol), place, shared=False) as alone:
                    place = alone.getsockname()
                held.enter_context(_bound((family, kind, protocol), place, shared=True))
                port = int(place[1])
        except OSError as error:
            raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        except UnicodeError as error:
            raise no_name(host, port) from error
        yield port


def _bound(kind: tuple[int, int, int], place: tuple[Any, ...], *, shared: bool) -> socket.socket:
    bound = socket.socket(*kind)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bound.family == socket.AF_INET6:
            # As the processes listen: the IPv4 port of that number may be another's.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(place)
    except BaseException:
        bound.close()
        raise
    return bound


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Around the start of a process: Ctrl-C is for us, also before it has come so far as to say so.

    What is blocked here stays blocked there, from its first moment on.
    """
    resource_tracker.ensure_running()  # By its own start it would unblock them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(descriptor, _note, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _note(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
