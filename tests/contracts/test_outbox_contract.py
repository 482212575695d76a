"""What every outbox promises; see `jobs.ports.Outbox`."""

import json
from datetime import timedelta, timezone

import pytest

from pixelpipe.jobs.model import Blob, EventType, Job, JobState
from pixelpipe.jobs.ports import Delivery
from pixelpipe.jobs.records import LostJobError
from tests.journals import Stock, at, end, entry, make_job, requeue, step, unused

HOOK = "https://example.org/hook"
SMALL = Blob("small", 10)


async def _all(stock: Stock) -> list[Delivery]:
    return list(await stock.outbox.due(at(10**6), 1000))


async def _ended(stock: Stock, job_id: str, ended_s: float) -> Job:
    return await stock.finished(make_job(job_id, webhook=HOOK), SMALL, ended_s=ended_s)


async def test_the_end_of_a_job_is_a_message_to_its_webhook(stock: Stock) -> None:
    await _ended(stock, "a", 7.5)
    (delivery,) = await _all(stock)
    (_, event) = await stock.journal.events(0, ["a"], 10)
    assert (delivery.id, delivery.url, delivery.attempts) == ("msg_a_2", HOOK, 0)
    assert delivery.due_at == at(7.5)
    assert json.loads(delivery.body) == {
        "type": "job.completed",
        "timestamp": "2030-01-02T03:04:13.178901Z",
        "data": json.loads(event.data),
    }
    assert json.loads(delivery.body)["data"]["seq"] == 2


@pytest.mark.parametrize("state", [JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED])
async def test_every_kind_of_end_is_a_message(stock: Stock, state: JobState) -> None:
    job = await stock.enter(make_job("a", webhook=HOOK))
    job.state, job.ended_at = state, at(0).astimezone(timezone(timedelta(hours=5)))
    await stock.record(step(job, event=EventType(f"job.{state}")))
    (delivery,) = await _all(stock)
    assert json.loads(delivery.body)["type"] == f"job.{state}"
    assert json.loads(delivery.body)["timestamp"] == "2030-01-02T03:04:05.678901Z"


async def test_a_job_without_a_webhook_sends_nothing(stock: Stock) -> None:
    await stock.finished(make_job("a"), SMALL)
    assert await _all(stock) == []
    assert await stock.outbox.next_due_at() is None


async def test_only_an_end_that_is_recorded_is_a_message(stock: Stock) -> None:
    job = await stock.enter(make_job("a", webhook=HOOK))
    await stock.record(step(job))
    await stock.journal.take_over()
    (outcome,) = await stock.write(end(job))
    assert isinstance(outcome, LostJobError)
    assert await _all(stock) == []


async def test_each_end_of_a_job_is_a_message_of_its_own(stock: Stock) -> None:
    job = await stock.finished(make_job("a", "one", "two", webhook=HOOK), SMALL, ended_s=1)
    await stock.record(requeue(job))
    await stock.record(end(job, 2))
    assert [(found.id, found.due_at) for found in await _all(stock)] == [
        ("msg_a_2", at(1)),
        ("msg_a_4", at(2)),
    ]


async def test_a_job_that_ends_as_it_comes_is_a_message(stock: Stock) -> None:
    job = make_job("a", webhook=HOOK)
    new = entry(job)
    job.state = JobState.RUNNING
    await stock.write(new, end(job, 1))
    assert [found.id for found in await _all(stock)] == ["msg_a_2"]


async def test_gives_the_longest_due_first_and_only_what_is_due(stock: Stock) -> None:
    for job_id, ended_s in [("late", 3), ("early", 1), ("middle", 2)]:
        await _ended(stock, job_id, ended_s)
    assert await stock.outbox.due(at(0.999999), 10) == []
    assert [found.id for found in await stock.outbox.due(at(2), 10)] == [
        "msg_early_2",
        "msg_middle_2",
    ]
    assert [found.id for found in await stock.outbox.due(at(9), 1)] == ["msg_early_2"]
    assert await stock.outbox.next_due_at() == at(1)


async def test_a_postponed_message_is_due_later(stock: Stock) -> None:
    await _ended(stock, "a", 1)
    await _ended(stock, "b", 2)
    await stock.outbox.postpone("msg_a_2", 3, at(5.000001))
    assert await stock.outbox.next_due_at() == at(2)
    first, second = await _all(stock)
    assert (first.id, first.attempts) == ("msg_b_2", 0)
    assert (second.id, second.attempts, second.due_at) == ("msg_a_2", 3, at(5.000001))
    assert [found.id for found in await stock.outbox.due(at(5), 10)] == ["msg_b_2"]


async def test_a_closed_message_is_forgotten(stock: Stock) -> None:
    await _ended(stock, "a", 1)
    await _ended(stock, "b", 2)
    await stock.outbox.close("msg_a_2")
    assert [found.id for found in await _all(stock)] == ["msg_b_2"]
    await stock.outbox.close("msg_b_2")
    assert await stock.outbox.next_due_at() is None


async def test_closing_or_postponing_what_is_gone_does_nothing(stock: Stock) -> None:
    await stock.outbox.close("msg_a_2")
    await stock.outbox.postpone("msg_a_2", 1, at(1))
    assert await _all(stock) == []


async def test_a_message_outlives_its_job(stock: Stock) -> None:
    await _ended(stock, "a", 1)
    await stock.journal.bury("a", at(2))
    await stock.journal.expire(ended_before=at(9), deleted_before=at(9), keep=unused)
    assert await stock.journal.get("a") is None
    assert [found.id for found in await _all(stock)] == ["msg_a_2"]
