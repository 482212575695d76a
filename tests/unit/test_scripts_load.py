import asyncio
import io

import pytest
from rich.console import Console

from load import Reply, Sample, closed_loop, numbers, open_loop
from load_report import percentile, summarize
from loadtest import tell

OK = Reply(None, 10, 20)


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1), (50, 50), (95, 95), (99, 99), (99.1, 100), (100, 100)]
)
def test_percentile_is_the_nearest_rank(percent: float, expected: int) -> None:
    assert percentile([*range(100, 0, -1)], percent) == expected


@pytest.mark.parametrize("percent", [1, 50, 100])
def test_percentile_of_one_value_is_that_value(percent: float) -> None:
    assert percentile([7.0], percent) == 7.0


def test_a_report_counts_failures_and_measures_successes() -> None:
    failures = [Sample(9.0, Reply(error, 10, 0)) for error in ("503", "503", "TimeoutError")]
    report = summarize([Sample(0.25, OK), Sample(0.75, OK), *failures], seconds=4.0)

    assert report.jobs == 5
    assert report.errors == {"503": 2, "TimeoutError": 1}
    assert report.jobs_per_s == 0.5
    assert report.latency_ms is not None
    assert (report.latency_ms.p50, report.latency_ms.max) == (250, 750)
    assert (report.sent_bytes, report.received_bytes) == (50, 40)


def test_a_report_of_failures_alone_has_no_latency() -> None:
    report = summarize([Sample(1.0, Reply("503", 10, 0))], seconds=1.0)

    assert report.latency_ms is None
    assert report.jobs_per_s == 0


def test_a_report_keeps_the_first_detail_of_each_kind_of_failure() -> None:
    told = [("422", "no preset nope"), ("503", None), ("422", "no preset nada")]
    samples = [Sample(1.0, Reply(error, 10, 0, detail)) for error, detail in told]

    assert summarize(samples, seconds=1.0).details == {"422": "no preset nope"}


def test_what_is_told_of_failures_alone_says_why_and_shows_no_latency() -> None:
    reply = Reply("422", 10, 0, "There is no preset [nope].")
    console = Console(file=io.StringIO(), width=60)
    tell(summarize([Sample(1.0, reply)] * 3, seconds=1.0), console)
    assert isinstance(console.file, io.StringIO)
    rows = [
        [cell.strip() for cell in line.split("│")] for line in console.file.getvalue().splitlines()
    ]

    assert ["", "latency p50", "-", ""] in rows
    assert ["", "failed: 422", "3", ""] in rows
    assert rows[-1] == ["422: There is no preset [nope]."]


def test_numbers_end_by_count_or_by_time() -> None:
    assert [*numbers(3, None)] == [0, 1, 2]
    assert [*numbers(None, 0.0)] == []
    assert [*numbers(2, 60.0)] == [0, 1]


async def test_closed_loop_has_as_many_requests_open_as_clients() -> None:
    open_now, most_open = 0, 0
    sent: list[int] = []
    samples: list[Sample] = []

    async def send(number: int) -> Reply:
        nonlocal open_now, most_open
        open_now += 1
        most_open = max(most_open, open_now)
        await asyncio.sleep(0)
        open_now -= 1
        sent.append(number)
        return OK

    await closed_loop(send, samples.append, numbers(10, None), clients=3)

    assert most_open == 3
    assert sorted(sent) == [*range(10)]
    assert len(samples) == 10


async def test_open_loop_sends_on_while_nothing_is_answered() -> None:
    answer = asyncio.Event()
    sent: list[int] = []

    async def send(number: int) -> Reply:
        sent.append(number)
        if number == 4:
            answer.set()
        await answer.wait()
        return OK

    samples: list[Sample] = []
    async with asyncio.timeout(5):
        await open_loop(send, samples.append, 5, rate=1000)

    assert sent == [0, 1, 2, 3, 4]
    assert len(samples) == 5
    assert max(sample.latency_s for sample in samples) >= 4 / 1000
