"""Measures the CPU time of the server process by the job, and what it goes into.

Of the server process alone, without its workers; kernel time is included, and everything is
synced as ever. A waited job is answered at its end by the request that sent it; a watched one is
followed over SSE by two further requests.

The first lines tell where the time was spent: in the loop, or in which threads. The others tell
what for: each part done alone in another process with the same bytes, for two jobs at a time, the
variants of each one after the other. `receive` is a bare aiohttp server, `hash: storing` what the
store reckons again, `journal` all records of a job. `SSE` is what a watched job takes beyond one
that is waited for, and `rest` what all of that leaves of the whole: HTTP beyond the bare server,
planning, the engine and its talk with the workers, the loop; below zero where the server stores
more of it together. Figures are medians each, so that sums may be off a little.
"""

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from argument_types import count
from benchmark.goals import Goal
from benchmark.pictures import photograph
from benchmark.program import Report, arguments_of, figure_table, progress, run
from benchmark.server_rounds import Case, CaseRounds, Result
from benchmark.server_threads import ENDED, LOOP
from benchmark.sets import VariantSet, variant_sets
from photograph import draw_photograph
from server_process import running_server

_LARGE_SET, _LARGE_PX, _LARGE_QUALITY = "bench-social", (3000, 2000), 91  # About 800 KB.
_SMALL_PX, _SMALL_QUALITY = (640, 480), 93  # About 60 KB.
_SMALL_SET = VariantSet(
    "three small",
    tuple(
        {
            "name": f"w{side}",
            "resize": {"width": side, "height": side, "fit": "inside"},
            "format": "jpeg",
            "quality": 80,
        }
        for side in (96, 160, 320)
    ),
)
_THREADS = (LOOP, "blobs", "journal-write", "journal-read", ENDED)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of the server process."""
    parser = arguments_of("server", __doc__, rounds=5)
    add = parser.add_argument
    add("image", nargs="?", type=Path, help="a JPEG for the large upload; default: one is drawn")
    add("--jobs", "-n", type=count, default=40, metavar="N", help="in each round (default 40)")
    options = parser.parse_args(arguments)
    return run("server", _bench(options), options.json)


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    if not options.smoke:
        large = (
            draw_photograph(*_LARGE_PX, quality=_LARGE_QUALITY)
            if options.image is None
            else photograph(options.image, _LARGE_PX).content
        )
        (asked,) = variant_sets([_LARGE_SET])
        yield Case(large, asked, bound_ms=4.0, reach_ms=2.5)
    small = draw_photograph(*_SMALL_PX, quality=_SMALL_QUALITY)
    yield Case(small, _SMALL_SET, bound_ms=1.2, reach_ms=0.8)


async def _bench(options: argparse.Namespace) -> Report:
    rounds, jobs = (1, 2) if options.smoke else (options.rounds, options.jobs)
    with tempfile.TemporaryDirectory(prefix="pixelpipe-bench-") as name:
        folder = Path(name)
        async with running_server("--data", str(_worn(folder / "data"))) as server:
            cases = [CaseRounds(server, case, folder) for case in _cases(options)]
            for each in cases:
                await each.prepare()
            for number in range(rounds):
                for each in cases:
                    progress.print(f"round {number + 1} of {rounds}: {each.case.name}")
                    await each.measure(jobs)
    results = [each.result() for each in cases]
    goals = [goal for result in results for goal in _goals(result)]
    return Report([_table(results)], goals, {"results": [_json(each) for each in results]})


def _worn(folder: Path) -> Path:
    """A data folder as a server has it that has worked for a while: no blob needs a new folder."""
    for number in range(256):
        (folder / "blobs" / f"{number:02x}").mkdir(parents=True)
    return folder


def _table(results: Sequence[Result]) -> Table:
    sides = [(each, watched) for each in results for watched in (False, True)]
    headings = [
        "\n".join([*each.case.name.split(", "), "watched" if watched else "waited"])
        for each, watched in sides
    ]
    table = figure_table("CPU of the server process, ms by the job", [""], headings)
    costs = [each.watched if watched else each.waited for each, watched in sides]
    found = {name for cost in costs for name in cost.threads_ms}
    table.add_row("whole", *(f"{cost.whole_ms:.2f}" for cost in costs), style="bold")
    for name in (*_THREADS, *sorted(found.difference(_THREADS))):
        table.add_row(f"  in {name}", *(f"{cost.threads_ms.get(name, 0):z.2f}" for cost in costs))
    table.add_section()
    parts = [each.parts_ms(watched=watched) for each, watched in sides]
    for name in parts[0]:
        table.add_row(f"  for {name}", *(f"{part[name]:.2f}" for part in parts))
    table.add_section()
    table.add_row("client", *(f"{cost.client_ms:.2f}" for cost in costs))
    return table


def _goals(result: Result) -> Iterator[Goal]:
    case = result.case
    for kind, cost in (("waited", result.waited), ("watched", result.watched)):
        what = f"server CPU by the job, {case.name}, {kind}"
        yield Goal(what, cost.whole_ms, case.bound_ms, "ms", reach=case.reach_ms)


def _json(result: Result) -> dict[str, Any]:
    return {
        "upload": result.case.name,
        "upload_bytes": len(result.case.image),
        "waited": dataclasses.asdict(result.waited),
        "watched": dataclasses.asdict(result.watched),
        "alone": dataclasses.asdict(result.alone),
        "parts_ms": result.parts_ms(watched=True),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
