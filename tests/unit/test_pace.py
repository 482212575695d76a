"""How fast a backlog goes down, and when to come back by that; on a clock of the test's own."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import mean

import pytest

from pixelpipe.engine.pace import LEAST_S, MOST_S, Pace, come_back_s


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _work(pace: Pace, clock: Clock, *, amount: float, every_s: float, for_s: float) -> None:
    """Take so much off the backlog again and again."""
    for _ in range(round(for_s / every_s)):
        clock.wait(every_s)
        pace.took(amount)


def test_until_something_is_measured_the_first_rate_holds(clock: Clock) -> None:
    assert Pace(200.0, clock).seconds_for(1000.0) == pytest.approx(5.0)


def test_a_steady_backlog_gives_its_rate(clock: Clock) -> None:
    pace = Pace(1000.0, clock)
    pace.begin(whole=True)
    _work(pace, clock, amount=30.0, every_s=0.1, for_s=60.0)
    assert pace.seconds_for(3000.0) == pytest.approx(10.0, rel=0.02)


def test_what_was_measured_lately_counts_most(clock: Clock) -> None:
    pace = Pace(1000.0, clock)
    pace.begin(whole=True)
    _work(pace, clock, amount=100.0, every_s=0.1, for_s=60.0)
    _work(pace, clock, amount=10.0, every_s=0.1, for_s=30.0)
    assert pace.seconds_for(1000.0) == pytest.approx(10.0, rel=0.5)


def test_idle_time_does_not_count(clock: Clock) -> None:
    pace = Pace(100.0, clock)
    for _ in range(20):
        pace.begin(whole=True)
        _work(pace, clock, amount=100.0, every_s=1.0, for_s=5.0)
        pace.end()
        clock.wait(3600.0)
    assert pace.seconds_for(1000.0) == pytest.approx(10.0, rel=0.02)


def test_a_backlog_that_does_not_move_gets_slower_by_the_moment(clock: Clock) -> None:
    pace = Pace(100.0, clock)
    pace.begin(whole=False)

    def estimates() -> Iterator[float]:
        for _ in range(10):
            yield pace.seconds_for(100.0)
            clock.wait(10.0)

    told = list(estimates())
    assert told[0] == pytest.approx(1.0)
    assert all(later > earlier for earlier, later in pairwise(told))
    assert told[-1] > 60.0


def test_what_is_first_taken_off_after_waiting_for_other_work_is_not_measured(clock: Clock) -> None:
    pace = Pace(100.0, clock)
    for _ in range(50):
        pace.begin(whole=False)
        clock.wait(0.001)
        pace.took(5000.0)
        pace.end()
    assert pace.seconds_for(100.0) == pytest.approx(1.0)


def test_several_taken_off_at_one_moment_all_count(clock: Clock) -> None:
    pace = Pace(1.0, clock)
    pace.begin(whole=True)
    for _ in range(60):
        clock.wait(1.0)
        for _ in range(4):
            pace.took(25.0)
    assert pace.seconds_for(1000.0) == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize("wait_s", [0.0, 0.3, 5.0, 60.0, 10_000.0])
def test_the_time_to_come_back_is_whole_bounded_and_spread(wait_s: float) -> None:
    told = [come_back_s(wait_s) for _ in range(2000)]
    assert all(LEAST_S <= seconds <= MOST_S for seconds in told)
    assert len(set(told)) > 1
    assert max(told) >= 2 * min(told)


def test_on_the_whole_the_time_to_come_back_is_the_wait() -> None:
    assert mean(come_back_s(60.0) for _ in range(5000)) == pytest.approx(60.5, rel=0.05)
