"""Measures how long one job takes on an idle server, beside what two workers make possible.

Jobs come one at a time to a server with two workers. In turns with them come jobs that upload the
same photograph and want next to nothing of it, one small piece of the whole picture: they take
what no two workers can share (to receive, to store and commit, to decode, to reply), which is the
serial part. What a job takes of CPU time beyond such a one is the rest, and the goal allows six
tenths of it.
"""

import argparse
import json
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from rich.table import Table

from benchmark.goals import Goal
from benchmark.pictures import photograph
from benchmark.program import Report, arguments_of, figure_table, progress, run
from benchmark.raw_jobs import RawJobs, RawUploads
from benchmark.server_threads import TreeMeter
from benchmark.sets import VariantSet, variant_sets
from load_report import percentile
from server_process import Server, running_server

_SET, _DRAWN_PX, _SMOKE_PX = "bench-social", (3000, 2000), (300, 200)
_WORKERS = 2
_SHARE, _SERIAL_MS = 0.6, 18.0
_PIECE = VariantSet(
    "piece",
    (
        {
            "name": "piece",
            "crop": {"x": 0, "y": 0, "width": 16, "height": 16},
            "format": "jpeg",
            "quality": 80,
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """One job; all in milliseconds.

    Attributes:
        wall_ms: From the request to the answer, as the client saw it.
        cpu_ms: Of the whole process tree.
        receive_ms: How long the body took.
        decode_ms: How long the worker decoded.
    """

    wall_ms: float
    cpu_ms: float
    receive_ms: float
    decode_ms: float


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of latency."""
    parser = arguments_of("latency", __doc__, rounds=30)
    add = parser.add_argument
    add("image", nargs="?", type=Path, help="a JPEG; default: one is drawn")
    options = parser.parse_args(arguments)
    return run("latency", _bench(options), options.json)


async def _bench(options: argparse.Namespace) -> Report:
    rounds = 2 if options.smoke else options.rounds
    image = photograph(options.image, _SMOKE_PX if options.smoke else _DRAWN_PX).content
    (asked,) = variant_sets([_SET])
    pieces: list[Timing] = []
    whole: list[Timing] = []
    async with running_server("--workers", str(_WORKERS)) as server:
        for number in range(-_WORKERS, rounds):
            if number == 0:
                progress.print(f"{rounds} rounds")
            for wanted, timings in ((_PIECE, pieces), (asked, whole)):
                timing = await _time(server, image, wanted)
                if number >= 0:  # Those before warm it up.
                    timings.append(timing)
    return _report(pieces, whole)


async def _time(server: Server, image: bytes, asked: VariantSet) -> Timing:
    async with RawJobs(server.url, RawUploads(image, asked, uuid.uuid4().hex)) as sender:
        meter, start = TreeMeter(server.pid), perf_counter()
        answer = await sender.wait()
        wall_s, cpu_s = perf_counter() - start, meter.spent_s()
    timings_ms = json.loads(answer)["timings_ms"]
    return Timing(wall_s * 1000, cpu_s * 1000, timings_ms["receive"], timings_ms["decode"])


def _report(pieces: Sequence[Timing], whole: Sequence[Timing]) -> Report:
    serial, job = _medians(pieces), _medians(whole)
    rest_ms = job.cpu_ms - serial.cpu_ms
    allowed_ms = serial.wall_ms + _SHARE * rest_ms
    parallel_ms = job.wall_ms - serial.wall_ms
    note = (
        f"The serial part: {serial.receive_ms:.1f} ms to receive, {serial.decode_ms:.1f} to "
        f"decode, {serial.wall_ms - serial.receive_ms - serial.decode_ms:.1f} to store, commit, "
        f"hand over and reply. The rest takes {rest_ms:.1f} ms of CPU in {parallel_ms:.1f} ms: "
        f"{parallel_ms / rest_ms:.2f} of it."
    )
    goals = [
        Goal("latency of one job", job.wall_ms, allowed_ms, "ms"),
        Goal("its serial part", serial.wall_ms, _SERIAL_MS, "ms"),
    ]
    figures = {
        "latency_ms": job.wall_ms,
        "allowed_ms": allowed_ms,
        "serial_ms": serial.wall_ms,
        "receive_ms": serial.receive_ms,
        "decode_ms": serial.decode_ms,
        "rest_cpu_ms": rest_ms,
        "cpu_ms": job.cpu_ms,
    }
    return Report([_table(pieces, whole)], goals, figures, [note])


def _medians(timings: Sequence[Timing]) -> Timing:
    return Timing(
        median(each.wall_ms for each in timings),
        median(each.cpu_ms for each in timings),
        median(each.receive_ms for each in timings),
        median(each.decode_ms for each in timings),
    )


def _table(pieces: Sequence[Timing], whole: Sequence[Timing]) -> Table:
    title = f"One job at a time, {_WORKERS} workers, ms"
    headings = ("least", "p50", "p95", "CPU", "receive", "decode")
    table = figure_table(title, ["job"], headings)
    for name, timings in (("serial part", pieces), (_SET, whole)):
        walls_ms = [each.wall_ms for each in timings]
        mid = _medians(timings)
        times_ms = (min(walls_ms), mid.wall_ms, percentile(walls_ms, 95))
        figures = (*times_ms, mid.cpu_ms, mid.receive_ms, mid.decode_ms)
        table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
