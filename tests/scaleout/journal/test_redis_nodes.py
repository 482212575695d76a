"""Several nodes write one journal."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.jobs.model import Blob, Event, JobState
from pixelpipe.jobs.records import LostJobError
from pixelpipe.scaleout import redis_sweeping, redis_writing
from pixelpipe.scaleout.redis_forget_scripts import REMOVE
from pixelpipe.scaleout.redis_layout import LEASE_S, Script
from pixelpipe.scaleout.redis_server import RedisServer, open_redis
from tests.journals import Shelf, Stock, at, end, entry, make_job, requeue, step, unused
from tests.redis_server import LiveRedis

SMALL = Blob("small", 10)


async def _jobs(stock: Stock, name: str, count: int) -> None:
    """Enter jobs one after the other, with two more events for each."""
    for number in range(count):
        job = make_job(f"{name}-{number}")
        await stock.write(entry(job), step(job))
        job.state = JobState.RUNNING
        await stock.record(step(job))


async def test_ids_rise_and_a_reader_sees_no_gap_while_others_write(one: Stock, two: Stock) -> None:
    """What has an id is in the journal before a later id is given: one script does both."""
    writing = asyncio.gather(_jobs(one, "a", 60), _jobs(two, "b", 60), _jobs(two, "c", 30))
    seen: list[Event] = []
    while not writing.done() or seen[-1].id < await one.journal.last_event_id():
        newest = await two.journal.last_event_id()
        found = await one.journal.events(seen[-1].id if seen else 0, None, 1000)
        seen += found
        assert not newest or seen[-1].id >= newest
    await writing
    assert [event.id for event in seen] == list(range(1, 3 * 150 + 1))
    for job_id in {event.job_id for event in seen}:
        assert [event.seq for event in seen if event.job_id == job_id] == [1, 2, 3]


async def test_a_node_that_starts_leaves_the_jobs_of_the_living_to_them(
    one: Stock, two: Stock
) -> None:
    job = await one.enter(make_job("a"))
    mine = await two.enter(make_job("b", created_at=at(1)))
    taken = await two.journal.take_over(["one"])
    assert [found.id for found in taken] == ["b"]
    assert (await one.write(step(job)))[0] is not None
    assert isinstance((await two.write(step(mine)))[0], LostJobError)


async def test_of_two_nodes_that_claim_a_job_one_gets_it(one: Stock, two: Stock) -> None:
    job = await one.enter(make_job("a"))
    claims = await asyncio.gather(one.journal.claim("a", 0), two.journal.claim("a", 0))
    assert sorted(claims) == [False, True]
    (outcome,) = await one.write(step(job))
    assert isinstance(outcome, LostJobError)
    (outcome,) = await two.write(step(replace(job, epoch=1)))
    assert isinstance(outcome, Event)


async def test_what_one_node_made_another_uses_again(one: Stock, two: Stock) -> None:
    await one.finished(make_job("a"), SMALL)
    assert await two.journal.reusable("tenant", ["key of small"]) == {"key of small": SMALL}
    job = await two.enter(make_job("b"))
    await two.complete(job, {0: SMALL})
    await one.journal.bury("a", at(1))
    assert await one.journal.sweep([], unused) == 0


async def test_no_reference_of_a_node_meets_a_removal_by_another(
    one: Stock, two: Stock, shelf: Shelf
) -> None:
    async def use(stock: Stock, number: int) -> None:
        job = make_job(str(number))
        outcome: object = None
        while not isinstance(outcome, Event):
            shelf.put("source")
            (outcome,) = await stock.write(entry(job))
        assert "source" in shelf.digests
        job.state, job.ended_at = JobState.CANCELLED, at(0)
        await stock.record(step(job))
        assert "source" in shelf.digests
        await stock.journal.bury(job.id, at(1))

    async def sweep(stock: Stock) -> None:
        while len(await stock.ids()) < 40:
            await stock.journal.sweep(["source"], unused)

    users = (use((one, two)[number % 2], number) for number in range(40))
    async with asyncio.timeout(30):
        await asyncio.gather(*users, sweep(one), sweep(two))
    assert len(await one.ids()) == 40


async def test_a_blob_that_goes_while_it_is_looked_for_is_looked_for_again(
    one: Stock, two: Stock, shelf: Shelf
) -> None:
    await one.finished(make_job("a"), SMALL)
    await one.journal.bury("a", at(1))
    shelf.put("source")
    present = shelf.present

    def present_and_gone(blob: Blob) -> bool:
        found = present(blob)
        shelf.present = present  # type: ignore[method-assign]
        sweeping.append(asyncio.create_task(two.journal.sweep([], unused)))
        return found

    sweeping: list[asyncio.Task[int]] = []
    shelf.present = present_and_gone  # type: ignore[method-assign]
    outcomes: Sequence[object] = await one.write(entry(make_job("b")))
    assert await sweeping[0] == (1 if isinstance(outcomes[0], Event) else 2)
    assert isinstance(outcomes[0], Event) == ("source" in shelf.digests)


async def test_a_node_whose_knowledge_is_old_believes_nothing_that_it_saw(
    one: Stock, two: Stock, shelf: Shelf
) -> None:
    await one.finished(make_job("a"), SMALL)
    await two.journal.bury("a", at(1))
    await two.journal.sweep([], unused)
    shelf.put("source")
    shelf.asked.clear()
    await one.enter(make_job("b"))
    assert [blob.sha256 for blob in shelf.asked] == ["source", "source"]


async def test_a_sweep_that_died_holds_a_blob_no_longer_than_its_lease(
    one: Stock, live_redis: LiveRedis, prefix: str, shelf: Shelf
) -> None:
    async with open_redis(live_redis.url, prefix) as server:
        seconds, _ = await server.command("TIME")
        long_ago_us = (int(seconds) - LEASE_S - 1) * 10**6
        await server.command("HSET", server.key("removing"), "source", f"dead {long_ago_us}")
        await one.enter(make_job("a"))
        just_now_us = int(seconds) * 10**6
        await server.command("HSET", server.key("removing"), "never", f"living {just_now_us}")
        shelf.put("never")
        assert await one.journal.sweep(["never"], unused) == 0
    assert "never" in shelf.digests


async def test_a_removal_that_may_still_be_on_its_way_is_waited_for_and_then_tried_again(
    one: Stock, two: Stock, live_redis: LiveRedis, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_writing, "_LOOK_S", 0.0)

    def away(sha256: str) -> None:
        raise StorageUnavailableError(f"It does not answer about {sha256}.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(one.shelf, "remove", away)
        with pytest.raises(StorageUnavailableError, match="not answer"):
            await one.journal.sweep(["source"], unused)
    with pytest.raises(StorageUnavailableError, match="too long"):
        await two.enter(make_job("a"))
    assert await two.journal.sweep([], unused) == 0
    async with open_redis(live_redis.url, prefix) as server:
        long_ago_us = int((await server.command("TIME"))[0] - LEASE_S - 1) * 10**6
        await server.command("HSET", server.key("removing"), "source", f"one {long_ago_us}")
        assert await two.journal.sweep([], unused) == 1
        assert await server.command("HLEN", server.key("removing")) == 0
    assert "source" not in one.shelf.digests


async def test_a_sweep_that_stood_still_leaves_what_it_was_about_to_remove(
    one: Stock, two: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_sweeping, "_BEGUN_WITHIN_S", -1.0)
    assert await one.journal.sweep(["source"], unused) == 0
    await two.enter(make_job("a"))


async def test_who_waits_for_a_removal_is_told_that_the_blob_is_gone(
    one: Stock, two: Stock, shelf: Shelf
) -> None:
    """A sweep that takes its time: meanwhile nobody comes to refer to what it removes."""
    job = await one.finished(make_job("a"), SMALL)
    await one.journal.bury(job.id, at(1))
    written: list[asyncio.Task[Sequence[object]]] = []
    removed = shelf.remove

    def remove(sha256: str) -> None:
        if sha256 == "source":
            written.append(asyncio.create_task(two.write(entry(make_job("b")))))
        removed(sha256)

    shelf.remove = remove  # type: ignore[method-assign]
    assert await one.journal.sweep([], unused) == 2
    ((outcome,),) = await asyncio.gather(*written)
    assert type(outcome).__name__ == "BlobMissingError"
    assert await two.journal.get("b") is None


async def test_jobs_that_end_on_two_nodes_at_once_are_all_told_of(one: Stock, two: Stock) -> None:
    async def run(stock: Stock, job_id: str) -> None:
        job = await stock.enter(make_job(job_id, webhook="https://example.org"))
        await stock.record(end(job, 1))

    jobs = [(one, "a"), (two, "b"), (one, "c"), (two, "d")]
    await asyncio.gather(*(run(stock, job_id) for stock, job_id in jobs))
    due = await one.outbox.due(at(9), 10)
    assert sorted(found.id for found in due) == [f"msg_{job_id}_2" for job_id in "abcd"]
    assert await two.outbox.due(at(9), 10) == due


@pytest.mark.parametrize("evicting", [False, True])
async def test_a_job_that_ends_anew_while_its_removal_stands_still_stays(
    one: Stock, two: Stock, monkeypatch: pytest.MonkeyPatch, *, evicting: bool
) -> None:
    job = await two.finished(make_job("a"), ended_s=1)
    run = RedisServer.run

    async def run_late(server: RedisServer, script: Script, *arguments: str | bytes | int) -> Any:
        if script is REMOVE:
            monkeypatch.setattr(RedisServer, "run", run)
            await two.record(requeue(job))
            await two.complete(job, {0: SMALL}, ended_s=1000)
        return await run(server, script, *arguments)

    monkeypatch.setattr(RedisServer, "run", run_late)
    if evicting:
        assert await one.journal.evict(0, unused) == 0
    else:
        removed = await one.journal.expire(
            ended_before=at(500), deleted_before=at(500), keep=unused
        )
        assert removed == 0
    assert (await two.get("a")).ended_at == at(1000)
