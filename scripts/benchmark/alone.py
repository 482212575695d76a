"""What the server process does for a job, each part of it done alone: its CPU time."""

import asyncio
import hashlib
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from benchmark.errors import BenchError
from benchmark.journal_rounds import Stores, complete_job, opened_stores
from benchmark.journal_sources import new_jobs
from benchmark.raw_jobs import RawUploads
from benchmark.server_threads import process_cpu_s
from pixelpipe.config import Settings
from pixelpipe.jobs.model import Blob
from pixelpipe.recipes.spec import parse_specs
from raw_client import RawClient

_AT_ONCE = 2
_BARE_SERVER = Path(__file__).with_name("bare_server.py")


@dataclass(frozen=True, slots=True)
class Work:
    """What a job brings and what is made of it.

    Attributes:
        uploads: Requests with it.
        variants: The files that the server made.
        answer_bytes: Size of the server's answer.
    """

    uploads: RawUploads
    variants: Sequence[bytes]
    answer_bytes: int


@dataclass(frozen=True, slots=True)
class Alone:
    """CPU milliseconds by the job, each part measured apart from all others.

    Attributes:
        receive_ms: A bare aiohttp server that receives the upload and copies it.
        upload_hash_ms: The digest of the upload.
        store_hash_ms: Digests that are reckoned while source and variants are stored.
        blobs_ms: Storing them but for that, the hops to the threads included.
        journal_ms: All records of the job, from the event's data to the commit.
    """

    receive_ms: float
    upload_hash_ms: float
    store_hash_ms: float
    blobs_ms: float
    journal_ms: float


async def measure_alone(work: Work, folder: Path, jobs: int) -> Alone:
    """Measure each part with so many jobs, two at a time where they share threads and commits.

    Raises:
        BenchError: A part could not be done.
    """
    pairs = -(-jobs // _AT_ONCE)
    receive_s = await _receive(work, jobs)
    async with opened_stores(folder) as stores:
        parts = _Parts(work, stores)
        await parts.measure_pair(-1)  # It warms up.
        parts.spent = _Spent()
        for number in range(pairs):
            await parts.measure_pair(number)
    spent = parts.spent
    store_s = spent.store_s - spent.store_hash_s
    seconds = (spent.upload_hash_s, spent.store_hash_s, store_s, spent.journal_s)
    return Alone(receive_s * 1000 / jobs, *(each * 1000 / pairs / _AT_ONCE for each in seconds))


@dataclass(slots=True)
class _Spent:
    """CPU seconds so far; what is hashed while it is stored is part of storing."""

    upload_hash_s: float = 0.0
    store_s: float = 0.0
    store_hash_s: float = 0.0
    journal_s: float = 0.0


class _Parts:
    """The parts that need no HTTP, done for two jobs at a time."""

    def __init__(self, work: Work, stores: Stores) -> None:
        self.spent = _Spent()
        self._work = work
        self._stores = stores
        self._specs = parse_specs(list(work.uploads.specs), limits=Settings())

    async def measure_pair(self, number: int) -> None:
        """Do all of it for the pair of that number."""
        numbers = range(number * _AT_ONCE, (number + 1) * _AT_ONCE)
        pair = [_contents(self._work, each) for each in numbers]
        blobs = [[_blob(content) for content in contents] for contents in pair]
        with _timed() as hashing:
            for contents in pair:
                hashlib.sha256(contents[0]).hexdigest()
        with _metered() as meter, _timed() as storing:
            await asyncio.gather(*map(self._store, blobs, pair))
        with _timed() as recording:
            await asyncio.gather(*map(self._record, blobs, pair))
        self.spent.upload_hash_s += hashing.cpu_s
        self.spent.store_s += storing.cpu_s
        self.spent.store_hash_s += meter.cpu_s
        self.spent.journal_s += recording.cpu_s

    async def _store(self, blobs: Sequence[Blob], contents: Sequence[bytes]) -> None:
        """One after the other, as a job's come."""
        for blob, content in zip(blobs, contents, strict=True):
            await self._stores.blobs.put(blob.sha256, memoryview(content))

    async def _record(self, blobs: Sequence[Blob], contents: Sequence[bytes]) -> None:
        (job,) = new_jobs(contents[0], blobs[:1], self._specs)
        await self._stores.recorder.add(job, None)
        await complete_job(self._stores.recorder, job, list(blobs[1:]))


def _contents(work: Work, number: int) -> list[bytes]:
    """Source and variants in bytes that no other number has."""
    return [b"".join(work.uploads.parts()), *(each + b"%012d" % number for each in work.variants)]


def _blob(content: bytes) -> Blob:
    return Blob(hashlib.sha256(content).hexdigest(), len(content))


@dataclass(slots=True)
class _Timed:
    cpu_s: float = 0.0


@contextmanager
def _timed() -> Iterator[_Timed]:
    """The CPU time of this process, its threads and the kernel for it included."""
    timed, start_s = _Timed(), time.process_time()
    yield timed
    timed.cpu_s = time.process_time() - start_s


@dataclass(slots=True)
class _Meter:
    """CPU seconds of SHA-256 digests, in whatever thread and piece by piece."""

    cpu_s: float = 0.0


@contextmanager
def _metered() -> Iterator[_Meter]:
    """Account for all that `hashlib.sha256` is asked for while the block runs."""
    meter, real = _Meter(), hashlib.sha256

    def metered(data: Any = b"") -> "_MeteredDigest":  # noqa: ANN401 - any buffer
        digest = _MeteredDigest(real(), meter)
        digest.update(data)
        return digest

    with patch.object(hashlib, "sha256", metered):
        yield meter


class _MeteredDigest:
    def __init__(self, digest: Any, meter: _Meter) -> None:  # noqa: ANN401 - not in typeshed
        self._digest = digest
        self._meter = meter

    def update(self, data: Any) -> None:  # noqa: ANN401 - any buffer
        start_s = time.thread_time()
        self._digest.update(data)
        self._meter.cpu_s += time.thread_time() - start_s

    def hexdigest(self) -> str:
        found: str = self._digest.hexdigest()
        return found


async def _receive(work: Work, jobs: int) -> float:
    """CPU seconds of a bare server that takes so many uploads, after a few that warm it up."""
    async with _BareServer.running() as server:
        await server.take(work, 2)
        start_s = process_cpu_s(server.pid)
        await server.take(work, jobs)
        return process_cpu_s(server.pid) - start_s


@dataclass(frozen=True, slots=True)
class _BareServer:
    pid: int
    client: RawClient

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, _BARE_SERVER, stdin=PIPE, stdout=PIPE
        )
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        client = None
        try:
            client = RawClient(int(await process.stdout.readline()), "127.0.0.1")
            yield cls(process.pid, client)
        finally:
            if client is not None:
                client.close()
            process.stdin.close()
            await process.wait()

    async def take(self, work: Work, jobs: int) -> None:
        path = f"/?answer={work.answer_bytes}"
        for _ in range(jobs):
            answer = await self.client.ask(work.uploads.request_to(path))
            if len(answer.body) != work.answer_bytes:
                raise BenchError("the bare server did not answer")
