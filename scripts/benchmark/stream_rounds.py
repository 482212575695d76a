"""One server with many event streams open: what they weigh, and how soon they tell."""

import asyncio
import contextlib
import json
import re
import resource
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmark.stream_owners import Owners, TinyJobs
from load import Reply, Sample, open_loop
from load_report import percentile
from pixelpipe.config import Settings
from pixelpipe.server.wire.descriptors import DescriptorLimitError, connections_held
from process_tree import cpu_time
from raw_client import RawClient
from server_process import Server, running_server

_PROGRAM = Path(__file__).with_name("stream_readers.py")
_WARMING_JOBS = 50
_POLL_S = 0.05
_PATIENCE_S = 60.0
_LINE_BYTES = 1 << 26  # a list of ten thousand streams, or of their delays
# Of those who send jobs in.
_OTHER_CONNECTIONS = 128
_OWN = re.compile(r"^Pss_(?:Anon|File): +(\d+) kB$", re.MULTILINE)


class StreamsError(Exception):
    """The streams cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be measured.

    Attributes:
        streams: How many are open.
        watchers: How many of them each owner of jobs has.
        events_per_s: How many events they are to be sent together.
        variants: Of each job.
        seconds: How long each part of the measurement takes.
    """

    streams: int
    watchers: int
    events_per_s: float
    variants: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured.

    Attributes:
        opened_per_s: How many were opened in a second.
        stream_bytes: What the server process grew by while they were opened, by stream.
        loaded_stream_bytes: The same after events have come over them.
        idle_cpu: CPU seconds of the server process in a second in which nothing happens, but for
            heartbeats.
        appends_per_s: Events that jobs had.
        deliveries_per_s: Events that streams were sent.
        delivery_cpu_ms: CPU of the server process by event sent, beyond what the same jobs take
            while nobody watches.
        alone_job_cpu_ms: What those took, by job.
        p50_ms: From the end of a job, before it is stored, to the receipt of its last event.
        p95_ms: The same.
        p99_ms: The same.
        max_ms: The same.
        stop_s: From the signal until the server has ended, with all streams.
    """

    opened_per_s: float
    stream_bytes: float
    loaded_stream_bytes: float
    idle_cpu: float
    appends_per_s: float
    deliveries_per_s: float
    delivery_cpu_ms: float
    alone_job_cpu_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    stop_s: float


def streams_held(streams: int) -> int:
    """So many, or as many as a server can hold here beside the connections of other clients.

    Raises:
        DescriptorLimitError: It can hold none.
    """
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        asked = Settings(max_connections=streams + _OTHER_CONNECTIONS)
        return connections_held(asked, files) - _OTHER_CONNECTIONS
    except DescriptorLimitError:
        return connections_held(Settings(max_connections=None), files) - _OTHER_CONNECTIONS


async def measure(wanted: Wanted, tell: Callable[[str], None]) -> Figures:
    """Measure on a server of its own.

    Args:
        wanted: What.
        tell: Told of each part as it begins.

    Raises:
        StreamsError: A stream could not be opened, or a job failed.
        ServerStartError: The server did not start.
    """
    with tempfile.TemporaryDirectory(prefix="pixelpipe-") as folder:
        file = Path(folder, "keys.json")
        owners = Owners.kept_in(file, max(1, wanted.streams // wanted.watchers))
        environment = {
            "PIXELPIPE_AUTH": "on",
            "PIXELPIPE_KEYS_FILE": str(file),
            "PIXELPIPE_MAX_CONNECTIONS": str(wanted.streams + _OTHER_CONNECTIONS),
        }
        async with contextlib.AsyncExitStack() as held:
            async with running_server(environment=environment) as server:
                figures = await _Measurement(wanted, owners, server, tell).run(held)
                began = time.perf_counter()
            return Figures(**figures, stop_s=time.perf_counter() - began)


class _Measurement:
    """The parts of it, in their order."""

    def __init__(
        self, wanted: Wanted, owners: Owners, server: Server, tell: Callable[[str], None]
    ) -> None:
        port = urlsplit(server.url).port
        assert port is not None, "its URL has one"
        self._wanted = wanted
        self._owners = owners
        self._server = server
        self._port = port
        self._tell = tell
        self._jobs = TinyJobs(owners, wanted.variants)

    async def run(self, held: contextlib.AsyncExitStack) -> dict[str, float]:
        """All of it, but for the end; the streams stay open as long as `held`."""
        wanted = self._wanted
        jobs = max(1, round(wanted.seconds * wanted.events_per_s / self._events_by_job))
        self._tell("jobs that nobody watches")
        await self._send(min(_WARMING_JOBS, jobs))
        alone_s = await self._cpu_s_of(self._send(jobs))
        before_bytes = self._own_bytes()
        self._tell(f"opening {wanted.streams} streams")
        streams = self._owners.streams(wanted.streams)
        readers, open_s = await held.enter_async_context(_reading(self._port, streams))
        idle_bytes = self._own_bytes()
        self._tell("streams on which nothing happens")
        idle_s = await self._cpu_s_of(asyncio.sleep(wanted.seconds))
        await readers.seen()
        self._tell(f"{jobs} jobs, {jobs * self._events_by_job} events for streams")
        began = time.perf_counter()
        watched_s = await self._cpu_s_of(self._send(jobs))
        seen = await readers.all_seen(jobs * self._events_by_job)
        took_s = time.perf_counter() - began
        loaded_bytes = self._own_bytes()
        return {
            "opened_per_s": wanted.streams / open_s,
            "stream_bytes": (idle_bytes - before_bytes) / wanted.streams,
            "loaded_stream_bytes": (loaded_bytes - before_bytes) / wanted.streams,
            "idle_cpu": idle_s / wanted.seconds,
            "appends_per_s": jobs * self._jobs.events / took_s,
            "deliveries_per_s": seen.events / took_s,
            "delivery_cpu_ms": (watched_s - alone_s) * 1000 / seen.events,
            "alone_job_cpu_ms": alone_s * 1000 / jobs,
            **seen.delays(),
        }

    @property
    def _events_by_job(self) -> int:
        """How many events streams are sent for each job."""
        return self._jobs.events * self._wanted.watchers

    async def _send(self, jobs: int) -> None:
        """Send so many jobs in at the rate that is wanted, and wait until they have ended."""
        client = RawClient(self._port, "127.0.0.1")
        answered: Counter[int] = Counter()
        places = asyncio.Semaphore(_OTHER_CONNECTIONS // 2)  # a server that is slow refuses none

        async def send(_number: int) -> Reply:
            async with places:
                answer = await client.ask(self._jobs.request())
            answered[answer.status] += 1
            return Reply(None, 0, 0)

        rate = self._wanted.events_per_s / self._events_by_job
        await open_loop(send, _forget, jobs, rate=rate)
        client.close()
        if answered != {HTTPStatus.OK: jobs}:
            raise StreamsError(f"{jobs} jobs were answered with {dict(answered)}, by status")

    async def _cpu_s_of(self, work: Awaitable[None]) -> float:
        before = cpu_time(self._server.pid)
        await work
        return (cpu_time(self._server.pid) - before).root_s

    def _own_bytes(self) -> int:
        """The memory of the server process, without what it shares with its workers."""
        text = Path(f"/proc/{self._server.pid}/smaps_rollup").read_text()
        return 1024 * sum(map(int, _OWN.findall(text)))


@dataclass(slots=True)
class _Seen:
    """What came over all streams since they were asked last."""

    events: int
    heartbeats: int
    ended: int
    delays_ms: list[float]

    def delays(self) -> dict[str, float]:
        """The delays in figures."""
        percents = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
        return {name: percentile(self.delays_ms, percent) for name, percent in percents.items()}


class _Readers:
    """The process that reads the streams."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def open(self, streams: list[tuple[str, str]]) -> None:
        """Open them.

        Raises:
            StreamsError: One was refused.
        """
        opened = await self._ask(json.dumps(streams))
        if opened != len(streams):
            raise StreamsError(f"a stream could not be opened: {opened}")

    async def seen(self) -> _Seen:
        """What came since the last call."""
        return _Seen(**await self._ask(""))

    async def all_seen(self, events: int) -> _Seen:
        """What came, once so many events have.

        Raises:
            StreamsError: They have not, after a minute.
        """
        total, deadline = await self.seen(), time.monotonic() + _PATIENCE_S
        while total.events < events and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_S)
            more = await self.seen()
            total.events += more.events
            total.ended += more.ended
            total.delays_ms += more.delays_ms
        if total.ended or total.events != events:
            raise StreamsError(
                f"{total.events} of {events} events came; {total.ended} streams were ended"
            )
        return total

    async def _ask(self, line: str) -> Any:  # noqa: ANN401 - whatever it answers
        assert self._process.stdin is not None, "it is a pipe"
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdin.write(line.encode() + b"\n")
        answer = await self._process.stdout.readline()
        if not answer:
            raise StreamsError("the process that reads the streams has ended")
        return json.loads(answer)


@contextlib.asynccontextmanager
async def _reading(
    port: int, streams: list[tuple[str, str]]
) -> AsyncIterator[tuple[_Readers, float]]:
    """Hold the streams open while a block runs; gives their readers, and the seconds it took."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(_PROGRAM), str(port), stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES
    )
    assert process.stdin is not None, "it is a pipe"
    try:
        readers, began = _Readers(process), time.perf_counter()
        await readers.open(streams)
        yield readers, time.perf_counter() - began
    finally:
        process.stdin.close()
        await process.wait()


def _forget(_: Sample) -> None:
    """The streams tell more."""
