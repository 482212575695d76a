import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import codec_limit
import photograph
from bench import median_of
from bench_rounds import Limit, SetUnderTest, run_limit
from process_tree import CpuTime, cpu_time

BURN = "import time\nwhile time.process_time() < {seconds}: pass"


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ([(750, 500)], [1, 2, 4]),
        ([(751, 10)], [1, 2]),
        ([(10, 501)], [1, 2]),
        ([(300, 200), (1500, 100)], [1, 2]),
        ([(3000, 2000)], [1]),
        ([(3, 2)], [1, 2, 4, 8]),
    ],
)
def test_reductions_serve_the_largest_variant(
    variants: list[tuple[int, int]], expected: list[int]
) -> None:
    assert codec_limit.sufficient_reductions((3000, 2000), variants) == expected


async def test_the_codec_limit_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    photo, variant = tmp_path / "photo", tmp_path / "variant.jpg"
    photo.write_bytes(photograph.draw_photograph(300, 200))
    variant.write_bytes(photograph.draw_photograph(60, 40))
    one = await run_limit(SetUnderTest("set", "[]", 80, b"", photo, [variant]))
    four = await run_limit(SetUnderTest("set", "[]", 80, b"", photo, [variant] * 4))

    assert one.decode_ms > 0
    assert 0 < one.encode_ms < four.encode_ms
    assert four.total_ms == four.decode_ms + four.encode_ms


def test_medians_are_taken_of_each_figure_by_itself() -> None:
    assert median_of([Limit(1, 30), Limit(3, 10), Limit(2, 20)]) == Limit(2, 20)


def test_cpu_time_holds_children_that_live_and_those_that_ended() -> None:
    program = (
        "import subprocess, sys\n"
        f"burn = [sys.executable, '-c', {BURN.format(seconds=0.1)!r}]\n"
        "subprocess.run(burn)\n"
        "child = subprocess.Popen([*burn[:2], burn[2] + '\\nprint(flush=True)\\ninput()'])\n"
        "child.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        measured = cpu_time(process.pid)
        process.communicate(b"\n")

    assert measured.tree_s >= 0.18
    assert measured.root_s < measured.tree_s - 0.15


def test_cpu_time_grows_by_what_is_used() -> None:
    before, start_s = cpu_time(os.getpid()), time.process_time()
    while time.process_time() < start_s + 0.1:
        pass
    used = cpu_time(os.getpid()) - before

    assert used.root_s > 0.05
    assert used.tree_s > 0.05


def test_a_process_that_is_not_there_is_said_so() -> None:
    with pytest.raises(ProcessLookupError):
        cpu_time(2**22 + 1)


def test_cpu_times_subtract() -> None:
    assert CpuTime(3.0, 2.0) - CpuTime(1.0, 0.5) == CpuTime(2.0, 1.5)
