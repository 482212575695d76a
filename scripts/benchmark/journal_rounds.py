"""One round of the benchmark of the journal: what stands before a 202, together and apart."""

import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmark.errors import BenchError
from benchmark.journal_sources import Contents, new_jobs, variant_of
from load import Reply, Sample, closed_loop, numbers
from load_report import Report, summarize
from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import Blob, EventType, Job, JobState, TaskState
from pixelpipe.jobs.recorder import Recorder
from pixelpipe.storage.blobs import FileBlobs
from pixelpipe.storage.opening import open_storage

_RESERVE_BYTES = 2**20
_FLOOR_S = 0.5
_PAGE = bytes(4096)

Work = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What it took to accept jobs durably, and to keep them to their end; CPU is by the job.

    Attributes:
        clients: Clients that sent at the same time.
        fsyncs_per_s: Pages that the folder takes by the second, one synced after the other.
        jobs_per_s: Jobs accepted by the second: the source stored, the job committed.
        p50_ms: Median time to accept one.
        p99_ms: Time that one job in a hundred exceeds.
        source_cpu_ms: CPU time to store the source.
        entry_cpu_ms: CPU time to record the job as accepted.
        variants_cpu_ms: CPU time to store its variants.
        life_cpu_ms: CPU time of all its records, from accepted to completed.
        records: How many those are.
    """

    clients: int
    fsyncs_per_s: float
    jobs_per_s: float
    p50_ms: float
    p99_ms: float
    source_cpu_ms: float
    entry_cpu_ms: float
    variants_cpu_ms: float
    life_cpu_ms: float
    records: int

    @property
    def ratio(self) -> float:
        """Jobs accepted for each fsync of the floor."""
        return self.jobs_per_s / self.fsyncs_per_s


@dataclass(frozen=True, slots=True)
class Stores:
    """Where jobs go, as in the server."""

    blobs: FileBlobs
    recorder: Recorder


@dataclass(frozen=True, slots=True)
class _Load:
    """How much to measure with.

    Attributes:
        photo: A numbered photograph.
        clients: How many at the same time.
        jobs: How many in all.
    """

    photo: bytes
    clients: int
    jobs: int

    async def run(self, work: Work) -> tuple[Report, float]:
        """Have it done for each number; gives what came of it, and its CPU in ms by the job.

        Raises:
            BenchError: The storage failed.
        """
        samples: list[Sample] = []

        async def send(number: int) -> Reply:
            try:
                await work(number)
            except StorageFailedError as error:
                return Reply(str(error), 0, 0)
            return Reply(None, 0, 0)

        cpu_before_s, start = time.process_time(), time.perf_counter()
        await closed_loop(send, samples.append, numbers(self.jobs, None), clients=self.clients)
        seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_before_s
        report = summarize(samples, seconds)
        if report.errors:
            raise BenchError(f"jobs were not taken: {report.errors}")
        return report, cpu_s * 1000 / self.jobs


async def measure(folder: Path, photo: bytes, clients: int, jobs: int) -> Acceptance:
    """Measure with so many clients and jobs, in new folders within `folder`.

    They stay: some file systems (ext4 without a journal) make files slowly for minutes after many
    were removed.

    Raises:
        BenchError: Jobs could not be taken.
        FolderError: The folder cannot be used.
    """
    load = _Load(photo, clients, jobs)
    sources = Contents(photo, jobs, clients)
    fsyncs_per_s = _fsyncs_per_s(folder)
    async with opened_stores(folder) as stores:
        report = await _accept(load, stores, sources)
    assert report.latency_ms is not None
    async with opened_stores(folder) as stores:
        source_cpu_ms = await _put_sources(load, stores, sources)
        entered = new_jobs(photo, sources.blobs)
        entry_cpu_ms = await _enter(load, stores, entered)
        made, variants_cpu_ms = await _put_variants(load, stores, entered)
        records, rest_cpu_ms = await _live(load, stores, entered, made)
    return Acceptance(
        clients=clients,
        fsyncs_per_s=fsyncs_per_s,
        jobs_per_s=report.jobs_per_s,
        p50_ms=report.latency_ms.p50,
        p99_ms=report.latency_ms.p99,
        source_cpu_ms=source_cpu_ms,
        entry_cpu_ms=entry_cpu_ms,
        variants_cpu_ms=variants_cpu_ms,
        life_cpu_ms=entry_cpu_ms + rest_cpu_ms,
        records=1 + records,
    )


def _fsyncs_per_s(folder: Path) -> float:
    """The floor: the least that can be made durable, one after the other."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + _FLOOR_S:
            file.write(_PAGE)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - start)


