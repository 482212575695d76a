"""Measures PixelPipe beside the limit that its codecs set, in the same run.

`scripts/bench journal --help` tells of another measurement: of what is stored.
"""

import argparse
import asyncio
import dataclasses
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

import bench_journal
from argument_types import count, listed, one_of, writable_file
from bench_rounds import BenchError, Limit, Round, prepare, run_limit, run_load
from photograph import draw_photograph, is_jpeg
from server_process import ServerStartError, running_server
from uploads import client_session

SETS_FILE = Path(__file__).with_name("bench_sets.json")
DRAWN_WIDTH_PX, DRAWN_HEIGHT_PX = 3000, 2000

Figures = TypeVar("Figures", Round, Limit)

console = Console(stderr=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """Medians over the rounds of one set at one number of clients.

    Attributes:
        name: The set's.
        clients: Clients that sent at the same time.
        load: What PixelPipe took.
        limit: What its codecs alone took.
        ratio: PixelPipe's CPU over the limit's, of the same round each.
    """

    name: str
    clients: int
    load: Round
    limit: Limit
    ratio: float


def main() -> int:
    """Run the benchmark."""
    if sys.argv[1:2] == ["journal"]:
        return bench_journal.main(sys.argv[2:])
    options = _parse_arguments()
    try:
        photo = _photo(options.image)
        results = asyncio.run(_bench(options, photo))
    except (BenchError, ServerStartError, OSError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    Console().print(_table(results, len(photo)))
    if options.json is not None:
        lines = [dataclasses.asdict(result) for result in results]
        options.json.write_text(json.dumps(lines, indent=2) + "\n")
    return 0


def _parse_arguments() -> argparse.Namespace:
    names = list(json.loads(SETS_FILE.read_text()))
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "image", nargs="?", type=Path, help="an upright JPEG; default: one is drawn"
    )
    add = parser.add_argument
    add(
        "--sets",
        type=listed(one_of(names)),
        default=names,
        metavar="SET,SET",
        help=f"of {', '.join(names)} (default all)",
    )
    add(
        "--clients",
        "-c",
        type=listed(count),
        default=[2],
        metavar="1,2,4",
        help="how many send at the same time, each number measured by itself (default 2)",
    )
    add("--jobs", "-n", type=count, default=40, metavar="N", help="in each round (default 40)")
    add("--rounds", type=count, default=3, metavar="N", help="medians of so many (default 3)")
    add("--json", type=writable_file, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def _photo(path: Path | None) -> bytes:
    if path is None:
        return draw_photograph(DRAWN_WIDTH_PX, DRAWN_HEIGHT_PX)
    try:
        photo = path.read_bytes()
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}") from None
    if not is_jpeg(photo):
        raise BenchError(f"{path} is no JPEG; the codec limit is one of JPEG")
    return photo


async def _bench(options: argparse.Namespace, photo: bytes) -> list[Result]:
    """All rounds, PixelPipe and the limit in turns, so that both meet the same machine."""
    chosen = {name: json.loads(SETS_FILE.read_text())[name] for name in options.sets}
    measured: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="pixelpipe-bench-") as folder:
        async with running_server() as server, client_session(server.url) as client:
            sets = [
                await prepare(client, name, specs, photo, Path(folder))
                for name, specs in chosen.items()
            ]
            for number in range(options.rounds):
                for each in sets:
                    console.print(f"round {number + 1} of {options.rounds}: {each.name}")
                    limit = await run_limit(each)
                    for clients in options.clients:
                        load = await run_load(client, server.pid, each, clients, options.jobs)
                        ratio = load.cpu_ms / limit.total_ms
                        measured.append(Result(each.name, clients, load, limit, ratio))
    return _medians(measured)


def _medians(measured: list[Result]) -> list[Result]:
    """One result for each set and number of clients, in the order of the first round."""
    rounds: dict[tuple[str, int], list[Result]] = {}
    for result in measured:
        rounds.setdefault((result.name, result.clients), []).append(result)
    return [
        Result(
            name,
            clients,
            median_of([result.load for result in results]),
            median_of([result.limit for result in results]),
            statistics.median(result.ratio for result in results),
        )
        for (name, clients), results in rounds.items()
    ]


def median_of(measurements: list[Figures]) -> Figures:
    """The median of each figure by itself."""
    return dataclasses.replace(
        measurements[0],
        **{
            field.name: statistics.median(getattr(each, field.name) for each in measurements)
            for field in dataclasses.fields(measurements[0])
        },
    )


def _table(results: list[Result], photo_bytes: int) -> Table:
    """The medians; `server` is the server process's share of `CPU`."""
    title = f"A photograph of {photo_bytes:,} bytes; ms; CPU by the job; L: its codecs alone"
    table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("set", no_wrap=True)
    for heading in ("clients", "jobs/s", "p50", "p99", "CPU", "server", "L", "CPU/L"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        load = result.load
        figures = (load.jobs_per_s, load.p50_ms, load.p99_ms, load.cpu_ms, load.server_cpu_ms)
        cells = [f"{figure:.1f}" for figure in (*figures, result.limit.total_ms)]
        table.add_row(result.name, str(result.clients), *cells, f"{result.ratio:.2f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
