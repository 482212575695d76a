"""Measures many event streams at once: how soon they tell, and what each of them takes."""

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from argument_types import amount, count, writable_file
from benchmark.stream_rounds import Figures, StreamsError, Wanted, measure, streams_held
from pixelpipe.server.wire.descriptors import DescriptorLimitError
from server_process import ServerStartError

_SMOKE = Wanted(streams=8, watchers=2, events_per_s=200, variants=1, seconds=0.2)

console = Console(stderr=True)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of the event streams."""
    options = _parse_arguments(arguments)
    wanted = _SMOKE if options.smoke else _wanted(options)
    try:
        wanted = _possible(wanted)
        figures = asyncio.run(measure(wanted, console.print))
    except (DescriptorLimitError, StreamsError, ServerStartError, OSError) as error:
        print(f"scripts/bench streams: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    Console().print(_table(wanted, figures))
    if options.json is not None:
        document = {"wanted": dataclasses.asdict(wanted), "figures": dataclasses.asdict(figures)}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def _parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench streams", description=__doc__)
    add = parser.add_argument
    add("--streams", type=count, default=10_000, metavar="N", help="open at once (default 10000)")
    add(
        "--events-per-s",
        type=amount,
        default=1000,
        metavar="N",
        help="sent over all of them together (default 1000)",
    )
    add(
        "--watchers",
        type=count,
        default=1,
        metavar="N",
        help="streams of each owner of jobs, which are sent the same events (default 1)",
    )
    add(
        "--variants",
        type=count,
        default=8,
        metavar="N",
        help="of each job, which has 3 events and 2 for each variant (default 8)",
    )
    add(
        "--seconds",
        type=amount,
        default=20,
        metavar="N",
        help="for each of: jobs that nobody watches, quiet streams, and both (default 20)",
    )
    add("--json", type=writable_file, metavar="FILE", help="write the figures there as well")
    add("--smoke", action="store_true", help="few streams for a moment: does it run at all")
    return parser.parse_args(arguments)


def _wanted(options: argparse.Namespace) -> Wanted:
    return Wanted(
        streams=options.streams,
        watchers=options.watchers,
        events_per_s=options.events_per_s,
        variants=options.variants,
        seconds=options.seconds,
    )


def _possible(wanted: Wanted) -> Wanted:
    """The same with as many streams as there can be here."""
    held = streams_held(wanted.streams)
    if held < wanted.streams:
        console.print(f"the limit of open files (ulimit -Hn) holds {held} streams")
    return dataclasses.replace(wanted, streams=held)


def _table(wanted: Wanted, figures: Figures) -> Table:
    title = f"{wanted.streams:,} event streams, {wanted.watchers} of each owner of jobs"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    for name, figure in _rows(figures):
        table.add_row(name, figure)
    return table


def _rows(figures: Figures) -> list[tuple[str, str]]:
    return [
        ("events appended, by jobs of tiny variants", f"{figures.appends_per_s:,.0f}/s"),
        ("events delivered", f"{figures.deliveries_per_s:,.0f}/s"),
        ("end of a job to receipt, p50", f"{figures.p50_ms:.1f} ms"),
        ("  p95", f"{figures.p95_ms:.1f} ms"),
        ("  p99", f"{figures.p99_ms:.1f} ms"),
        ("  max", f"{figures.max_ms:.1f} ms"),
        ("memory by stream, quiet", f"{figures.stream_bytes / 1000:.1f} kB"),
        ("memory by stream, after the events", f"{figures.loaded_stream_bytes / 1000:.1f} kB"),
        ("server's CPU while all are quiet", f"{figures.idle_cpu:.1%} of a core"),
        ("server's CPU by event delivered", f"{figures.delivery_cpu_ms:.3f} ms"),
        ("server's CPU by job that nobody watches", f"{figures.alone_job_cpu_ms:.2f} ms"),
        ("streams opened", f"{figures.opened_per_s:,.0f}/s"),
        ("from the signal to the server's end", f"{figures.stop_s:.1f} s"),
    ]
