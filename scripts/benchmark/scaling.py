"""Measures what a second worker adds: the throughput of two beside that of one.

Two servers, one with one worker and one with two, are loaded in turns; while one is, the other is
idle. Client and server take their CPU time from the same cores as the workers: `bound` is the
ratio that the cores allow, given the CPU times that were measured. The serial share is what a job
takes of the server process, which is one whatever the number of workers, in all its CPU time; one
divided by it is the number of cores that one server process keeps busy when it has one to itself.
"""

import argparse
import asyncio
import dataclasses
import os
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.table import Table

from argument_types import count
from benchmark.goals import Goal
from benchmark.pictures import photograph
from benchmark.program import Report, arguments_of, figure_table, progress, run
from benchmark.raw_jobs import RawJobs, RawUploads
from benchmark.server_threads import LOOP, TreeMeter, thread_cpu
from benchmark.sets import VariantSet, variant_sets
from load import Reply, Sample, closed_loop, numbers
from server_process import Server, running_server

_SET, _DRAWN_PX, _SMOKE_PX = "bench-social", (3000, 2000), (300, 200)
_WORKERS = (1, 2)
_LEAST_RATIO = 1.8
# Of each server: a worker that ends a job finds the next one decoded or waiting.
_CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Round:
    """One load; CPU by the job.

    Attributes:
        jobs_per_s: Jobs completed by the second.
        workers_cpu_ms: Of all processes of the server but the server process.
        server_cpu_ms: Of the server process.
        loop_cpu_ms: Of its loop's thread alone.
        client_cpu_ms: Of the client.
    """

    jobs_per_s: float
    workers_cpu_ms: float
    server_cpu_ms: float
    loop_cpu_ms: float
    client_cpu_ms: float

    @property
    def serial_share(self) -> float:
        """The server process's part of the CPU time of all that serves."""
        return self.server_cpu_ms / (self.server_cpu_ms + self.workers_cpu_ms)

    def most_per_s(self, workers: int, cores: int) -> float:
        """The throughput that so many workers could reach with these CPU times."""
        whole_ms = self.workers_cpu_ms + self.server_cpu_ms + self.client_cpu_ms
        return 1000 / max(self.workers_cpu_ms / workers, self.server_cpu_ms, whole_ms / cores)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of scaling."""
    parser = arguments_of("scaling", __doc__, rounds=5)
    add = parser.add_argument
    add("image", nargs="?", type=Path, help="a JPEG; default: one is drawn")
    add("--jobs", "-n", type=count, default=40, metavar="N", help="in each round (default 40)")
    options = parser.parse_args(arguments)
    return run("scaling", _bench(options), options.json)


async def _bench(options: argparse.Namespace) -> Report:
    rounds, jobs = (1, 4) if options.smoke else (options.rounds, options.jobs)
    image = photograph(options.image, _SMOKE_PX if options.smoke else _DRAWN_PX).content
    (asked,) = variant_sets([_SET])
    measured: dict[int, list[Round]] = {workers: [] for workers in _WORKERS}
    async with AsyncExitStack() as closing:
        starting = (running_server("--workers", str(workers)) for workers in _WORKERS)
        servers = await asyncio.gather(*map(closing.enter_async_context, starting))
        for number in range(rounds):
            progress.print(f"round {number + 1} of {rounds}")
            for server, found in zip(servers, measured.values(), strict=True):
                found.append(await _load(server, image, asked, jobs))
    return _report(measured)


async def _load(server: Server, image: bytes, asked: VariantSet, jobs: int) -> Round:
    samples: list[Sample] = []
    async with RawJobs(server.url, RawUploads(image, asked, uuid.uuid4().hex)) as sender:

        async def send(_: int) -> Reply:
            return Reply(None, len(image), len(await sender.wait()))

        await closed_loop(send, _forget, numbers(_CLIENTS, None), clients=_CLIENTS)
        meter, before = TreeMeter(server.pid), thread_cpu(server.pid)
        client_s, start = time.process_time(), time.perf_counter()
        await closed_loop(send, samples.append, numbers(jobs, None), clients=_CLIENTS)
        seconds, client_s = time.perf_counter() - start, time.process_time() - client_s
        spent, tree_s = thread_cpu(server.pid) - before, meter.spent_s()
    cpu_s = (tree_s - spent.whole_s, spent.whole_s, spent.threads[LOOP], client_s)
    return Round(jobs / seconds, *(each * 1000 / jobs for each in cpu_s))


def _forget(_: Sample) -> None:
    """It only warms up."""


def _report(measured: dict[int, list[Round]]) -> Report:
    one, two = (_medians(rounds) for rounds in measured.values())
    cores = len(os.sched_getaffinity(0))
    ratio = median(
        after.jobs_per_s / before.jobs_per_s
        for before, after in zip(*measured.values(), strict=True)
    )
    bound = two.most_per_s(2, cores) / one.most_per_s(1, cores)
    busy_cores = 1 / two.serial_share
    loop_cores = busy_cores * two.server_cpu_ms / two.loop_cpu_ms
    notes = [
        f"With {cores} cores and these CPU times the ratio cannot be above {bound:.2f}.",
        (
            f"Serial share {two.serial_share:.1%}: one server process has its fill where "
            f"{busy_cores:.0f} cores are busy, at {1000 / two.server_cpu_ms:.0f} jobs/s; if its "
            f"threads cost its loop nothing, where {loop_cores:.0f} are."
        ),
    ]
    figures = {
        "cores": cores,
        "one_worker": dataclasses.asdict(one),
        "two_workers": dataclasses.asdict(two),
        "ratio": ratio,
        "bound": bound,
        "serial_share": two.serial_share,
    }
    goal = Goal("throughput of two workers over one's", ratio, _LEAST_RATIO, at_least=True)
    return Report([_table(one, two)], [goal], figures, notes)


def _medians(rounds: Sequence[Round]) -> Round:
    names = (field.name for field in dataclasses.fields(Round))
    return Round(*(median(getattr(each, name) for each in rounds) for name in names))


def _table(one: Round, two: Round) -> Table:
    headings = ("jobs/s", "workers", "server", "its loop", "client")
    table = figure_table(f"{_SET}; CPU in ms by the job", ["workers"], headings)
    for workers, each in zip(_WORKERS, (one, two), strict=True):
        cpu_ms = (each.workers_cpu_ms, each.server_cpu_ms, each.loop_cpu_ms, each.client_cpu_ms)
        table.add_row(
            str(workers), f"{each.jobs_per_s:.2f}", *(f"{figure:.2f}" for figure in cpu_ms)
        )
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
