"""`scripts/bench streams` runs and tells what it promises; not how much."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.streams import main

SCRIPTS = Path(__file__).parents[2] / "scripts"
PROGRAM = "import sys; from benchmark.streams import main; sys.exit(main(sys.argv[1:]))"
TIMEOUT_S = 120
DELAYS = ("p50_ms", "p95_ms", "p99_ms", "max_ms")


def test_a_moment_with_a_few_streams_gives_all_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--smoke", "--json", str(file)],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert "8 event streams, 2 of each owner" in ran.stdout
    for name in ("p99", "memory by stream, quiet", "server's CPU by event delivered"):
        assert name in ran.stdout
    document = json.loads(file.read_text())
    wanted, figures = document["wanted"], document["figures"]
    assert (wanted["streams"], wanted["watchers"]) == (8, 2)
    # What every one of its streams was sent is waited for: none may be missing.
    assert figures["deliveries_per_s"] == figures["appends_per_s"] * wanted["watchers"]
    delays_ms = [figures[name] for name in DELAYS]
    assert delays_ms[0] > 0
    assert delays_ms == sorted(delays_ms)
    assert figures["opened_per_s"] > 0


def test_a_number_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--streams", "0"])

    assert ended.value.code == 2
    assert "is no whole number of at least 1" in capsys.readouterr().err
