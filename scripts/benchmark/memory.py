"""Measures the memory of the server and its workers while large pictures are made, and after.

What counts is the proportional set size of all processes, in which what several share counts once;
of the arena all that has pages, whether a process has touched them or not. As many jobs are under
way as there are workers, and the pixels in flight are those of so many decoded pictures, three
bytes each. The variants have the size of the picture, so that nothing is decoded smaller.

The peak, all of it, is held against three times the pixels in flight and 60 MB for each worker.
The idle figure is that of a server that has made small pictures and rests. After the load it is
looked until it is back, give or take a tenth, and the pages that the arena keeps on purpose so that
they stay warm (64 MiB for uploads and 64 MiB for work, at most).
"""

import argparse
import asyncio
import dataclasses
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from argument_types import amount, count
from benchmark.footprint import Footprint, Watch, footprint
from benchmark.goals import Goal
from benchmark.program import Report, arguments_of, figure_table, progress, run
from benchmark.raw_jobs import RawJobs, RawUploads
from benchmark.sets import variant_sets
from load import Reply, Sample, closed_loop, numbers
from photograph import draw_photograph
from server_process import Server, running_server

_SET = "bench-full"
_SMALL_PX, _SMALL_JOBS, _SMOKE_MEGAPIXELS = (640, 480), 10, 0.3
_MB = 1_000_000
_CHANNELS = 3
_TIMES, _WORKER_BYTES = 3, 60 * _MB
_BACK_S, _SLACK, _WARM_BYTES = 10.0, 0.1, 2 * 64 * 2**20
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Memory:
    """What was seen.

    Attributes:
        idle: Before the load.
        peak: The most during it.
        after: When it was back, or nobody waited for it any longer.
        back_s: How long after the load that was.
        flight_bytes: Decoded pixels in flight.
        workers: How many there were.
    """

    idle: Footprint
    peak: Footprint
    after: Footprint
    back_s: float
    flight_bytes: int
    workers: int

    @property
    def allowed_bytes(self) -> int:
        """What the peak may be."""
        return _TIMES * self.flight_bytes + _WORKER_BYTES * self.workers

    @property
    def back(self) -> bool:
        """Whether the idle figure is back."""
        return is_back(self.after, self.idle)


def is_back(now: Footprint, idle: Footprint) -> bool:
    """Whether a server has no more than when it was idle, but for what it may keep."""
    kept_bytes = min(_WARM_BYTES, now.arena_bytes)
    return now.total_bytes <= idle.total_bytes * (1 + _SLACK) + kept_bytes


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of memory."""
    parser = arguments_of("memory", __doc__, rounds=None)
    add = parser.add_argument
    add("--jobs", "-n", type=count, default=8, metavar="N", help="of the load (default 8)")
    add("--megapixels", type=amount, default=24, metavar="N", help="of the picture (default 24)")
    add("--workers", "-w", type=count, default=2, metavar="N", help="of the server (default 2)")
    add(
        "--patience",
        type=amount,
        default=90,
        metavar="SECONDS",
        help="how long to wait until the idle figure is back (default 90)",
    )
    options = parser.parse_args(arguments)
    return run("memory", _bench(options), options.json)


async def _bench(options: argparse.Namespace) -> Report:
    height = round((options.megapixels * 1e6 / 1.5) ** 0.5)
    if options.smoke:
        height = round((_SMOKE_MEGAPIXELS * 1e6 / 1.5) ** 0.5)
    width = height * 3 // 2
    progress.print(f"drawing {width} x {height}")
    large, small = draw_photograph(width, height), draw_photograph(*_SMALL_PX)
    async with running_server("--workers", str(options.workers)) as server:
        await _load(server, small, _SMALL_JOBS, options.workers)
        idle = footprint(server.pid)
        progress.print(f"{options.jobs} jobs, {options.workers} at a time")
        with Watch(server.pid) as watch:
            await _load(server, large, options.jobs, options.workers)
        progress.print("resting")
        after, back_s = await _rested(server.pid, idle, options.patience)
    flight_bytes = width * height * _CHANNELS * options.workers
    return _report(Memory(idle, watch.peak, after, back_s, flight_bytes, options.workers))


async def _load(server: Server, image: bytes, jobs: int, clients: int) -> None:
    (asked,) = variant_sets([_SET])
    async with RawJobs(server.url, RawUploads(image, asked, uuid.uuid4().hex)) as sender:

        async def send(_: int) -> Reply:
            return Reply(None, len(image), len(await sender.wait()))

        await closed_loop(send, _forget, numbers(jobs, None), clients=clients)


def _forget(_: Sample) -> None:
    """How long it took is not what is measured."""


async def _rested(pid: int, idle: Footprint, patience_s: float) -> tuple[Footprint, float]:
    """The footprint once the idle figure is back or the patience at its end; and when that was."""
    start = time.monotonic()
    while True:
        now, passed_s = footprint(pid), time.monotonic() - start
        if is_back(now, idle) or passed_s > patience_s:
            return now, passed_s
        await asyncio.sleep(_LOOK_S)


def _report(memory: Memory) -> Report:
    back = f"{memory.back_s:.1f} s" if memory.back else f"not in {memory.back_s:.0f} s"
    note = (
        f"{memory.flight_bytes / _MB:.0f} MB of decoded pixels in flight, {memory.workers} "
        f"workers; back to the idle figure: {back}."
    )
    back_s = memory.back_s if memory.back else float("inf")
    goals = [
        Goal("peak", memory.peak.total_bytes / _MB, memory.allowed_bytes / _MB, "MB"),
        Goal("until the idle figure is back", back_s, _BACK_S, "s"),
    ]
    figures = dataclasses.asdict(memory) | {"back": memory.back}
    return Report([_table(memory)], goals, figures, [note])


def _table(memory: Memory) -> Table:
    table = figure_table(
        "Memory, MB; workers with their forkserver",
        [""],
        ["server", "workers", "arena", "together"],
    )
    for name, seen in (("idle", memory.idle), ("peak", memory.peak), ("after", memory.after)):
        sizes = (seen.server_bytes, seen.others_bytes, seen.arena_bytes, seen.total_bytes)
        table.add_row(name, *(f"{size / _MB:.0f}" for size in sizes))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
