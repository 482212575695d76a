"""What nodes tell is heard together where it is little, and at once where it is much."""

from collections.abc import AsyncGenerator, Sequence
from typing import cast

import pytest

from pixelpipe.jobs.model import Event, EventType
from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.scaleout import redis_peers
from pixelpipe.scaleout.redis_peers import RedisPeers
from pixelpipe.scaleout.redis_signals import BATCH, Moment, RedisSignals
from tests.http_jobs import until


class Signals:
    """Tells of so many events at a time, and of no notices."""

    def __init__(self, *counts: int) -> None:
        self._counts = counts

    async def events(self, after: int) -> AsyncGenerator[Sequence[Event], None]:
        for count in self._counts:
            yield [Event(after, EventType.JOB_STARTED, "a", 1, b"{}", "")] * count

    async def notices(self, after: str) -> AsyncGenerator[str, None]:
        for nothing in after[:0]:
            yield nothing

    hits = notices


async def test_who_hears_as_much_as_comes_together_listens_on_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_peers, "_REST_S", 3600.0)
    signals = cast("RedisSignals", Signals(BATCH, BATCH, 1, 2))
    peers = RedisPeers(signals, Moment("0-0", "0-0", 0))
    heard: list[int] = []
    peers.listen(
        lambda told: heard.append(len(told.events)) if told.kind is Kind.RECORDED else None
    )
    await until(lambda: len(heard) == 3)
    assert heard == [BATCH, BATCH, 1]
    await peers.close()


async def test_a_listener_that_fails_goes_on_hearing_and_so_do_the_others() -> None:
    peers = RedisPeers(cast("RedisSignals", Signals(BATCH, BATCH)), Moment("0-0", "0-0", 0))
    heard: list[str] = []

    def fail(told: Notice) -> None:
        heard.append(f"first {told.kind}")
        raise ZeroDivisionError

    peers.listen(fail)
    peers.listen(lambda told: heard.append(f"second {told.kind}"))
    await until(lambda: len(heard) == 4)
    assert heard == ["first recorded", "second recorded"] * 2
    await peers.close()
