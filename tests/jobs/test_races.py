"""Two things at once: each order in which they can happen, one after the other."""

import asyncio

import pytest

from pixelpipe.errors import JobGoneError, NotRetryableError, StorageFullError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.retention import RetentionLimits
from tests.jobs.house import EVICT, FORGET, House, passing, source_of, story_in


async def _failed(house: House, *widths: int, number: int = 0) -> Job:
    job = await house.submit(*widths, number=number)
    work = await house.decoded(job)
    for index in work.idle:
        work.start(index)
        work.fail(index)
    return await house.ended(job)


def _there(house: House, sha256: str) -> bool:
    return house.blobs.path(sha256).exists()


# Removing blobs against new references to them


async def _deleted(house: House, *, made: bool = True) -> Job:
    """A job that was deleted, and a sweep that is about to remove its blobs."""
    house.gates.closed = {"sweep in"}
    job = await house.submit(32)
    if made:
        await house.finish(job)
    await house.service.delete(job.id, EVERYBODYS)
    await house.gates.arrival("sweep in")
    return job


async def test_a_source_that_is_swept_before_the_job_is_recorded_is_stored_again(
    house: House,
) -> None:
    await _deleted(house)
    house.gates.closed = {"sweep in", "write in"}
    accepting = asyncio.create_task(house.submit(32))
    await house.gates.arrival("write in")
    await passing(house, "sweep in")
    await house.gates.settled()
    assert not _there(house, source_of(0))
    house.gates.open()
    await house.finish(await accepting)
    assert _there(house, source_of(0))


async def test_a_source_is_not_swept_once_a_job_is_recorded(house: House) -> None:
    await _deleted(house)
    job = await house.submit(32)
    house.gates.open()
    await house.gates.settled()
    assert _there(house, source_of(0))
    await house.finish(job)


async def test_a_variant_that_is_swept_before_it_is_recorded_is_stored_again(house: House) -> None:
    await _deleted(house)
    job = await house.submit(32)
    work = await house.decoded(job)
    work.start(0)
    await house.gates.settled()
    house.gates.closed = {"sweep in", "write in"}
    work.make(0)
    await house.gates.arrival("write in")
    await passing(house, "sweep in")
    await house.gates.settled()
    house.gates.open()
    ended = await house.ended(job)
    assert (await house.told(job)).count("variant.completed") == 1
    assert ended.variants[0].blob
    assert _there(house, ended.variants[0].blob.sha256)
    await story_in(house, job)


async def test_a_variant_that_is_swept_before_it_is_reused_is_made_again(house: House) -> None:
    first = await house.submit(32)
    await house.finish(first)
    house.gates.closed = {"intact out"}
    job = await house.submit(32)
    await house.gates.arrival("intact out")
    await house.service.delete(first.id, EVERYBODYS)
    await house.look_after()
    house.gates.open()
    await house.finish(job)
    story = await story_in(house, job)
    assert not story.hits
    assert story.view["state"] == "completed"


async def test_a_reused_variant_that_is_swept_while_its_job_is_cancelled_is_not_completed(
    house: House,
) -> None:
    first = await house.submit(32)
    await house.finish(first)
    house.gates.closed = {"intact out"}
    job = await house.submit(32)
    await house.gates.arrival("intact out")
    await house.service.delete(first.id, EVERYBODYS)
    await house.look_after()
    house.gates.closed = {"write in"}
    await passing(house, "intact out")
    await house.gates.arrival("write in")
    deleting = asyncio.create_task(house.service.delete(job.id, EVERYBODYS))
    await house.gates.settled()
    house.gates.open()
    await deleting
    story = await story_in(house, job)
    assert story.view["state"] == "cancelled"


async def test_a_variant_that_is_swept_while_its_job_is_cancelled_is_not_completed(
    house: House,
) -> None:
    await _deleted(house)
    job = await house.submit(32)
    work = await house.decoded(job)
    work.start(0)
    await house.gates.settled()
    house.gates.closed = {"sweep in", "write in"}
    work.make(0)
    await house.gates.arrival("write in")
    await passing(house, "sweep in")
    await house.gates.settled()
    deleting = asyncio.create_task(house.service.delete(job.id, EVERYBODYS))
    await house.gates.settled()
    house.gates.open()
    await deleting
    story = await story_in(house, job)
    assert story.view["state"] == "cancelled"


async def test_a_blob_that_becomes_a_suspect_during_a_sweep_goes_with_the_next(
    house: House,
) -> None:
    house.engine.full = False
    house.service._stores.suspects.add(source_of(5))
    house.gates.closed = {"sweep out"}
    sweeping = asyncio.create_task(house.look_after())
    await house.gates.arrival("sweep out")
    # The very same source is stored, and its job refused, after the sweep looked.
    house.gates.failing = 1
    refused = asyncio.create_task(house.submit(32, number=5))
    await asyncio.wait({refused})
    assert refused.exception()
    house.gates.open()
    await sweeping
    assert _there(house, source_of(5))
    await house.look_after()
    assert not _there(house, source_of(5))


