"""What every journal promises; see `jobs.ports.Journal`."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import Blob, Cache, Event, EventType, JobState, TaskState
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.records import BlobMissingError, Key, KeyTakenError, LostJobError, Poison
from pixelpipe.recipes.task import Canvas, QuadBlur
from tests.journals import (
    SOURCE,
    START,
    Stock,
    at,
    end,
    entry,
    finish,
    make_job,
    requeue,
    step,
    unused,
)
from tests.tasks import FACTS, MARK, make_task

SMALL, LARGE, OTHER = Blob("small", 10), Blob("large", 1000), Blob("other", 10)
KEY = Key("tenant", "key", "fingerprint")
MOMENT = timedelta(microseconds=1)


async def _listed(stock: Stock, **wanted: Any) -> list[str]:
    listing = Listing(**{"tenant": "tenant", **wanted})
    return [job.id for job in await stock.journal.list(listing)]


def _of(events: Sequence[Event]) -> list[tuple[str, int]]:
    return [(event.job_id, event.seq) for event in events]


# What is written is there


async def test_gives_back_a_job_as_it_was_recorded(stock: Stock) -> None:
    job = make_job("a", "plain", "rich", priority=-3, webhook="https://example.org/hook")
    job.variants[1].task = make_task(
        "rich",
        canvas=Canvas(10, 20, 1, 2),
        quad=QuadBlur(4, 1.5),
        background=(1, 2, 3, 0),
        blur_sigma=0.1,
        format=Format.AVIF,
    )
    await stock.enter(job)
    assert await stock.get("a") == job
    assert await stock.journal.get("b") is None


async def test_gives_back_what_became_of_a_job(stock: Stock) -> None:
    job = await stock.enter(make_job("a", "made", "missed", client="someone"))
    stock.shelf.put(SMALL.sha256)
    job.state = JobState.PARTIAL
    job.ended_at = at(7.000001)
    job.decodes, job.decode_attempts, job.decode_strikes = 1, 2, 3
    job.problems = ({"title": "Größe", "errors": [{"pointer": "/a", "at": None}]},)
    job.timings_ms = {"decode": 1.25, "total": 0.1 + 0.2}
    made, missed = job.variants
    finish(made, SMALL)
    made.attempts, made.strikes, made.cache = 4, 1, Cache.HIT
    made.timings_ms = {"process": 3.0}
    finish(missed, None)
    await stock.record(step(job, 0, 1, event=EventType.JOB_PARTIAL))
    assert await stock.get("a") == job


async def test_what_a_variant_tells_is_kept_with_its_bytes(stock: Stock) -> None:
    job = await stock.enter(make_job("a", "made"))
    stock.shelf.put(SMALL.sha256)
    (made,) = job.variants
    finish(made, replace(SMALL, facts=FACTS))
    job.state, job.ended_at = JobState.COMPLETED, at(7)
    await stock.record(step(job, 0, event=EventType.JOB_COMPLETED))
    found = (await stock.get("a")).variants[0].blob
    assert found is not None
    assert found.facts == FACTS
    there = await stock.journal.reusable("tenant", [made.reuse_key])
    assert there[made.reuse_key].facts == FACTS


async def test_marks_are_kept_with_the_variants_that_they_lie_on(stock: Stock) -> None:
    job = make_job("a", "one", "two", "other", "none")
    for variant, image in zip(job.variants, ("AAAA", "AAAA", "BBBB"), strict=False):
        variant.task = replace(variant.task, watermark=replace(MARK, image=image))
    await stock.enter(job)
    assert await stock.get("a") == job
    assert await stock.journal.list(Listing(tenant="tenant", limit=1)) == [job]
    (taken,) = await stock.journal.take_over()
    assert taken.variants == job.variants


async def test_moments_are_kept_to_the_microsecond_whatever_their_time_zone(stock: Stock) -> None:
    created = at(0.000001).astimezone(timezone(timedelta(hours=-7)))
    await stock.enter(make_job("a", created_at=created))
    assert (await stock.get("a")).created_at == created


async def test_a_step_changes_only_the_variants_that_it_names(stock: Stock) -> None:
    job = await stock.enter(make_job("a", "one", "two"))
    job.state = JobState.RUNNING
    for variant in job.variants:
        variant.state, variant.attempts = TaskState.RUNNING, 1
    await stock.record(step(job, 1))
    found = await stock.get("a")
    assert found.state is JobState.RUNNING
    assert [variant.attempts for variant in found.variants] == [0, 1]


async def test_a_step_counts_as_it_was_when_it_was_taken(stock: Stock) -> None:
    job = make_job("a")
    record = entry(job)
    job.state = JobState.RUNNING
    job.variants[0].attempts = 5
    await stock.record(record)
    found = await stock.get("a")
    assert (found.state, found.variants[0].attempts) == (JobState.QUEUED, 0)


async def test_nothing_is_shared_with_those_who_write_and_read(stock: Stock) -> None:
    job = make_job("a", problems=({"errors": [1]},), timings_ms={"receive": 1.0})
    job.variants[0].problem = {"errors": [1]}
    await stock.enter(job)
    for known in (job, await stock.get("a"), *await stock.journal.list(Listing(tenant="tenant"))):
        known.problems[0]["errors"].append(2)
        known.timings_ms["total"] = 2.0
        known.variants[0].timings_ms["process"] = 3.0
        (known.variants[0].problem or {})["errors"].append(2)
        known.variants.clear()
    found = await stock.get("a")
    assert (found.problems, found.timings_ms) == (({"errors": [1]},), {"receive": 1.0})
    assert (found.variants[0].problem, found.variants[0].timings_ms) == ({"errors": [1]}, {})


# Events


async def test_numbers_events_in_one_rising_sequence_and_in_each_job(stock: Stock) -> None:
    assert await stock.journal.last_event_id() == 0
    a, b = make_job("a"), make_job("b")
    first = await stock.write(entry(a), entry(b), step(a))
    second = await stock.write(step(b), step(b), step(a))
    events = [event for event in [*first, *second] if isinstance(event, Event)]
    assert _of(events) == [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("b", 3), ("a", 3)]
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    assert ids[0] > 0
    assert await stock.journal.last_event_id() == ids[-1]


async def test_a_step_without_an_event_is_kept_and_takes_no_number(stock: Stock) -> None:
    job = await stock.enter(make_job("a"))
    job.decode_attempts = 1
    assert await stock.write(step(job, event=None)) == [None]
    assert (await stock.get("a")).decode_attempts == 1
    assert (await stock.record(step(job))).seq == 2
    assert len(await stock.journal.events(0, None, 10)) == 2


@pytest.mark.parametrize("data", [b"{}", b"{ }", b'{"a":{}}', b'{"a":"{"} ', '{"ü":[1]}'.encode()])
async def test_the_data_of_an_event_ends_with_its_seq(stock: Stock, data: bytes) -> None:
    event = await stock.record(replace(entry(make_job("a")), data=data))
    assert json.loads(event.data) == {**json.loads(data), "seq": 1}
    assert list(json.loads(event.data))[-1] == "seq"


async def test_gives_events_after_an_id_of_these_jobs_in_order(stock: Stock) -> None:
    a, b, c = (make_job(job_id) for job_id in "abc")
    written = await stock.write(*map(entry, (a, b, c)), step(a), step(b))
    events = [event for event in written if isinstance(event, Event)]
    read = stock.journal.events
    assert await read(0, None, 10) == events
    assert await read(events[1].id, None, 10) == events[2:]
    assert await read(0, None, 2) == events[:2]
    assert _of(await read(0, ["b", "a"], 10)) == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert _of(await read(events[0].id, ["b", "a"], 2)) == [("b", 1), ("a", 2)]
    assert _of(await read(0, {"c"}, 10)) == [("c", 1)]
    assert await read(events[-1].id, ["a"], 10) == []
    assert await read(0, ["nobody"], 10) == []
    assert await read(0, [], 10) == []


async def test_gives_no_more_events_than_so_many_bytes_but_one(stock: Stock) -> None:
    job = await stock.enter(make_job("a"))
    for padding in (1000, 10, 10, 3000, 10):
        await stock.record(replace(step(job), data=b'{"pad":"%b"}' % (b"x" * padding)))
    sizes = [len(event.data) for event in await stock.journal.events(0, None, 10)]
    for job_ids in (None, ["a"]):
        for first in range(5):
            for last in range(first, 6):
                bound = sum(sizes[first : last + 1])
                for limit_bytes in (bound, bound + 1):
                    found = await stock.journal.events(first, job_ids, 10, limit_bytes)
                    assert [len(event.data) for event in found] == sizes[first : last + 1]
        assert len(await stock.journal.events(0, job_ids, 10, 1)) == 1
        assert len(await stock.journal.events(0, job_ids, 2, sum(sizes))) == 2


async def test_no_id_is_given_twice_even_after_the_newest_events_were_removed(
    stock: Stock,
) -> None:
    await stock.finished(make_job("a"), SMALL)
    last = await stock.journal.last_event_id()
    assert await stock.journal.evict(0, unused) == 1
    assert await stock.journal.events(0, None, 10) == []
    assert await stock.journal.last_event_id() == last
    assert (await stock.record(entry(make_job("b")))).id > last


# Refusals


async def test_a_refusal_in_the_middle_of_a_batch_leaves_the_others(stock: Stock) -> None:
    a, b, c, d = (make_job(job_id) for job_id in "abcd")
    b.source = replace(b.source, sha256="nowhere")
    finish(a.variants[0], Blob("missing", 1))
    outcomes = await stock.write(
        entry(make_job("a"), KEY),
        entry(b),
        step(b),
        step(a, 0),
        entry(c, KEY),
        step(a),
        entry(d),
        step(make_job("e")),
    )
    first, no_blob, unknown, not_made, taken, second, third, lost = outcomes
    assert [type(refusal) for refusal in (no_blob, unknown, not_made, taken, lost)] == [
        BlobMissingError,
        LostJobError,
        BlobMissingError,
        KeyTakenError,
        LostJobError,
    ]
    kept = [event for event in (first, second, third) if isinstance(event, Event)]
    assert _of(kept) == [("a", 1), ("a", 2), ("d", 1)]
    assert await stock.journal.events(0, None, 10) == kept
    assert (await stock.get("a")).variants[0].state is TaskState.QUEUED
    for job_id in "bce":
        assert await stock.journal.get(job_id) is None


async def test_a_job_of_another_epoch_is_lost(stock: Stock) -> None:
    job = await stock.enter(make_job("a"))
    for epoch in (-1, 1):
        outcomes = await stock.write(step(replace(job, epoch=epoch, state=JobState.RUNNING)))
        assert [type(outcome) for outcome in outcomes] == [LostJobError]
    assert (await stock.get("a")).state is JobState.QUEUED


async def test_a_deleted_job_is_lost(stock: Stock) -> None:
    job = await stock.finished(make_job("a"), SMALL)
    await stock.journal.bury("a", at(1))
    (outcome,) = await stock.write(requeue(job))
    assert isinstance(outcome, LostJobError)
    (outcome,) = await stock.write(end(job))
    assert isinstance(outcome, LostJobError)
    assert (await stock.get("a")).deleted_at == at(1)


async def test_a_new_job_with_the_id_of_another_is_refused(stock: Stock) -> None:
    await stock.enter(make_job("a"))
    (outcome,) = await stock.write(entry(make_job("a", client="another"), KEY))
    assert isinstance(outcome, LostJobError)
    assert (await stock.get("a")).client == "client"
    assert await stock.journal.keyed("tenant", "key") is None


async def test_a_key_is_taken_once_by_each_tenant(stock: Stock) -> None:
    second = Key("tenant", "key", "another fingerprint")
    outcomes = await stock.write(entry(make_job("a"), KEY), entry(make_job("b"), second))
    outcomes = [*outcomes, *await stock.write(entry(make_job("c"), KEY))]
    for refusal in outcomes[1:]:
        assert isinstance(refusal, KeyTakenError)
        assert (refusal.job_id, refusal.fingerprint) == ("a", "fingerprint")
    await stock.enter(make_job("d", tenant="other"), Key("other", "key", "its own"))
    await stock.enter(make_job("e"), Key("tenant", "KEY", "another"))
    assert await stock.journal.keyed("tenant", "key") == ("a", "fingerprint")
    assert await stock.journal.keyed("other", "key") == ("d", "its own")
    assert await stock.journal.keyed("tenant", "nobody's") is None
    assert await stock.ids() == ["a", "d", "e"]


async def test_a_refused_job_takes_no_key(stock: Stock) -> None:
    stock.shelf.remove(SOURCE.sha256)
    (outcome,) = await stock.write(entry(make_job("a"), KEY))
    assert isinstance(outcome, BlobMissingError)
    assert outcome.sha256 == SOURCE.sha256
    assert await stock.journal.keyed("tenant", "key") is None
    assert await stock.journal.get("a") is None
    stock.shelf.put(SOURCE.sha256)
    await stock.enter(make_job("a"), KEY)


async def test_a_new_job_needs_the_blobs_that_it_has_from_others(stock: Stock) -> None:
    job = make_job("a", "one", "two")
    finish(job.variants[1], SMALL)
    (outcome,) = await stock.write(entry(job))
    assert isinstance(outcome, BlobMissingError)
    assert outcome.sha256 == SMALL.sha256
    stock.shelf.put(SMALL.sha256)
    await stock.enter(job)
    assert await stock.get("a") == job


async def test_a_completed_variant_needs_its_blob(stock: Stock) -> None:
    job = await stock.enter(make_job("a", "one", "two"))
    finish(job.variants[0], SMALL)
    finish(job.variants[1], LARGE)
    stock.shelf.put(SMALL.sha256)
    (outcome,) = await stock.write(step(job, 0, 1))
    assert isinstance(outcome, BlobMissingError)
    assert outcome.sha256 == LARGE.sha256
    assert {variant.state for variant in (await stock.get("a")).variants} == {TaskState.QUEUED}
    stock.shelf.put(LARGE.sha256)
    assert (await stock.record(step(job, 0, 1))).seq == 2


async def test_only_what_a_job_refers_to_for_the_first_time_is_looked_for(stock: Stock) -> None:
    job = await stock.finished(make_job("a", "one", "two", "three"), SMALL, SMALL)
    assert sorted(blob.sha256 for blob in stock.shelf.asked) == [SMALL.sha256, SOURCE.sha256]
    assert SMALL in stock.shelf.asked
    stock.shelf.digests.clear()
    await stock.record(requeue(job))
    await stock.record(end(job))
    assert len(stock.shelf.asked) == 2


async def test_a_failed_variant_needs_no_blob(stock: Stock) -> None:
    job = await stock.enter(make_job("a"))
    job.variants[0].state = TaskState.FAILED
    job.variants[0].blob = LARGE
    await stock.record(step(job, 0))
    assert LARGE not in stock.shelf.asked


# Recovery


async def test_takes_over_what_has_not_ended_oldest_first(stock: Stock) -> None:
    late = await stock.enter(make_job("late", "one", "two", created_at=at(2)))
    await stock.enter(make_job("early", created_at=at(1)))
    await stock.finished(make_job("ended", "one", "two"), SMALL)
    await stock.finished(make_job("deleted"))
    await stock.journal.bury("deleted", at(1))
    late.state = JobState.RUNNING
    late.variants[1].state = TaskState.RUNNING
    late.variants[1].attempts = 2
    await stock.record(step(late, 1))
    early, again = await stock.journal.take_over()
    assert (early.id, early.epoch) == ("early", 1)
    assert again == replace(late, epoch=1)
    assert await stock.get("late") == again
    assert (await stock.get("ended")).epoch == 0


async def test_what_was_taken_over_is_lost_to_who_had_it(stock: Stock) -> None:
    old = await stock.enter(make_job("a"))
    (first,) = await stock.journal.take_over()
    (second,) = await stock.journal.take_over()
    assert (first.epoch, second.epoch) == (1, 2)
    outcomes = await stock.write(step(old), step(second), step(first))
    assert [type(outcome) for outcome in outcomes] == [LostJobError, Event, LostJobError]


async def test_nothing_to_take_over(stock: Stock) -> None:
    await stock.finished(make_job("a"), SMALL)
    assert list(await stock.journal.take_over()) == []


async def test_a_job_that_is_tried_again_has_not_ended(stock: Stock) -> None:
    job = await stock.finished(make_job("a", "one", "two"), SMALL, ended_s=1)
    assert (await stock.get("a")).ended_at == at(1)
    await stock.record(requeue(job))  # It still knows when it had ended.
    assert (await stock.get("a")).ended_at is None
    assert await stock.journal.expire(ended_before=at(9), deleted_before=at(9), keep=unused) == 0
    assert not await stock.journal.bury("a", at(2))
    assert [found.id for found in await stock.journal.take_over()] == ["a"]
    job.epoch = 1
    event = await stock.record(end(job, 3))
    assert event.seq == 4
    assert (await stock.get("a")).ended_at == at(3)


async def test_a_claim_raises_the_epoch_and_one_of_two_gets_it(stock: Stock) -> None:
    old = await stock.enter(make_job("a"))
    claims = await asyncio.gather(*(stock.journal.claim("a", 0) for _ in range(2)))
    assert sorted(claims) == [False, True]
    assert await stock.get("a") == replace(old, epoch=1)
    (outcome,) = await stock.write(step(old))
    assert isinstance(outcome, LostJobError)


async def test_an_ended_job_can_be_claimed_but_no_deleted_one(stock: Stock) -> None:
    await stock.finished(make_job("a"), SMALL)
    assert await stock.journal.claim("a", 0, ended=True)
    assert not await stock.journal.claim("b", 0, ended=True)
    await stock.journal.bury("a", at(9))
    assert not await stock.journal.claim("a", 1, ended=True)


async def test_a_job_is_not_claimed_by_who_does_not_know_that_it_ended_or_is_tried_again(
    stock: Stock,
) -> None:
    job = make_job("a")
    await stock.enter(job)
    assert not await stock.journal.claim("a", 0, ended=True)
    finish(job.variants[0], None)
    await stock.record(end(job, 3))
    assert not await stock.journal.claim("a", 0)
    await stock.record(requeue(job))
    assert not await stock.journal.claim("a", 0, ended=True)
    assert await stock.journal.claim("a", 0)


# Sources that are refused


def _poison(name: str, since_s: float, for_s: float = 100) -> Poison:
    return Poison(name, at(since_s), at(since_s + for_s))


async def test_keeps_sources_that_are_refused_the_newest_last(stock: Stock) -> None:
    job = make_job("a")
    first, second = _poison("one", 1), _poison("two", 2)
    refused, entered = await stock.write(second, entry(job))
    assert refused is None
    assert isinstance(entered, Event)
    await stock.write(first)
    assert await stock.journal.poisons() == [first, second]


async def test_a_source_that_is_refused_again_is_refused_for_as_long_again(stock: Stock) -> None:
    other, again = _poison("other", 2), _poison("bad", 3)
    await stock.write(_poison("bad", 1), other, again)
    assert await stock.journal.poisons() == [other, again]


async def test_forgets_sources_whose_time_is_over_when_another_is_refused(stock: Stock) -> None:
    later = _poison("later", 10)
    await stock.write(_poison("short", 1, 9), _poison("long", 1, 10), later)
    assert await stock.journal.poisons() == [_poison("long", 1, 10), later]


async def test_of_too_many_refused_sources_the_newest_are_kept(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("storage.memory", "storage.poisons", "scaleout.redis_writing"):
        monkeypatch.setattr(f"pixelpipe.{place}.MOST_POISONS", 2)
    await stock.write(*(_poison(name, second) for second, name in enumerate("abcd")))
    assert await stock.journal.poisons() == [_poison("c", 2), _poison("d", 3)]


# Listing


async def test_lists_the_newest_first_and_ids_descending_within_a_moment(stock: Stock) -> None:
    for job_id, created_s in [("b", 1), ("C", 1), ("a", 2), ("ü", 1), ("z", 0)]:
        await stock.enter(make_job(job_id, created_at=at(created_s)))
    assert await _listed(stock) == ["a", "ü", "b", "C", "z"]
    assert await _listed(stock, limit=2) == ["a", "ü"]


async def test_goes_on_behind_any_place_in_the_list(stock: Stock) -> None:
    ids = [f"{number:02}" for number in range(9)]
    for number, job_id in enumerate(ids):
        job = await stock.enter(make_job(job_id, created_at=at(number // 4)))
        if number % 3:
            await stock.complete(job, {0: SMALL})
    for states in ((), (JobState.QUEUED, JobState.COMPLETED), (JobState.COMPLETED,)):
        whole = await _listed(stock, states=states)
        assert len(whole) == (6 if len(states) == 1 else 9)
        for place, job_id in enumerate(whole):
            behind = ((await stock.get(job_id)).created_at, job_id)
            rest = await _listed(stock, states=states, behind=behind)
            assert rest == whole[place + 1 :]
            assert await _listed(stock, states=states, behind=behind, limit=2) == rest[:2]
    assert await _listed(stock, behind=(at(1), "05")) == ["04", "03", "02", "01", "00"]
    assert await _listed(stock, behind=(at(1), "055")) == ["05", "04", "03", "02", "01", "00"]


async def test_lists_by_state(stock: Stock) -> None:
    for number, state in enumerate(JobState):
        await stock.enter(make_job(state, created_at=at(number), state=state, ended_at=at(9)))
    newest_first = [*reversed(JobState)]
    assert await _listed(stock) == newest_first
    for state in JobState:
        assert await _listed(stock, states=[state]) == [state]
    assert await _listed(stock, states=newest_first[1:4]) == newest_first[1:4]
    assert await _listed(stock, states=newest_first[1:4], limit=2) == newest_first[1:3]


async def test_lists_what_was_created_between_two_moments(stock: Stock) -> None:
    for number in range(4):
        await stock.enter(make_job(str(number), created_at=START + number * MOMENT))
    assert await _listed(stock, created_after=START) == ["3", "2", "1"]
    assert await _listed(stock, created_before=START + 2 * MOMENT) == ["1", "0"]
    between = {"created_after": START, "created_before": START + 3 * MOMENT}
    assert await _listed(stock, **between) == ["2", "1"]
    assert await _listed(stock, **between, behind=(START + 2 * MOMENT, "2")) == ["1"]
    assert await _listed(stock, **between, behind=(START + 9 * MOMENT, "2")) == ["2", "1"]
    assert await _listed(stock, created_after=at(1)) == []


async def test_lists_neither_deleted_jobs_nor_those_of_others(stock: Stock) -> None:
    await stock.enter(make_job("theirs", tenant="other"))
    await stock.finished(make_job("deleted"), SMALL)
    await stock.enter(make_job("ours"))
    await stock.journal.bury("deleted", at(1))
    assert await _listed(stock) == ["ours"]
    assert await _listed(stock, states=[JobState.COMPLETED]) == []
    assert await _listed(stock, tenant="other") == ["theirs"]
    assert await _listed(stock, tenant="nobody") == []


# Reuse


async def test_what_was_made_can_be_used_again(stock: Stock) -> None:
    await stock.finished(make_job("a", "one", "two", "three"), SMALL, LARGE)
    keys = ["key of one", "key of two", "key of three", "key of four"]
    assert await stock.journal.reusable("tenant", keys) == {keys[0]: SMALL, keys[1]: LARGE}
    assert await stock.journal.reusable("tenant", {keys[1]}) == {keys[1]: LARGE}
    assert await stock.journal.reusable("tenant", []) == {}


async def test_what_was_made_is_of_no_use_to_another_tenant(stock: Stock) -> None:
    await stock.finished(make_job("a", "one"), SMALL)
    await stock.finished(make_job("b", "two", tenant="other"), LARGE)
    keys = ["key of one", "key of two"]
    assert await stock.journal.reusable("tenant", keys) == {keys[0]: SMALL}
    assert await stock.journal.reusable("other", keys) == {keys[1]: LARGE}


async def test_what_was_made_is_of_use_for_as_long_as_a_job_has_it(stock: Stock) -> None:
    key = "key of small"
    running = await stock.enter(make_job("running"))
    stock.shelf.put(SMALL.sha256)
    finish(running.variants[0], SMALL)
    await stock.record(step(running, 0))
    await stock.finished(make_job("deleted"), SMALL)
    assert await stock.journal.reusable("tenant", [key]) == {key: SMALL}
    await stock.journal.bury("deleted", at(1))
    assert await stock.journal.reusable("tenant", [key]) == {key: SMALL}
    await stock.record(end(running))
    await stock.journal.bury("running", at(1))
    assert await stock.journal.reusable("tenant", [key]) == {}
    await stock.finished(make_job("again"), SMALL)
    await stock.journal.evict(0, unused)
    assert await stock.journal.reusable("tenant", [key]) == {}


# Deletion


async def test_only_an_ended_job_can_be_deleted(stock: Stock) -> None:
    job = await stock.enter(make_job("a"))
    assert not await stock.journal.bury("a", at(1))
    job.state = JobState.RUNNING
    await stock.record(step(job))
    assert not await stock.journal.bury("a", at(1))
    assert not await stock.journal.bury("nobody", at(1))
    assert (await stock.get("a")).deleted_at is None


async def test_a_deleted_job_is_remembered_but_has_no_blobs(stock: Stock) -> None:
    job = make_job("a")
    await stock.enter(job, KEY)
    await stock.complete(job, {0: SMALL})
    assert await stock.journal.bury("a", at(1))
    assert await stock.journal.bury("a", at(2))
    assert await stock.get("a") == replace(job, deleted_at=at(1))
    assert _of(await stock.journal.events(0, ["a"], 10)) == [("a", 1), ("a", 2)]
    assert await stock.journal.keyed("tenant", "key") == ("a", "fingerprint")
    assert await stock.journal.sweep([], unused) == 2
    assert stock.shelf.digests == set()


async def test_ended_and_deleted_jobs_are_removed_after_a_while(stock: Stock) -> None:
    for second in range(5):
        job = make_job(f"ended at {second}")
        await stock.enter(job, Key("tenant", job.id, ""))
        await stock.complete(job, {}, ended_s=second)
        await stock.finished(make_job(f"deleted at {second}"), ended_s=0)
        await stock.journal.bury(f"deleted at {second}", at(second))
    await stock.enter(make_job("open"))
    keep = {"ended at 1", "deleted at 2"}
    assert (
        await stock.journal.expire(ended_before=at(2), deleted_before=at(4), keep=keep.__contains__)
        == 4
    )
    left = [f"ended at {second}" for second in (1, 2, 3, 4)]
    left += [f"deleted at {second}" for second in (2, 4)]
    assert sorted(await stock.ids()) == sorted([*left, "open"])
    assert await stock.journal.get("ended at 0") is None
    assert await stock.journal.get("deleted at 0") is None
    assert await stock.journal.keyed("tenant", "ended at 0") is None
    assert await stock.journal.keyed("tenant", "ended at 1") == ("ended at 1", "")
    await stock.enter(make_job("another"), Key("tenant", "ended at 0", ""))


async def test_a_great_many_jobs_are_removed_but_for_those_in_use(stock: Stock) -> None:
    jobs = [make_job(f"{number:03}") for number in range(210)]
    await stock.write(*map(entry, jobs))
    for job in jobs:
        finish(job.variants[0], None)
    await stock.write(*map(end, jobs))
    for job in jobs[::2]:
        assert await stock.journal.bury(job.id, at(0))
    keep = {job.id for job in jobs[:120]}
    assert (
        await stock.journal.expire(ended_before=at(1), deleted_before=at(1), keep=keep.__contains__)
        == 90
    )
    assert await stock.ids() == sorted(keep)
    assert (
        await stock.journal.evict(0, {"000"}.__contains__) == 60
    )  # The others of them are deleted.
    assert await stock.journal.expire(ended_before=at(1), deleted_before=at(1), keep=unused) == 60
    assert await stock.ids() == []


@pytest.mark.parametrize("way", ["expired", "deleted", "evicted"])
async def test_a_job_that_comes_into_use_while_others_are_removed_stays(
    stock: Stock, way: str
) -> None:
    ids = [f"{number:03}" for number in range(60)]
    for number, job_id in enumerate(ids):
        await stock.finished(make_job(job_id), SMALL, ended_s=number)
        if way == "deleted":
            await stock.journal.bury(job_id, at(number))
    asked: list[str] = []

    def keep(job_id: str) -> bool:
        asked.append(job_id)
        return len(asked) > 55

    if way == "evicted":
        removed = await stock.journal.evict(0, keep)
    else:
        removed = await stock.journal.expire(ended_before=at(99), deleted_before=at(99), keep=keep)
    assert removed == 55
    assert asked == ids
    assert await stock.ids() == ids[55:]


# Room


async def test_jobs_go_in_the_order_of_their_end_until_blobs_fit(stock: Stock) -> None:
    for job_id, ended_s in [("third", 3), ("first", 1), ("second", 2)]:
        job = make_job(job_id, source=replace(make_job("x").source, sha256=f"source of {job_id}"))
        stock.shelf.put(job.source.sha256)
        await stock.finished(job, Blob(job_id, 50), ended_s=ended_s)
    assert await stock.journal.evict(450, unused) == 0
    assert await stock.journal.evict(449, unused) == 1
    assert await stock.ids() == ["third", "second"]
    assert await stock.journal.evict(299, unused) == 1
    assert await stock.ids() == ["third"]
    assert await stock.journal.evict(0, unused) == 1
    assert await stock.ids() == []


async def test_shared_blobs_count_once_and_for_as_long_as_somebody_has_them(stock: Stock) -> None:
    await stock.finished(make_job("a", "one", "two"), SMALL, LARGE, ended_s=1)
    await stock.finished(make_job("b"), LARGE, ended_s=2)
    await stock.finished(make_job("c"), OTHER, ended_s=3)
    assert await stock.journal.evict(100 + 10 + 1000 + 10, unused) == 0
    assert await stock.journal.evict(100 + 1000 + 10, unused) == 1
    assert await stock.journal.evict(100 + 1000 + 9, unused) == 1
    assert await stock.ids() == ["c"]
    assert await stock.journal.evict(110, unused) == 0


async def test_neither_open_nor_used_nor_deleted_jobs_make_room(stock: Stock) -> None:
    await stock.finished(make_job("used"), SMALL, ended_s=1)
    await stock.finished(make_job("deleted"), LARGE, ended_s=0)
    await stock.journal.bury("deleted", at(1))
    await stock.enter(make_job("open"))
    await stock.finished(make_job("ended"), OTHER, ended_s=2)
    assert (
        await stock.journal.evict(120, unused) == 0
    )  # What only a deleted job had counts no more.
    assert await stock.journal.evict(0, {"used"}.__contains__) == 1
    assert sorted(await stock.ids()) == ["deleted", "open", "used"]


# Blobs


async def test_sweeps_what_no_job_refers_to(stock: Stock) -> None:
    await stock.finished(make_job("a", "one", "two"), SMALL, LARGE)
    await stock.finished(make_job("b", "one"), LARGE)
    assert await stock.journal.sweep([], unused) == 0
    await stock.journal.bury("a", at(1))
    assert await stock.journal.sweep([], unused) == 1
    assert stock.shelf.digests == {SOURCE.sha256, LARGE.sha256}
    assert await stock.journal.evict(0, unused) == 1
    assert await stock.journal.sweep([], unused) == 2
    assert stock.shelf.digests == set()
    assert await stock.journal.sweep([], unused) == 0


async def test_sweeps_suspects_unless_a_job_refers_to_them(stock: Stock) -> None:
    await stock.finished(make_job("a"), SMALL)
    stock.shelf.put("never", "used", "kept")
    suspects = ["never", "used", SMALL.sha256]
    assert await stock.journal.sweep(suspects, {"used"}.__contains__) == 1
    assert stock.shelf.digests == {SOURCE.sha256, SMALL.sha256, "used", "kept"}


async def test_what_is_in_use_is_swept_once_it_is_not(stock: Stock) -> None:
    await stock.finished(make_job("a"), SMALL)
    await stock.journal.evict(0, unused)
    assert await stock.journal.sweep([SMALL.sha256], {SMALL.sha256}.__contains__) == 1
    assert stock.shelf.digests == {SMALL.sha256}
    assert await stock.journal.sweep([SMALL.sha256], unused) == 1
    assert stock.shelf.digests == set()


async def test_sweeps_a_great_many_blobs_but_for_those_in_use(stock: Stock) -> None:
    blobs = [Blob(f"{number:03}", 1) for number in range(350)]
    suspects = {f"suspect {number:03}" for number in range(350)}
    await stock.finished(make_job("a", *(blob.sha256 for blob in blobs)), *blobs)
    await stock.journal.evict(0, unused)
    stock.shelf.put(*suspects)
    keep = {blob.sha256 for blob in blobs[50:250]} | {"suspect 007"}
    assert await stock.journal.sweep(suspects, keep.__contains__) == 1 + 150 + 349
    assert stock.shelf.digests == keep


@pytest.mark.parametrize("suspected", [False, True])
async def test_what_comes_into_use_while_others_are_swept_is_kept(
    stock: Stock, *, suspected: bool
) -> None:
    blobs = [Blob(f"{number:03}", 1) for number in range(150)]
    await stock.finished(make_job("a", *(blob.sha256 for blob in blobs)), *blobs)
    await stock.journal.bury("a", at(1))
    left: list[int] = []

    def keep(sha256: str) -> bool:
        assert sha256 in stock.shelf.digests
        left.append(len(stock.shelf.digests))
        return len(left) > 120

    suspects = [blob.sha256 for blob in blobs] if suspected else []
    assert await stock.journal.sweep(suspects, keep) == 120
    # It was asked when those before were gone, but for a few that went at the same time.
    expected = [*range(151, 31, -1)] + [31] * 31
    assert all(0 <= there - then < 8 for there, then in zip(left, expected, strict=True))


async def test_what_was_swept_has_to_be_stored_again(stock: Stock) -> None:
    await stock.finished(make_job("a"), SMALL)
    await stock.journal.bury("a", at(1))
    await stock.journal.sweep([], unused)
    (outcome,) = await stock.write(entry(make_job("b")))
    assert isinstance(outcome, BlobMissingError)
    stock.shelf.put(SOURCE.sha256)
    await stock.finished(make_job("b"), SMALL)
    assert await stock.journal.sweep([SMALL.sha256], unused) == 0


async def test_a_new_reference_never_meets_the_removal_of_its_blob(stock: Stock) -> None:
    refused = 0

    async def use(number: int) -> None:
        nonlocal refused
        job = make_job(str(number))
        stock.shelf.put(SOURCE.sha256)
        (outcome,) = await stock.write(entry(job))
        if isinstance(outcome, BlobMissingError):
            refused += 1
            return
        assert SOURCE.sha256 in stock.shelf.digests
        await stock.complete(job, {})
        assert SOURCE.sha256 in stock.shelf.digests
        await stock.journal.bury(job.id, at(1))

    async def sweep() -> None:
        for _ in range(20):
            await stock.journal.sweep([SOURCE.sha256], unused)

    async with asyncio.timeout(30):
        await asyncio.gather(*map(use, range(100)), *(sweep() for _ in range(5)))
    assert len(await stock.ids()) == 100 - refused
    await stock.journal.sweep([SOURCE.sha256], unused)
    assert stock.shelf.digests == set()
