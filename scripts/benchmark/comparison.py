"""Compares PixelPipe with the programs that people use, and with the codecs alone."""

import asyncio
import dataclasses
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmark import chart, machine, peer_setup
from benchmark.errors import BenchError
from benchmark.field import opened_field
from benchmark.plan import Plan, read_plan
from benchmark.results import Comparison
from benchmark.tables import show
from benchmark.verdict import verdicts
from server_process import ServerStartError


def main(arguments: Sequence[str], commands: Sequence[str]) -> int:
    """Run the comparison.

    Args:
        arguments: Of the command line.
        commands: Names of the program's other measurements.
    """
    plan = read_plan(arguments, commands)
    try:
        if plan.install:
            peer_setup.install()
        comparison = asyncio.run(_compare(plan))
    except (BenchError, ServerStartError, OSError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    console = Console()
    console.print(machine.in_words())
    show(comparison, console)
    if plan.json is not None:
        plan.json.write_text(json.dumps(document(plan, comparison), indent=2) + "\n")
    if plan.chart is not None:
        chart.draw(comparison, plan.chart_clients, plan.chart, machine.in_words())
    return 0


async def _compare(plan: Plan) -> Comparison:
    pictures = plan.drawn_pictures()
    with tempfile.TemporaryDirectory(prefix="pixelpipe-bench-") as folder:
        async with opened_field(plan, Path(folder)) as field:
            return await field.compare(pictures)


def document(plan: Plan, comparison: Comparison) -> dict[str, Any]:
    """The figures as they go into a JSON file."""
    found = [
        dataclasses.asdict(verdict) | {"missed_at": verdict.missed_at}
        for verdict in verdicts(comparison)
    ]
    measured = dataclasses.asdict(comparison)
    return {
        "date": machine.today(),
        "machine": machine.machine(),
        "versions": machine.versions(),
        "rounds": plan.rounds,
        "workers": plan.workers,
        **measured,
        "verdicts": found,
    }