@asynccontextmanager
async def opened_stores(folder: Path) -> AsyncIterator[Stores]:
    """New stores within `folder`, synced as the server's are."""
    inner = Path(tempfile.mkdtemp(dir=folder))
    async with open_storage(inner, _RESERVE_BYTES, durable=True) as storage:
        # A server that has worked for a while has made all its folders.
        for number in range(256):
            storage.files.path(f"{number:02x}").parent.mkdir()
        feed = Feed(storage.journal, lambda _: True)
        recorder = Recorder(storage.journal, feed, lambda _: None)
        yield Stores(storage.files, recorder)
        await recorder.close()


async def _accept(load: _Load, stores: Stores, sources: Contents) -> Report:
    """What stands before a 202."""
    jobs = new_jobs(load.photo, sources.blobs)

    async def accept(number: int) -> None:
        with sources.lent(number) as content:
            await stores.blobs.put(sources.blobs[number].sha256, content)
        await stores.recorder.add(jobs[number], None)

    report, _ = await load.run(accept)
    return report


async def _put_sources(load: _Load, stores: Stores, sources: Contents) -> float:
    async def put(number: int) -> None:
        with sources.lent(number) as content:
            await stores.blobs.put(sources.blobs[number].sha256, content)

    _, cpu_ms = await load.run(put)
    return cpu_ms


async def _enter(load: _Load, stores: Stores, jobs: list[Job]) -> float:
    async def enter(number: int) -> None:
        await stores.recorder.add(jobs[number], None)

    _, cpu_ms = await load.run(enter)
    return cpu_ms


async def _put_variants(
    load: _Load, stores: Stores, jobs: list[Job]
) -> tuple[list[list[Blob]], float]:
    """Store what stands for the variants of each job; gives them, and the CPU time of a job's."""
    each = len(jobs[0].variants)
    contents = Contents(variant_of(load.photo), load.jobs * each, load.clients)

    async def put(number: int) -> None:
        for place in range(number * each, (number + 1) * each):
            with contents.lent(place) as content:
                await stores.blobs.put(contents.blobs[place].sha256, content)

    _, cpu_ms = await load.run(put)
    made = [list(contents.blobs[i : i + each]) for i in range(0, load.jobs * each, each)]
    return made, cpu_ms


async def _live(
    load: _Load, stores: Stores, jobs: list[Job], made: list[list[Blob]]
) -> tuple[int, float]:
    """Bring accepted jobs to their end; gives a job's further records and their CPU time."""

    async def live(number: int) -> None:
        await complete_job(stores.recorder, jobs[number], made[number])

    _, cpu_ms = await load.run(live)
    return 2 + 2 * len(made[0]), cpu_ms


async def complete_job(recorder: Recorder, job: Job, made: list[Blob]) -> None:
    """The records of a job that runs well, as its sink and its runner make them.

    One variant is made after the other, so that no two of a job share a commit.
    """
    job.decodes += 1
    job.move(JobState.RUNNING)
    recorder.record(job, EventType.JOB_STARTED)
    job.timings_ms = job.timings_ms | {"decode": 11.234567}
    for index, blob in enumerate(made):
        variant = job.variants[index]
        variant.move(TaskState.RUNNING)
        variant.attempts = 1
        recorder.record(job, EventType.VARIANT_STARTED, [index])
        variant.timings_ms = {"process": 2.345678, "encode": 3.456789, "store": 1.234567}
        variant.blob = blob
        variant.move(TaskState.COMPLETED)
        await recorder.record(job, EventType.VARIANT_COMPLETED, [index])
    job.ended_at = datetime.now(UTC)
    job.timings_ms = job.timings_ms | {"total": 123.456789}
    job.move(job.verdict())
    await recorder.record(job, EventType.JOB_COMPLETED)
