"""Measures how many jobs are accepted durably, and what the journal and the blobs cost."""

import argparse
import asyncio
import dataclasses
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from argument_types import count, listed, writable_file
from benchmark.errors import BenchError
from benchmark.journal_rounds import Acceptance, measure
from benchmark.journal_sources import numbered
from photograph import draw_photograph
from pixelpipe.storage.folder import FolderError

WIDTH_PX, HEIGHT_PX, QUALITY = 2100, 1400, 96  # About 800 KB.
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MANY = 100
_MOUNTS = Path("/proc/self/mounts")
_ESCAPED = re.compile(r"\\([0-7]{3})")

console = Console(stderr=True)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of the journal."""
    options = _parse_arguments(arguments)
    try:
        photo = numbered(draw_photograph(WIDTH_PX, HEIGHT_PX, quality=QUALITY))
        results = asyncio.run(_bench(options, photo))
        kind = file_system(options.folder)
    except (BenchError, FolderError, OSError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    Console().print(_table(results, f"{len(photo):,} B on {kind}"))
    if options.json is not None:
        lines = [dataclasses.asdict(each) | {"ratio": each.ratio} for each in results]
        document = {"file_system": kind, "source_bytes": len(photo), "results": lines}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def file_system(folder: Path) -> str:
    """Which file system the folder is on, and whether that is a disk's or in memory."""
    folder = folder.resolve()
    kind, closest = "unknown", -1
    for line in _MOUNTS.read_text().splitlines():
        _, escaped, fstype, *_ = line.split(" ")
        point = Path(_ESCAPED.sub(lambda digits: chr(int(digits[1], 8)), escaped))
        # Of several at one place the last hides the others.
        if folder.is_relative_to(point) and len(point.parts) >= closest:
            kind, closest = fstype, len(point.parts)
    return f"{kind} ({'memory' if kind in _IN_MEMORY else 'disk'})"


def _parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench journal", description=__doc__)
    add = parser.add_argument
    add(
        "--clients",
        "-c",
        type=listed(count),
        default=[1, 16, 256],
        metavar="1,16,256",
        help="how many send at the same time, each number measured by itself (the default)",
    )
    add(
        "--jobs",
        "-n",
        type=count,
        default=500,
        metavar="N",
        help="for each number of clients (default 500; they take 3 MB of room each)",
    )
    add(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="store in a temporary folder in there (default: the current directory)",
    )
    add("--json", type=writable_file, metavar="FILE", help="write the figures there as well")
    return parser.parse_args(arguments)


async def _bench(options: argparse.Namespace, photo: bytes) -> list[Acceptance]:
    results = []
    with tempfile.TemporaryDirectory(prefix=".pixelpipe-bench-", dir=options.folder) as folder:
        for clients in options.clients:
            console.print(f"{options.jobs} jobs of {clients} clients")
            results.append(await measure(Path(folder), photo, clients, options.jobs))
    return results


def _table(results: list[Acceptance], what: str) -> Table:
    """The figures; `ratio` is jobs accepted to fsyncs, and CPU is by the job."""
    records = results[0].records
    title = f"Sources of {what}; ms; CPU by the job; life: its {records} records"
    table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    headings = ("clients", "fsyncs/s", "jobs/s", "ratio", "p50", "p99")
    for heading in (*headings, "source", "accept", "variants", "life"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in results:
        cpu = (each.source_cpu_ms, each.entry_cpu_ms, each.variants_cpu_ms, each.life_cpu_ms)
        table.add_row(
            str(each.clients),
            f"{each.fsyncs_per_s:.0f}",
            _short(each.jobs_per_s),
            f"{each.ratio:.3f}",
            *(_short(figure) for figure in (each.p50_ms, each.p99_ms)),
            *(f"{figure:.2f}" for figure in cpu),
        )
    return table


def _short(figure: float) -> str:
    """With one decimal where that tells anything: a row has to fit 80 columns."""
    return f"{figure:.1f}" if figure < _MANY else f"{figure:.0f}"