# Trying again


async def test_a_retry_whose_client_goes_is_carried_out_or_was_never_asked_for(
    house: House,
) -> None:
    job = await _failed(house, 32)
    house.gates.closed = {"write in"}
    retrying = asyncio.create_task(house.service.retry(job.id, EVERYBODYS))
    await house.gates.arrival("write in")
    retrying.cancel()
    await house.gates.settled()
    house.gates.open()
    await house.gates.settled()
    assert (await house.stored(job.id)).state is JobState.QUEUED
    await house.finish(job)


async def test_a_job_that_is_retried_while_it_is_deleted_is_cancelled(house: House) -> None:
    job = await _failed(house, 32)
    house.gates.closed = {"bury in"}
    deleting = asyncio.create_task(house.service.delete(job.id, EVERYBODYS))
    await house.gates.arrival("bury in")
    await house.service.retry(job.id, EVERYBODYS)
    await house.work(job)
    house.gates.open()
    await deleting
    assert (await house.ended(job)).state is JobState.CANCELLED


async def test_of_two_retries_at_once_one_is_refused(house: House) -> None:
    job = await _failed(house, 32)
    retries = [asyncio.create_task(house.service.retry(job.id, EVERYBODYS)) for _ in range(2)]
    outcomes = await asyncio.gather(*retries, return_exceptions=True)
    assert sorted(isinstance(outcome, NotRetryableError) for outcome in outcomes) == [False, True]
    await house.finish(job)
    assert (await house.told(job)).count("job.requeued") == 1


@pytest.mark.parametrize("limits", [FORGET, EVICT], ids=["expired", "evicted"])
async def test_a_job_that_goes_before_its_retry_is_recorded_is_gone(
    house: House, limits: RetentionLimits
) -> None:
    job = await _failed(house, 32)
    house.service._retention._live = lambda _: False  # It was asked a moment before.
    house.gates.closed = {"expire in" if limits is FORGET else "evict in"}
    removing = asyncio.create_task(house.look_after(limits))
    (place,) = house.gates.closed
    await house.gates.arrival(place)
    house.gates.closed = {"write in"}
    retrying = asyncio.create_task(house.service.retry(job.id, EVERYBODYS))
    await house.gates.arrival("write in")
    await passing(house, place)
    await removing
    house.gates.open()
    with pytest.raises(JobGoneError):
        await retrying
    assert not house.service.running


@pytest.mark.parametrize("limits", [FORGET, EVICT], ids=["expired", "evicted"])
async def test_a_job_whose_retry_is_recorded_stays(house: House, limits: RetentionLimits) -> None:
    job = await _failed(house, 32)
    house.gates.closed = {"expire in" if limits is FORGET else "evict in"}
    removing = asyncio.create_task(house.look_after(limits))
    (place,) = house.gates.closed
    await house.gates.arrival(place)
    await house.service.retry(job.id, EVERYBODYS)
    await passing(house, place)
    await removing
    await house.finish(job)
    assert (await house.stored(job.id)).state is JobState.COMPLETED


async def test_a_retry_that_has_looked_before_another_one_ended_the_job_is_refused(
    house: House,
) -> None:
    job = await _failed(house, 32)
    house.gates.closed = {"intact out"}
    late = asyncio.create_task(house.service.retry(job.id, EVERYBODYS))
    held = await house.gates.arrival("intact out")
    house.gates.closed = set()
    early = asyncio.create_task(house.service.retry(job.id, EVERYBODYS))
    await house.gates.settled()
    if house.engine.works:
        await house.finish(job)
    house.gates.go_on(held)
    outcomes = await asyncio.gather(early, late, return_exceptions=True)
    assert sorted(isinstance(outcome, NotRetryableError) for outcome in outcomes) == [False, True]
    if house.service.running:
        await house.finish(job)
    story = await story_in(house, job)
    assert story.view["state"] == "completed"
    assert (await house.told(job)).count("job.requeued") == 1


# Two servers


async def test_a_job_that_another_server_took_over_stops_without_a_word(house: House) -> None:
    job = await house.submit(32, 16)
    work = await house.decoded(job)
    work.start(0)
    await house.gates.settled()
    before = await house.told(job)
    journal = await asyncio.to_thread(house.another_journal)
    (taken,) = await journal.take_over()
    work.make(0)
    await house.gates.settled()
    assert not house.service.running
    assert not house.engine.works
    assert await house.told(job) == before
    assert await house.stored(job.id) == taken


# What reuse must not break


async def test_a_job_runs_although_it_cannot_be_found_out_what_is_there_already(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> None:
        raise StorageFullError("There is no room, even to read.")

    monkeypatch.setattr(house.journal, "reusable", unreadable)
    job = await house.submit(32)
    await house.finish(job)
    assert (await house.stored(job.id)).state is JobState.COMPLETED
