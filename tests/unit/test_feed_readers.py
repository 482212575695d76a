"""Readers that have caught up are handed what is announced, and look for nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from pixelpipe.jobs.feed import Feed
from pixelpipe.jobs.model import Event, EventType
from pixelpipe.jobs.reach import EVERYBODYS, Reach
from pixelpipe.jobs.readers import BATCH, BATCH_BYTES, Reader, Wish

MINE = Reach("mine")
PATIENCE_S = 5


def event(number: int, tenant: str = "mine", size_bytes: int = 10) -> Event:
    return Event(number, EventType.JOB_STARTED, "j", number, b"x" * size_bytes, tenant)


class Ledger:
    """A journal that has these events, and counts how often it is read."""

    def __init__(self, *events: Event) -> None:
        self.written = list(events)
        self.reads = 0

    async def last_event_id(self) -> int:
        self.reads += 1
        return self.written[-1].id if self.written else 0

    async def tenant_events(
        self, tenant: str, ids: range, _limit: int, _limit_bytes: int
    ) -> Sequence[Event]:
        return [each for each in self.written if each.id in ids and each.tenant == tenant]

    async def events(self, after: int, *_: object) -> Sequence[Event]:
        self.reads += 1
        return [each for each in self.written if each.id > after]


class Following:
    """A reader, and what it was given so far."""

    def __init__(self, feed: Feed, reach: Reach, after: int = 0) -> None:
        self.batches: list[Sequence[Event]] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read(feed, reach, after))

    async def _read(self, feed: Feed, reach: Reach, after: int) -> None:
        async for batch in feed.follow(after, None, reach):
            self.batches.append(batch)
            self._news.set()

    @property
    def ids(self) -> list[int]:
        return [each.id for batch in self.batches for each in batch]

    async def until(self, newest: int) -> list[int]:
        """All that it was given, once the newest is among it."""
        async with asyncio.timeout(PATIENCE_S):
            while newest not in self.ids:
                self._news.clear()
                await self._news.wait()
        return self.ids

    async def end(self) -> list[int]:
        """All that it was given when the feed has ended."""
        async with asyncio.timeout(PATIENCE_S):
            await self._task
        return self.ids


def _feed(ledger: Any) -> Feed:
    return Feed(ledger, lambda _: True)


async def test_whoever_was_quiet_for_long_searches_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of thousands of streams each has few of the events: the rest is not gone through."""
    monkeypatch.setattr("pixelpipe.jobs.feed._TAIL_BYTES", 1000)
    ledger = Ledger()
    feed = _feed(ledger)
    mine = Following(feed, MINE)
    feed.announce([event(1)])
    await mine.until(1)
    before = ledger.reads
    for number in range(2, 2000):  # far more than memory holds
        feed.announce([event(number, "his")])
    feed.announce([event(2000)])
    assert await mine.until(2000) == [1, 2000]
    assert ledger.reads == before


@pytest.mark.parametrize("size_bytes", [10, 50_000])
async def test_a_burst_is_given_whole_in_order_and_in_small_batches(size_bytes: int) -> None:
    feed = _feed(Ledger())
    mine = Following(feed, MINE)
    feed.announce([event(1)])
    await mine.until(1)
    burst = [event(number, size_bytes=size_bytes) for number in range(2, 2 + 3 * BATCH)]
    if size_bytes > 10:
        burst = burst[:20]
    feed.announce(burst)
    last = burst[-1].id
    assert await mine.until(last) == list(range(1, last + 1))
    assert max(map(len, mine.batches)) <= BATCH
    assert max(sum(len(each.data) for each in batch) for batch in mine.batches) <= BATCH_BYTES


async def test_what_was_read_before_it_was_announced_is_not_given_twice() -> None:
    ledger = Ledger(event(1), event(2))
    feed = _feed(ledger)
    readers = [Following(feed, reach) for reach in (MINE, EVERYBODYS)]
    for reader in readers:
        await reader.until(2)
    feed.announce([event(1), event(2), event(3)])
    feed.close()
    for reader in readers:
        assert await reader.end() == [1, 2, 3]


async def test_what_is_announced_while_the_journal_is_read_is_not_missed() -> None:
    feed: Feed

    class Slow(Ledger):
        async def last_event_id(self) -> int:
            newest = await super().last_event_id()
            if self.reads == 1:
                self.written.append(event(1))
                feed.announce([event(1)])
            return newest

    feed = _feed(Slow())
    mine = Following(feed, MINE)
    assert await mine.until(1) == [1]


async def test_an_event_larger_than_a_batch_comes_alone() -> None:
    feed = _feed(Ledger())
    mine = Following(feed, MINE)
    feed.announce([event(1)])
    await mine.until(1)
    feed.announce([event(2), event(3, size_bytes=2 * BATCH_BYTES), event(4)])
    await mine.until(4)
    assert [[each.id for each in batch] for batch in mine.batches] == [[1], [2], [3], [4]]


def test_one_that_is_slow_holds_no_more_than_a_batch() -> None:
    reader = Reader(Wish(None, MINE), 0, near=True)
    held = []
    for number in range(1, 5 * BATCH):
        reader.offer(event(number, size_bytes=1000))
        held.append(reader.fresh_bytes)
    assert max(held) <= BATCH_BYTES
    assert not reader.near
    assert (reader.position, reader.fresh) == (0, [])


def test_one_that_falls_behind_goes_on_from_the_first_that_it_has_not_had() -> None:
    reader = Reader(Wish(None, MINE), 7, near=True)
    reader.offer(event(900))
    assert [each.id for each in reader.take()] == [900]
    for number in range(5000, 5000 + 2 * BATCH):
        reader.offer(event(number))
    assert not reader.near
    assert reader.position == 4999
