"""One round of the benchmark: PixelPipe under load, and its codecs alone."""

import asyncio
import io
import json
import sys
import time
import uuid
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from load import Reply, Sample, closed_loop, numbers
from load_report import summarize
from photograph import with_comment
from process_tree import cpu_time
from uploads import ROUTES, WAIT_S, upload

_LIMIT_PROGRAM = Path(__file__).with_name("codec_limit.py")


class BenchError(Exception):
    """Nothing can be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class SetUnderTest:
    """A set of variants, and what a server made of it once.

    Attributes:
        name: The set's.
        specs: Its variants as `POST /api/jobs` takes them, in JSON.
        quality: The JPEG quality of all of them.
        photo: The photograph.
        photo_file: The same in a file.
        variant_files: The variants of it, as the server made them.
    """

    name: str
    specs: str
    quality: int
    photo: bytes
    photo_file: Path
    variant_files: list[Path]


@dataclass(frozen=True, slots=True)
class Round:
    """What PixelPipe took; CPU is that of its whole process tree, by the job.

    Attributes:
        jobs_per_s: Jobs completed by the second.
        p50_ms: Median latency.
        p99_ms: Latency that one job in a hundred exceeds.
        cpu_ms: CPU time of server, forkserver and workers together.
        server_cpu_ms: The server process's share of it.
    """

    jobs_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    server_cpu_ms: float


@dataclass(frozen=True, slots=True)
class Limit:
    """What the codecs alone took for one job: a decode, and the encodes of all variants."""

    decode_ms: float
    encode_ms: float

    @property
    def total_ms(self) -> float:
        """Both together."""
        return self.decode_ms + self.encode_ms


async def prepare(
    client: aiohttp.ClientSession,
    name: str,
    specs: list[dict[str, Any]],
    photo: bytes,
    folder: Path,
) -> SetUnderTest:
    """Have the variants of a set made once; they lie in `folder` beside the photograph.

    Raises:
        BenchError: The server did not make them.
    """
    (quality,) = {spec["quality"] for spec in specs}
    photo_file = folder / f"{name}.jpg"
    photo_file.write_bytes(photo)
    variant_files = []
    for variant in await _made_variants(client, json.dumps(specs), photo):
        variant_files.append(folder / f"{name}-{variant['name']}.jpg")
        async with client.get(variant["url"], raise_for_status=True) as answer:
            variant_files[-1].write_bytes(await answer.read())
    return SetUnderTest(name, json.dumps(specs), quality, photo, photo_file, variant_files)


async def _made_variants(client: aiohttp.ClientSession, specs: str, photo: bytes) -> list[Any]:
    form = aiohttp.FormData({"variants": specs})
    form.add_field("file", io.BytesIO(photo), filename="photo.jpg")
    headers = {"Prefer": f"wait={WAIT_S}"}
    async with client.post("/api/jobs", data=form, headers=headers) as answer:
        job = await answer.json(content_type=None)
    if job.get("state") != "completed":
        raise BenchError(f"the variants cannot be made: {json.dumps(job)}")
    variants: list[Any] = job["variants"]
    return variants


async def run_load(
    client: aiohttp.ClientSession,
    server_pid: int,
    under_test: SetUnderTest,
    clients: int,
    jobs: int,
) -> Round:
    """Send so many jobs, each with bytes of its own, and account for them.

    Raises:
        BenchError: A job failed.
    """
    run = uuid.uuid4().hex
    samples: list[Sample] = []

    async def send(number: int) -> Reply:
        photo = with_comment(under_test.photo, f"{run} {number}")
        return await upload(client, ROUTES["jobs"], photo, {"variants": under_test.specs})

    cpu_before, start = cpu_time(server_pid), time.perf_counter()
    await closed_loop(send, samples.append, numbers(jobs, None), clients=clients)
    seconds, cpu = time.perf_counter() - start, cpu_time(server_pid) - cpu_before
    report = summarize(samples, seconds)
    if report.errors or report.latency_ms is None:
        raise BenchError(f"jobs of {under_test.name} failed: {report.errors} {report.details}")
    return Round(
        jobs_per_s=report.jobs_per_s,
        p50_ms=report.latency_ms.p50,
        p99_ms=report.latency_ms.p99,
        cpu_ms=cpu.tree_s * 1000 / jobs,
        server_cpu_ms=cpu.root_s * 1000 / jobs,
    )


async def run_limit(under_test: SetUnderTest) -> Limit:
    """Measure the codecs alone, in a fresh process.

    Raises:
        BenchError: The measuring program failed; its own words are on the standard error.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        _LIMIT_PROGRAM,
        under_test.photo_file,
        str(under_test.quality),
        *under_test.variant_files,
        stdout=PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"the codec limit of {under_test.name} could not be measured")
    return Limit(**json.loads(output))
