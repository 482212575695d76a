"""Measures what working over Redis costs beside working alone, and where the queue's limit lies.

Every mode has a server, or a front with nodes behind it, of its own on this machine, started once
and loaded in turns; a front takes no jobs. All have as many workers in all as there are cores, but
each node has one at least; where that is more, an embedded server with as many shows what they cost
one another. Pictures are files in every mode (`file://` over Redis), so that the
journal and the queue make the difference, and no S3 server takes the CPU time of the machine.

CPU is of all of PixelPipe's processes by the job, Redis' own apart from it. Ratios are to
`embedded`, the medians of those of each round. `alone` is the median of one job at a time. The
queue's limit is that of jobs for which nothing is done: put by one process, taken by one and two,
32 at a time; Redis' own limit is where that and what a job costs it there would keep it busy.
"""

import argparse
import asyncio
import dataclasses
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.table import Table

from argument_types import count
from benchmark.cluster_modes import CORES, EMBEDDED, MODES, ONE_NODE, Mode, Started, started
from benchmark.cluster_queue import QueueLimit, QueueRate, queue_limit
from benchmark.goals import Goal
from benchmark.pictures import SMALL, Picture, drawn, photograph
from benchmark.program import Report, arguments_of, figure_table, progress, run
from benchmark.raw_jobs import RawJobs, RawUploads
from benchmark.server_threads import TreeMeter, process_cpu_s
from benchmark.sets import SMALL_SET, VariantSet, variant_sets
from load import Reply, Sample, closed_loop, numbers
from load_report import percentile

_LARGE_SET, _DRAWN_PX = "bench-social", (3000, 2000)
# A worker that ends a job finds the next one there.
_CLIENTS = 2 * CORES
_MOST_RATIO = 1.1
# Of small pictures there are so many times more, and of jobs alone so many times fewer.
_MORE, _FEWER = 5, 4
_QUEUE_JOBS, _QUEUE_WORKERS = 4000, (1, 2)


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked for, of which picture, how often in a round."""

    picture: Picture
    asked: VariantSet
    jobs: int

    @property
    def name(self) -> str:
        """The set's name."""
        return self.asked.name


@dataclass(frozen=True, slots=True)
class Round:
    """One load of one mode.

    Attributes:
        jobs_per_s: Jobs completed by the second.
        p50_ms: From the request to the answer at the end of the job.
        p95_ms: Likewise.
        alone_ms: The median of jobs that come one at a time.
        cpu_ms: Of PixelPipe's processes, by the job.
        redis_ms: Of Redis, by the job.
    """

    jobs_per_s: float
    p50_ms: float
    p95_ms: float
    alone_ms: float
    cpu_ms: float
    redis_ms: float


