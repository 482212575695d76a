"""The short form of `scripts/chaos`: what it checks has to hold, whenever the kills come."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).parents[2] / "scripts" / "chaos.py"
TIMEOUT_S = 120


def _chaos(*arguments: str) -> dict[str, str]:
    """Run it; gives the rows of its summary."""
    done = subprocess.run(
        [sys.executable, CHAOS, *arguments, "--patience", "20"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"level": "error"' not in done.stderr
    return {
        what.strip(): figure.strip()
        for what, figure in re.findall(r"^│(.+)│(.+)│$", done.stdout, re.MULTILINE)
    }


def test_a_server_that_is_killed_again_and_again_keeps_what_it_acknowledged() -> None:
    summary = _chaos("server", "--kills", "3")

    assert summary["kills"] == "3"
    assert summary["violations"] == "0"
    assert 0 < int(summary["uploads acknowledged"]) <= int(summary["jobs"])
    assert int(summary["streams cut off"]) > 0


def test_workers_that_are_killed_over_and_over_cost_nothing() -> None:
    summary = _chaos("workers", "--for", "3", "--warm-up", "1", "--clients", "2")

    assert int(summary["workers killed"]) >= 10
    assert summary["violations"] == "0"
    assert summary["jobs"] == summary["uploads acknowledged"] != "0"


@pytest.mark.alone
def test_a_server_that_is_offered_five_times_its_peak_does_what_it_takes_in() -> None:
    """Times are wide: other tests may want the machine at the same moment."""
    generous = ("--within-ms", "3000", "--goodput", "0.3", "--recovery", "20")
    summary = _chaos("overload", "--for", "2", "--queue", "20", "--width", "640", *generous)

    assert summary["violations"] == "0"
    assert int(summary["refused"]) > 0
    assert 0 < int(summary["accepted"]) <= int(summary["jobs"])
