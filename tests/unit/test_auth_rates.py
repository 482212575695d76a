"""How many requests somebody may make, and what it costs to count them."""

import pytest
from pydantic import ValidationError

from pixelpipe.auth import rates
from pixelpipe.auth.rates import RateLimiter, parse_rate
from pixelpipe.config import Settings


class Clock:
    """The time as `limits` sees it."""

    def __init__(self) -> None:
        self.now_s = 1_999_999_980.0  # a minute begins

    def time(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("limits.aio.storage.memory", "limits.aio.strategies", rates.__name__):
        monkeypatch.setattr(f"{module}.time", clock)
    return clock


async def allowed(limiter: RateLimiter, rate: str, times: int, *who: str) -> int:
    """How many of so many requests are let through."""
    return sum([(await limiter.hit(parse_rate(rate), *who)).allowed for _ in range(times)])


async def test_so_many_and_no_more() -> None:
    assert await allowed(RateLimiter(), "5/minute", 20, "a") == 5


async def test_everybody_has_his_own() -> None:
    limiter = RateLimiter()
    assert await allowed(limiter, "5/minute", 20, "a") == 5
    assert await allowed(limiter, "5/minute", 20, "b") == 5


async def test_room_comes_back_bit_by_bit(clock: Clock) -> None:
    limiter = RateLimiter()
    assert await allowed(limiter, "10/minute", 20, "a") == 10
    clock.now_s += 90  # Half of the next window: half of the last one still counts.
    assert await allowed(limiter, "10/minute", 20, "a") == 5
    clock.now_s += 300
    assert await allowed(limiter, "10/minute", 20, "a") == 10


async def test_the_standing_says_how_many_are_left() -> None:
    limiter = RateLimiter()
    standings = [await limiter.hit(parse_rate("3/minute"), "a") for _ in range(4)]
    assert [standing.remaining for standing in standings] == [2, 1, 0, 0]
    assert [standing.allowed for standing in standings] == [True, True, True, False]
    assert {(standing.quota, standing.window_s) for standing in standings} == {(3, 60)}
    assert standings[-1].reset_s == 61


@pytest.mark.parametrize("rate", ["1/second", "7/second", "100/minute", "1/hour", "3/day"])
async def test_who_waits_as_told_is_let_in(clock: Clock, rate: str) -> None:
    limiter = RateLimiter()
    for _ in range(5):
        while (standing := await limiter.hit(parse_rate(rate), "a")).allowed:
            pass
        assert standing.reset_s >= 1
        clock.now_s += standing.reset_s
        assert await allowed(limiter, rate, 1, "a") == 1


async def test_a_million_addresses_take_no_more_room_than_the_counters(clock: Clock) -> None:
    limiter = RateLimiter(most_counters=100)
    for number in range(1000):
        await limiter.hit(parse_rate("5/minute"), f"address {number}")
        clock.now_s += 0.2
    assert len(limiter) <= 100
    counters = limiter._counters
    assert len(counters.expirations) <= 100
    assert len(counters.locks) <= 100
    assert len(counters.events) == 0


async def test_the_latest_are_still_counted_when_others_are_forgotten() -> None:
    limiter = RateLimiter(most_counters=100)
    assert await allowed(limiter, "5/minute", 5, "early") == 5
    for number in range(99):
        await limiter.hit(parse_rate("5/minute"), f"address {number}")
    assert await allowed(limiter, "5/minute", 5, "late") == 5
    assert await allowed(limiter, "5/minute", 5, "late") == 0


async def test_nothing_is_swept() -> None:
    limiter = RateLimiter()
    for number in range(50):
        await limiter.hit(parse_rate("5/minute"), f"address {number}")
    assert limiter._counters.timer is None


@pytest.mark.parametrize(
    "text",
    ["", "x", "0/minute", "-1/minute", "1", "1/", "1/fortnight", "1/minute;2/hour", "1 per minute"],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100/minute"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["x", "0/minute", "5/weeks"])
def test_a_setting_that_is_no_rate_stops_the_start(text: str) -> None:
    with pytest.raises(ValidationError, match="such as 100/minute"):
        Settings(rate_limit=text)


async def test_what_others_have_let_on_counts_as_well() -> None:
    told: list[str] = []
    one, two = RateLimiter(tell=told.append), RateLimiter()
    rate = parse_rate("5/minute")
    for _ in range(3):
        assert (await one.hit(rate, "key", "a")).allowed
    for hit in told:
        await two.hear(hit)
    assert [(await two.hit(rate, "key", "a")).allowed for _ in range(3)] == [True, True, False]
    assert (await two.hit(rate, "key", "b")).allowed


async def test_what_was_refused_is_not_told() -> None:
    told: list[str] = []
    limiter = RateLimiter(tell=told.append)
    for _ in range(4):
        await limiter.hit(parse_rate("2/minute"), "a")
    assert len(told) == 2
