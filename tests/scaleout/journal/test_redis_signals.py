"""A node hears of what others record, and of jobs that are to be stopped."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import pytest
import pytest_asyncio

from pixelpipe.jobs.model import Blob, Event
from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.jobs.records import Poison
from pixelpipe.scaleout import redis_server, redis_signals
from pixelpipe.scaleout.redis_server import open_redis
from pixelpipe.scaleout.redis_signals import RedisSignals
from tests.journals import Stock, at, entry, make_job, opened_in_redis, requeue, step
from tests.redis_server import LiveRedis
from tests.scaleout.journal.wire import Wire

_Heard = TypeVar("_Heard")


@asynccontextmanager
async def _signals(url: str, prefix: str) -> AsyncIterator[RedisSignals]:
    async with open_redis(url, prefix) as server:
        yield RedisSignals(server)


@pytest_asyncio.fixture
async def signals(live_redis: LiveRedis, prefix: str) -> AsyncIterator[RedisSignals]:
    async with _signals(live_redis.url, prefix) as opened:
        yield opened


@asynccontextmanager
async def _heard(
    told: AsyncGenerator[_Heard, None],
) -> AsyncIterator[Callable[[int], "asyncio.Future[list[_Heard]]"]]:
    """What is told, from now on; to be asked for so many of them altogether."""
    heard: list[_Heard] = []
    more = asyncio.Condition()

    async def listen() -> None:
        async with aclosing(told):
            async for each in told:
                async with more:
                    heard.append(each)
                    more.notify_all()

    async def wait(count: int) -> list[_Heard]:
        async with asyncio.timeout(20), more:
            await more.wait_for(lambda: len(heard) >= count)
        return heard

    listening = asyncio.create_task(listen())
    try:
        yield lambda count: asyncio.ensure_future(wait(count))
    finally:
        listening.cancel()
        async with asyncio.timeout(1):
            await asyncio.wait({listening})


async def _each(batches: AsyncGenerator[Sequence[Event], None]) -> AsyncGenerator[Event, None]:
    async with aclosing(batches):
        async for batch in batches:
            for event in batch:
                yield event


async def test_events_come_in_order_whoever_records_them(
    one: Stock, two: Stock, signals: RedisSignals
) -> None:
    first = await one.record(entry(make_job("a")))
    async with _heard(_each(signals.events(first.id))) as heard:
        jobs = [make_job(name) for name in "bcd"]
        nodes = zip((one, two, one), jobs, strict=True)
        written = [await node.record(entry(job)) for node, job in nodes]
        assert await heard(3) == written
        written.append(await two.record(step(jobs[0])))
        assert await heard(4) == written


async def test_events_are_heard_while_the_node_reads_nothing_else(
    one: Stock, signals: RedisSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read blocks in Redis and is answered by the write: nothing is polled."""
    # One that only ended by itself would come too late.
    monkeypatch.setattr(redis_signals, "_BLOCK_MS", 300_000)
    monkeypatch.setattr(redis_server, "ANSWER_S", 600.0)
    async with _heard(_each(signals.events(0))) as heard:
        job = await one.enter(make_job("a"))
        await heard(1)
        for number in range(20):
            await one.record(step(job))
            await heard(number + 2)


async def test_no_event_is_lost_while_redis_is_away(own_redis: LiveRedis) -> None:
    async with (
        opened_in_redis(own_redis.url, "{own}") as stock,
        _signals(own_redis.url, "{own}") as signals,
        _heard(_each(signals.events(0))) as heard,
    ):
        job = await stock.enter(make_job("a"))
        await heard(1)
        await asyncio.to_thread(own_redis.stop)
        await asyncio.to_thread(own_redis.start)
        for _ in range(3):
            await stock.record(step(job))
        assert [event.seq for event in await heard(4)] == [1, 2, 3, 4]


async def test_no_event_is_lost_or_told_twice_when_connections_fail(
    one: Stock, wire: Wire, prefix: str
) -> None:
    async with (
        _signals(wire.url, prefix) as signals,
        _heard(_each(signals.events(0))) as heard,
    ):
        job = await one.enter(make_job("a"))
        for number in range(4):
            wire.lost_answers = number % 2
            await one.record(step(job))
            await heard(number + 2)
        assert [event.seq for event in await heard(5)] == [1, 2, 3, 4, 5]


async def test_a_wish_to_stop_a_job_is_heard(one: Stock, signals: RedisSignals) -> None:
    await one.enter(make_job("a"))
    async with _heard(signals.notices((await signals.now()).notice)) as heard:
        assert await signals.request_cancel("a")
        assert await heard(1) == [Notice(Kind.CANCEL, "a")]


async def test_nothing_is_there_to_stop_in_a_job_that_has_ended(
    one: Stock, signals: RedisSignals
) -> None:
    await one.finished(make_job("a"))
    assert not await signals.request_cancel("a")
    assert not await signals.request_cancel("nobody's")
    assert (await signals.now()).notice == "0-0"


async def test_a_wish_to_stop_a_job_that_ended_since_is_not_told(
    one: Stock, signals: RedisSignals
) -> None:
    """It was taken up again: what was wanted before is not wanted of that."""
    job = await one.enter(make_job("a", "one", "two"))
    await one.enter(make_job("b"))
    before = (await signals.now()).notice
    await signals.request_cancel("a")
    await one.complete(job, {0: Blob("small", 1)})
    await one.record(requeue(job))
    await signals.request_cancel("b")
    async with _heard(signals.notices(before)) as heard:
        assert await heard(1) == [Notice(Kind.CANCEL, "b")]


async def test_refused_sources_and_messages_to_webhooks_are_told_of(
    one: Stock, signals: RedisSignals
) -> None:
    async with _heard(signals.notices((await signals.now()).notice)) as heard:
        await one.write(Poison("bad", at(0), at(100)))
        await one.finished(make_job("a", webhook="https://example.org"))
        assert await heard(2) == [Notice(Kind.POISON, "bad"), Notice(Kind.MESSAGE, "msg_a_2")]


async def test_a_notice_of_a_later_version_is_passed_over(
    live_redis: LiveRedis, prefix: str, one: Stock, signals: RedisSignals
) -> None:
    before = (await signals.now()).notice
    async with open_redis(live_redis.url, prefix) as server:
        key = server.key("notices")
        await server.command("XADD", key, "*", "kind", "unheard-of", "about", "a")
    await one.write(Poison("bad", at(0), at(100)))
    async with _heard(signals.notices(before)) as heard:
        assert await heard(1) == [Notice(Kind.POISON, "bad")]


async def test_who_listens_is_gone_at_once_even_while_redis_is_away(
    own_redis: LiveRedis,
) -> None:
    async with _signals(own_redis.url, "{own}") as signals:
        async with _heard(signals.events(0)):
            await signals.now()
        await asyncio.to_thread(own_redis.stop)
        async with _heard(signals.events(0)), _heard(signals.notices("0-0")):
            await asyncio.sleep(0)
        await asyncio.to_thread(own_redis.start)
        assert (await signals.now()).notice == "0-0"
