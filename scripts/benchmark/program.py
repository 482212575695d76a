"""What the programs that measure one thing of PixelPipe's have in common."""

import argparse
import asyncio
import json
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from argument_types import count, writable_file
from benchmark.errors import BenchError
from benchmark.goals import Goal, print_goals
from server_process import ServerStartError

progress = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Report:
    """What a program found.

    Attributes:
        tables: For the terminal.
        goals: What was to be reached.
        figures: For a file, ready for JSON.
        notes: Sentences below the tables.
    """

    tables: Sequence[Table]
    goals: Sequence[Goal]
    figures: dict[str, Any]
    notes: Sequence[str] = field(default=())


def arguments_of(
    name: str, description: str | None, *, rounds: int | None
) -> argparse.ArgumentParser:
    """The arguments that all of the programs take.

    Args:
        name: Of the program.
        description: What it does; line breaks stay.
        rounds: How many there are unless it is said; None where there are none.
    """
    parser = argparse.ArgumentParser(
        prog=f"scripts/bench {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    if rounds is not None:
        what = f"medians of so many (default {rounds})"
        add("--rounds", type=count, default=rounds, metavar="N", help=what)
    add("--json", type=writable_file, metavar="FILE", help="write the figures there as well")
    add("--smoke", action="store_true", help="as little as possible: does it run at all")
    return parser


def run(name: str, measuring: Coroutine[Any, Any, Report], json_file: Path | None) -> int:
    """Measure, print and write; gives the exit status, which no missed goal makes worse."""
    try:
        report = asyncio.run(measuring)
    except (BenchError, ServerStartError, OSError) as error:
        print(f"scripts/bench {name}: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    output = Console()
    for table in report.tables:
        output.print(table)
    for note in report.notes:
        output.print(note, highlight=False)
    print_goals(output, report.goals)
    if json_file is not None:
        document = report.figures | {"goals": [goal.json for goal in report.goals]}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def figure_table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    """An empty table: columns of words, then columns of figures."""
    table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