_Rounds = dict[str, dict[str, list[Round]]]


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of several processes and machines."""
    parser = arguments_of("cluster", __doc__, rounds=3)
    add = parser.add_argument
    add("image", nargs="?", type=Path, help="a JPEG; default: one is drawn")
    add("--jobs", "-n", type=count, default=40, metavar="N", help="in each round (default 40)")
    options = parser.parse_args(arguments)
    return run("cluster", _bench(options), options.json)


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    large, small = variant_sets([_LARGE_SET, SMALL_SET])
    if options.smoke:
        yield Case(drawn(SMALL, shrink=2), small, 2)
        return
    yield Case(photograph(options.image, _DRAWN_PX), large, options.jobs)
    yield Case(drawn(SMALL), small, options.jobs * _MORE)


async def _bench(options: argparse.Namespace) -> Report:
    cases = list(_cases(options))
    rounds = 1 if options.smoke else options.rounds
    # At its smallest one of each kind.
    modes = (EMBEDDED, ONE_NODE) if options.smoke else MODES
    measured: _Rounds = {case.name: {mode.name: [] for mode in modes} for case in cases}
    with tempfile.TemporaryDirectory(prefix="pixelpipe-bench-") as name:
        folder = Path(name)
        async with AsyncExitStack() as closing:
            progress.print("starting")
            first, *others = (started(m, folder / m.name.replace(" ", "-")) for m in modes)
            running = await asyncio.gather(*map(closing.enter_async_context, others))
            # The last server to be started has signals cancel the task that has started it.
            running.insert(0, await closing.enter_async_context(first))
            for number in range(rounds):
                for case in cases:
                    progress.print(f"round {number + 1} of {rounds}: {case.name}")
                    for each in running:
                        measured[case.name][each.mode.name].append(await _load(each, case))
        progress.print("the queue alone")
        place = folder / "queue"
        place.mkdir()
        jobs, workers = (50, (1,)) if options.smoke else (_QUEUE_JOBS, _QUEUE_WORKERS)
        limit = await queue_limit(place, jobs, workers)
    return _report(cases, measured, modes, limit)


async def _load(running: Started, case: Case) -> Round:
    """Warm up, then many at a time, then one by one."""
    together: list[Sample] = []
    alone: list[Sample] = []
    uploads = RawUploads(case.picture.content, case.asked, uuid.uuid4().hex)
    async with RawJobs(running.url, uploads) as sender:

        async def send(_: int) -> Reply:
            return Reply(None, 0, len(await sender.wait()))

        await closed_loop(send, _forget, numbers(2 * _CLIENTS, None), clients=_CLIENTS)
        meters = [TreeMeter(root) for root in running.roots]
        redis_s, start = _redis_s(running), time.perf_counter()
        await closed_loop(send, together.append, numbers(case.jobs, None), clients=_CLIENTS)
        seconds, redis_s = time.perf_counter() - start, _redis_s(running) - redis_s
        cpu_s = sum(meter.spent_s() for meter in meters)
        fewer = numbers(max(2, case.jobs // _FEWER), None)
        await closed_loop(send, alone.append, fewer, clients=1)
    taken_ms = [sample.latency_s * 1000 for sample in together]
    return Round(
        jobs_per_s=case.jobs / seconds,
        p50_ms=percentile(taken_ms, 50),
        p95_ms=percentile(taken_ms, 95),
        alone_ms=percentile([sample.latency_s * 1000 for sample in alone], 50),
        cpu_ms=cpu_s * 1000 / case.jobs,
        redis_ms=redis_s * 1000 / case.jobs,
    )


def _forget(_: Sample) -> None:
    """It only warms up."""


def _redis_s(running: Started) -> float:
    return 0.0 if running.redis is None else process_cpu_s(running.redis)


def _report(
    cases: Sequence[Case], measured: _Rounds, modes: Sequence[Mode], limit: QueueLimit
) -> Report:
    ratios = {
        case: {mode: _ratios(rounds, found[EMBEDDED.name]) for mode, rounds in found.items()}
        for case, found in measured.items()
    }
    tables = [_table(case, measured[case.name], ratios[case.name], modes) for case in cases]
    # Of what the goal is for, or of all there is.
    first = cases[0].name
    goals = [
        Goal(f"CPU over embedded, {first}, {mode.name}", ratio, _MOST_RATIO)
        for mode in modes
        if mode.nodes and (ratio := ratios[first][mode.name]["cpu_ms"])
    ]
    figures = {
        "cores": CORES,
        "pictures": {case.name: case.picture.what for case in cases},
        "modes": {
            case: {
                mode: dataclasses.asdict(_medians(rounds)) | {"ratios": ratios[case][mode]}
                for mode, rounds in found.items()
            }
            for case, found in measured.items()
        },
        "queue": dataclasses.asdict(limit) | {"redis_per_s": limit.redis_per_s},
    }
    tables.append(_queue_table(limit))
    notes = [f"Redis itself would be busy with {limit.redis_per_s:.0f} such jobs/s."]
    return Report(tables, goals, figures, notes)


def _medians(rounds: Sequence[Round]) -> Round:
    names = (field.name for field in dataclasses.fields(Round))
    return Round(*(median(getattr(each, name) for each in rounds) for name in names))


def _ratios(rounds: Sequence[Round], embedded: Sequence[Round]) -> dict[str, float]:
    """The medians of what each round has beside the same one of the embedded mode."""
    return {
        name: median(
            getattr(each, name) / getattr(base, name)
            for each, base in zip(rounds, embedded, strict=True)
        )
        for name in ("jobs_per_s", "p50_ms", "p95_ms", "alone_ms", "cpu_ms")
    }


def _table(
    case: Case,
    found: dict[str, list[Round]],
    ratios: dict[str, dict[str, float]],
    modes: Sequence[Mode],
) -> Table:
    headings = ("jobs/s", "x", "p50 ms", "p95 ms", "alone", "CPU ms", "x", "Redis")
    title = f"{case.picture.name}, {case.name}; CPU by the job"
    table = figure_table(title, ["mode", "workers"], headings)
    for mode in modes:
        each, ratio = _medians(found[mode.name]), ratios[mode.name]
        table.add_row(
            mode.name,
            "+".join(map(str, mode.workers)),
            f"{each.jobs_per_s:.1f}",
            f"{ratio['jobs_per_s']:.2f}",
            f"{each.p50_ms:.1f}",
            f"{each.p95_ms:.1f}",
            f"{each.alone_ms:.1f}",
            f"{each.cpu_ms:.2f}",
            f"{ratio['cpu_ms']:.2f}",
            f"{each.redis_ms:.2f}" if mode.nodes else "",
        )
    return table


def _queue_table(limit: QueueLimit) -> Table:
    table = figure_table(
        "the queue alone; CPU by the job", ["side", "processes"], ("jobs/s", "CPU us", "Redis us")
    )
    sides: list[tuple[str, QueueRate]] = [("put", limit.put)]
    sides += [("taken", rate) for rate in limit.taken]
    for side, rate in sides:
        table.add_row(
            side,
            str(rate.processes),
            f"{rate.jobs_per_s:.0f}",
            f"{rate.cpu_us:.0f}",
            f"{rate.redis_us:.0f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
