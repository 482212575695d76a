"""Redis goes away, comes back, or will not: nothing is recorded twice, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from pixelpipe.errors import StorageFailedError, StorageFullError, StorageUnavailableError
from pixelpipe.jobs.model import Event, JobState
from pixelpipe.jobs.records import Key, LostJobError
from pixelpipe.scaleout import redis_server, redis_writing
from pixelpipe.scaleout.redis_server import open_redis
from pixelpipe.sites import redis_url
from tests.journals import (
    Stock,
    at,
    end,
    entry,
    make_job,
    opened_in_redis,
    redis_stock,
    step,
    unused,
)
from tests.redis_server import PASSWORD, LiveRedis
from tests.scaleout.journal.wire import Wire

ALL_ATTEMPTS = 3


@pytest_asyncio.fixture
async def own(own_redis: LiveRedis) -> AsyncIterator[Stock]:
    """A node of a Redis that may go away."""
    async with opened_in_redis(own_redis.url, "{own}") as stock:
        yield stock


async def _log_of(stock: Stock) -> list[tuple[str, int]]:
    return [(event.job_id, event.seq) for event in await stock.journal.events(0, None, 100)]


# A write whose answer is lost


async def test_a_write_whose_answer_is_lost_is_recorded_once(wire: Wire, wired: Stock) -> None:
    job = await wired.enter(make_job("a"))
    wire.lost_answers = 1
    event = await wired.record(step(job))
    assert wire.lost_answers == 0
    assert event.seq == 2
    assert await _log_of(wired) == [("a", 1), ("a", 2)]


async def test_steps_that_were_recorded_without_an_answer_are_answered_when_they_come_again(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    """As the recorder does it: what failed comes again, in front of what came meanwhile."""
    job = await wired.enter(make_job("a"))
    first, second, later = (step(job) for _ in range(3))
    wire.lost_answers = ALL_ATTEMPTS
    with pytest.raises(StorageUnavailableError):
        await wired.write(first, second)
    assert await _log_of(one) == [("a", 1), ("a", 2), ("a", 3)]
    outcomes = await wired.write(first, second, later)
    assert [event.seq for event in outcomes if isinstance(event, Event)] == [2, 3, 4]
    assert list(outcomes) == (await one.journal.events(0, None, 10))[1:]


async def test_a_refusal_whose_answer_was_lost_is_still_one(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    job = await wired.enter(make_job("a"))
    await one.journal.claim("a", 0)
    late = step(job)
    wire.lost_answers = ALL_ATTEMPTS
    with pytest.raises(StorageUnavailableError):
        await wired.write(late)
    (outcome,) = await wired.write(late)
    assert isinstance(outcome, LostJobError)


async def test_a_new_job_that_was_refused_for_want_of_an_answer_is_gone(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    running = await wired.enter(make_job("running"))
    told = step(running)
    wire.lost_answers = ALL_ATTEMPTS
    with pytest.raises(StorageUnavailableError):
        await wired.write(entry(make_job("refused")), told)
    assert await one.journal.get("refused") is not None
    outcomes = await wired.write(told, entry(make_job("again")))
    assert [type(outcome) for outcome in outcomes] == [Event, Event]
    assert await one.journal.get("refused") is None
    assert await _log_of(one) == [("running", 1), ("running", 2), ("again", 1)]


async def test_a_new_job_with_a_key_stays_for_its_sender_may_know_of_it_by_then(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    await wired.enter(make_job("first"))
    key = Key("tenant", "key", "fingerprint")
    wire.lost_answers = ALL_ATTEMPTS
    with pytest.raises(StorageUnavailableError):
        await wired.write(entry(make_job("a"), key))
    assert await one.journal.keyed("tenant", "key") == ("a", "fingerprint")
    await wired.enter(make_job("b"))
    assert await one.journal.get("a") is not None


async def test_a_new_job_that_somebody_took_meanwhile_stays(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    await wired.enter(make_job("first"))
    wire.lost_answers = ALL_ATTEMPTS
    with pytest.raises(StorageUnavailableError):
        await wired.write(entry(make_job("a")))
    assert await one.journal.claim("a", 0)
    await wired.enter(make_job("b"))
    assert await one.journal.get("a") is not None


async def test_a_request_that_arrives_late_does_nothing(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    job = await wired.enter(make_job("a"))
    first = step(job)
    wire.held_requests = ALL_ATTEMPTS
    with pytest.raises(StorageUnavailableError):
        await wired.write(first)
    assert await _log_of(one) == [("a", 1)]
    (again,) = await wired.write(first)
    assert isinstance(again, Event)
    await wire.release()
    assert await _log_of(one) == [("a", 1), ("a", 2)]


async def test_who_was_cancelled_while_he_wrote_may_write_it_again(
    live_redis: LiveRedis, one: Stock
) -> None:
    job = await one.enter(make_job("a"))
    record = step(job)
    live_redis.freeze()
    try:
        writing = asyncio.create_task(one.write(record))
        await asyncio.wait({writing}, timeout=0.1)
        writing.cancel()
        await asyncio.wait({writing})
    finally:
        live_redis.thaw()
    (event,) = await one.write(record)
    assert isinstance(event, Event)
    assert await _log_of(one) == [("a", 1), ("a", 2)]


async def test_a_claim_whose_answer_is_lost_is_answered_the_same(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    await one.enter(make_job("a"))
    wire.lost_answers = 1
    assert await wired.journal.claim("a", 0)
    assert (await one.get("a")).epoch == 1


async def test_a_sweep_whose_answers_are_lost_removes_once(
    wire: Wire, wired: Stock, one: Stock
) -> None:
    await one.finished(make_job("a"))
    await one.journal.bury("a", at(1))
    wire.lost_answers = 2
    assert await wired.journal.sweep([], unused) == 1
    assert one.shelf.digests == set()


# Redis away


async def test_what_was_recorded_is_there_after_redis_was_restarted(
    own_redis: LiveRedis, own: Stock
) -> None:
    """Its log holds it, also when it was killed; and so does its memory of the newest write."""
    job = await own.enter(make_job("a"))
    for end_it in (own_redis.stop, own_redis.kill):
        before = await _log_of(own)
        await asyncio.to_thread(end_it)
        with pytest.raises(StorageUnavailableError):
            await own.journal.get("a")
        record = step(job)
        with pytest.raises(StorageUnavailableError):
            await own.write(record)
        await asyncio.to_thread(own_redis.start)
        assert await _log_of(own) == before
        (event,) = await own.write(record)
        assert isinstance(event, Event)
        assert await _log_of(own) == [*before, ("a", event.seq)]


async def test_a_silent_redis_is_waited_for_no_longer_than_that(
    live_redis: LiveRedis, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_in_redis(live_redis.url, prefix) as stock:
        job = await stock.enter(make_job("a"))
        record = step(job)
        live_redis.freeze()
        try:
            with monkeypatch.context() as impatient:
                impatient.setattr(redis_server, "ANSWER_S", 0.2)
                with pytest.raises(StorageUnavailableError):
                    await stock.write(record)
        finally:
            live_redis.thaw()
        (event,) = await stock.write(record)
        assert isinstance(event, Event)
        assert await _log_of(stock) == [("a", 1), ("a", 2)]


async def test_a_redis_that_has_forgotten_gives_no_id_twice_and_is_complained_of(
    own_redis: LiveRedis, own: Stock
) -> None:
    job = await own.enter(make_job("a"))
    known = await own.record(step(job))
    async with open_redis(own_redis.url) as server:
        await server.command("FLUSHALL")
    with capture_logs() as logs:
        (outcome,) = await own.write(step(job))
        event = await own.record(entry(make_job("b")))
    assert isinstance(outcome, LostJobError)
    assert event.id > known.id
    assert [log["event"][:20] for log in logs] == ["Redis has lost steps"]


async def test_a_node_that_did_nothing_for_a_month_has_lost_nothing(
    live_redis: LiveRedis, prefix: str, one: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await one.enter(make_job("a"))
    await one.record(step(job))
    async with open_redis(live_redis.url, prefix) as server:
        assert await server.command("DEL", server.key("session:one"))  # As its time is over.
    monkeypatch.setattr(redis_writing, "SESSION_KEPT_S", 0)
    with capture_logs() as logs:
        await one.record(step(job))
    assert logs == []


# Redis will not


async def test_a_redis_without_memory_is_full_and_can_still_make_room(
    own_redis: LiveRedis, own: Stock
) -> None:
    done = await own.finished(make_job("done"), ended_s=1)
    job = await own.enter(make_job("a"))
    record = step(job)
    async with open_redis(own_redis.url) as server:
        await server.command("CONFIG", "SET", "maxmemory", 1)
        before = await _log_of(own)
        with pytest.raises(StorageFullError):
            await own.write(record, entry(make_job("b")))
        assert await _log_of(own) == before
        assert (await own.get("done")).state is done.state
        removed = await own.journal.expire(ended_before=at(2), deleted_before=at(2), keep=unused)
        assert removed == 1
        await server.command("CONFIG", "SET", "maxmemory", 0)
    (event,) = await own.write(record)
    assert isinstance(event, Event)
    assert await _log_of(own) == [("a", 1), ("a", 2)]


async def test_a_replica_cannot_be_written_for_now(own_redis: LiveRedis, own: Stock) -> None:
    await own.enter(make_job("a"))
    async with open_redis(own_redis.url) as server:
        await server.command("REPLICAOF", "127.0.0.1", 1)
        with pytest.raises(StorageUnavailableError):
            await own.write(entry(make_job("b")))
        await server.command("REPLICAOF", "NO", "ONE")
    await own.enter(make_job("c"))
    assert await own.journal.get("b") is None


async def test_scripts_that_redis_has_forgotten_are_sent_again(
    own_redis: LiveRedis, own: Stock
) -> None:
    job = await own.enter(make_job("a"))
    async with open_redis(own_redis.url) as server:
        await server.command("SCRIPT", "FLUSH")
    assert (await own.record(step(job))).seq == 2


async def test_no_message_shows_a_password(own_redis: LiveRedis, own: Stock) -> None:
    await own.enter(make_job("a"))
    async with open_redis(own_redis.url) as server:
        await server.command("CONFIG", "SET", "requirepass", "another")
        url = redis_url("127.0.0.1", own_redis.port, PASSWORD)
        assert url
        async with open_redis(url) as stranger:
            for call in (stranger.check(), redis_stock(stranger).journal.get("a")):
                with pytest.raises(StorageFailedError) as failed:
                    await call
                error: BaseException | None = failed.value
                while error:
                    assert "geheim" not in str(error) + repr(error)
                    error = error.__cause__
        await server.command("CONFIG", "SET", "requirepass", "")


async def test_a_batch_that_one_job_of_it_has_lost_goes_on(one: Stock, two: Stock) -> None:
    lost, kept = await one.enter(make_job("lost")), await one.enter(make_job("kept"))
    await two.journal.claim("lost", 0)
    outcomes = await one.write(step(lost), step(kept), end(lost), end(kept))
    assert [type(outcome) for outcome in outcomes] == [LostJobError, Event, LostJobError, Event]
    assert (await two.get("lost")).state is JobState.QUEUED
    assert (await two.get("kept")) == replace(kept, epoch=0)
