"""The programs that measure one thing of PixelPipe's, at their smallest: they run, and add up."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from rich.console import Console

from benchmark.errors import BenchError
from benchmark.footprint import Footprint, footprint
from benchmark.goals import Goal, print_goals
from benchmark.memory import is_back
from benchmark.server_threads import LOOP, TreeMeter, process_cpu_s, thread_cpu
from benchmark.sizes import Cost, deviation

BENCH = Path(__file__).parents[2] / "scripts" / "bench.py"
MIB = 2**20
GOALS = {"server": 2, "scaling": 1, "latency": 2, "memory": 2, "sizes": 2}


@dataclass(frozen=True)
class Program:
    """One of them."""

    process: subprocess.Popen[str]
    file: Path

    def ran(self) -> tuple[str, dict[str, Any]]:
        """What it printed, and what it wrote."""
        output, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0
        figures: dict[str, Any] = json.loads(self.file.read_text())
        goals = figures["goals"]
        assert len(goals) == GOALS[self.file.stem]
        starts = [line.partition(":")[0] for line in output.splitlines()]
        verdicts = ["met" if goal["met"] else "MISSED" for goal in goals]
        assert [start for start in starts if start in ("met", "MISSED")] == verdicts
        return output, figures


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Program]]:
    """All of the programs at once, for they mostly wait for their servers to start."""
    folder = tmp_path_factory.mktemp("measures")
    with ExitStack() as ending:
        programs = {}
        for name in GOALS:
            file = folder / f"{name}.json"
            command = [sys.executable, str(BENCH), name, "--smoke", "--json", str(file)]
            process = ending.enter_context(subprocess.Popen(command, stdout=PIPE, text=True))
            ending.callback(process.terminate)
            programs[name] = Program(process, file)
        yield programs


def test_the_parts_of_the_servers_cpu_time_add_up_to_the_whole(
    started: dict[str, Program],
) -> None:
    output, figures = started["server"].ran()
    (result,) = figures["results"]
    for kind in ("waited", "watched"):
        cost = result[kind]
        assert sum(cost["threads_ms"].values()) == pytest.approx(cost["whole_ms"])
        assert {"loop", "blobs", "journal-write", "journal-read"} <= cost["threads_ms"].keys()
        assert min(cost["threads_ms"][name] for name in ("loop", "blobs", "journal-write")) > 0
    assert sum(result["parts_ms"].values()) == pytest.approx(result["watched"]["whole_ms"])
    assert min(result["alone"].values()) > 0
    assert "for hash: upload" in output


def test_scaling_tells_the_ratio_and_the_serial_share(
    started: dict[str, Program],
) -> None:
    output, figures = started["scaling"].ran()
    one, two = figures["one_worker"], figures["two_workers"]
    assert figures["ratio"] == pytest.approx(two["jobs_per_s"] / one["jobs_per_s"])
    assert 0 < figures["serial_share"] < 1
    assert 0 < two["loop_cpu_ms"] < two["server_cpu_ms"]
    assert "one server process has its fill" in output


def test_latency_allows_the_serial_part_and_a_share_of_the_rest(
    started: dict[str, Program],
) -> None:
    _, figures = started["latency"].ran()
    allowed_ms = figures["serial_ms"] + 0.6 * figures["rest_cpu_ms"]
    assert figures["allowed_ms"] == pytest.approx(allowed_ms)
    assert figures["receive_ms"] + figures["decode_ms"] < figures["serial_ms"]


def test_memory_is_looked_at_before_during_and_after_a_load(
    started: dict[str, Program],
) -> None:
    output, figures = started["memory"].ran()
    assert sum(figures["peak"].values()) >= sum(figures["idle"].values())
    assert figures["peak"]["arena_bytes"] > 0
    assert "MB of decoded pixels in flight" in output


def test_sizes_are_held_against_the_megapixels(
    started: dict[str, Program],
) -> None:
    _, figures = started["sizes"].ran()
    for name in ("full", "fractions"):
        small, large = figures[name]
        assert small["megapixels"] < large["megapixels"]
        assert small["fixed_ms"] == large["fixed_ms"] > 0


def test_the_time_of_a_thread_is_found_under_its_name() -> None:
    burnt, over = threading.Event(), threading.Event()

    def burn() -> None:
        Path("/proc/thread-self/comm").write_text("burner")
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        burnt.set()
        over.wait(30)

    before = thread_cpu(os.getpid())
    thread = threading.Thread(target=burn)
    thread.start()
    assert burnt.wait(30)
    spent = thread_cpu(os.getpid()) - before
    over.set()
    thread.join()
    assert spent.threads["burner"] >= 0.045
    assert spent.threads[LOOP] < spent.whole_s
    assert sum(spent.threads.values()) == pytest.approx(spent.whole_s)


def test_a_process_that_ended_is_no_part_of_a_sum() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        meter = TreeMeter(os.getpid())
        assert meter.spent_s() >= 0
        child.communicate(b"\n")
    with pytest.raises(BenchError, match="ended while it was measured"):
        meter.spent_s()
    with pytest.raises(ProcessLookupError):
        process_cpu_s(child.pid)


def test_a_footprint_counts_the_pages_of_shared_memory_once() -> None:
    before = footprint(os.getpid())
    with Path("/dev/shm/pixelpipe-test").open("w+b") as file, open(file.fileno(), closefd=False):
        Path(file.name).unlink()
        os.posix_fallocate(file.fileno(), 0, 8 * MIB)
        assert footprint(os.getpid()).arena_bytes == before.arena_bytes + 8 * MIB


def test_idle_is_back_within_a_tenth_and_what_the_arena_keeps_warm() -> None:
    idle = Footprint(60 * MIB, 40 * MIB, 0)
    assert is_back(replace(idle, others_bytes=50 * MIB, arena_bytes=128 * MIB), idle)
    assert not is_back(replace(idle, others_bytes=51 * MIB), idle)
    assert not is_back(replace(idle, others_bytes=50 * MIB, arena_bytes=129 * MIB), idle)


def test_a_size_deviates_by_its_cost_beyond_the_fixed_one() -> None:
    costs = [Cost(1, 15, 5), Cost(2, 25, 5), Cost(4, 53, 5)]
    assert deviation(costs) == pytest.approx(0.2)


def test_goals_say_whether_they_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    most, least = Goal("peak", 7, 6, "MB", reach=4), Goal("ratio", 1.9, 1.8, at_least=True)
    print_goals(Console(), [most, least, replace(most, figure=6)])
    assert capsys.readouterr().out.splitlines() == [
        "MISSED: peak: 7 MB, at most 6 MB (reach for 4)",
        "met: ratio: 1.9, at least 1.8",
        "met: peak: 6 MB, at most 6 MB (reach for 4)",
    ]
    assert replace(most, figure=float("inf")).json["figure"] is None
