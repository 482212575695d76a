"""`scripts/bench cluster` at its smallest: it runs, and its figures hang together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cluster_modes import CORES, MODES
from benchmark.cluster_queue import QueueLimit, QueueRate

BENCH = Path(__file__).parents[2] / "scripts" / "bench.py"
TIMEOUT_S = 120


def test_a_node_over_redis_is_held_against_the_embedded_mode(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, BENCH, "cluster", "--smoke", "--json", file],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "…" not in done.stdout
    figures = json.loads(file.read_text())
    (modes,) = figures["modes"].values()
    assert list(modes) == ["embedded", "1 node"]
    embedded, node = modes.values()
    assert set(embedded["ratios"].values()) == {1.0}
    assert node["ratios"]["cpu_ms"] == pytest.approx(node["cpu_ms"] / embedded["cpu_ms"])
    assert embedded["redis_ms"] == 0 < node["redis_ms"]
    for each in modes.values():
        assert 0 < each["p50_ms"] <= each["p95_ms"]
    (goal,) = figures["goals"]
    assert goal["figure"] == node["ratios"]["cpu_ms"]
    assert figures["queue"]["put"]["processes"] == 1
    assert min(figures["queue"]["put"][name] for name in ("jobs_per_s", "cpu_us", "redis_us")) > 0


def test_every_mode_has_a_worker_by_core_and_each_process_one_at_least() -> None:
    for mode in MODES:
        many = mode.nodes or mode.processes
        assert len(mode.workers) == many
        assert min(mode.workers) >= 1
        assert sum(mode.workers) == max(CORES, many, mode.least)


def test_redis_is_busy_when_putting_and_taking_take_all_its_time() -> None:
    put, taken = QueueRate(1, 2000, 500, 150), QueueRate(2, 3000, 600, 350)
    assert QueueLimit(put, [taken]).redis_per_s == pytest.approx(2000)
