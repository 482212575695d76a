"""A server that is killed at any step, and the one that begins after it."""

import asyncio

import pytest

from pixelpipe.engine.attempts import MAX_ATTEMPTS
from pixelpipe.errors import StorageFullError
from pixelpipe.jobs.model import JobState
from pixelpipe.jobs.reach import EVERYBODYS
from tests.jobs.house import House, key_of, restarted, story_in


@pytest.mark.parametrize("steps", range(6))
async def test_a_job_goes_on_from_any_step(house: House, steps: int) -> None:
    job = await house.submit(32, 16)
    if steps:
        work = await house.decoded(job)
        walk = [work.start, work.make, work.start, work.make]
        for step, index in list(zip(walk, (0, 0, 1, 1), strict=True))[: steps - 1]:
            step(index)
            await house.gates.settled()
    await restarted(house)
    if not (await house.service.get(job.id, EVERYBODYS)).ended:
        await house.finish(job)
    story = await story_in(house, job)
    assert story.view["state"] == "completed"
    assert len({variant["name"] for variant in story.view["variants"]}) == 2


async def test_a_job_whose_end_was_not_recorded_ends_without_work(house: House) -> None:
    job = await house.submit(32)
    work = await house.decoded(job)
    work.start(0)
    await house.gates.settled()
    house.gates.closed = {"write out"}
    work.make(0)
    await house.gates.arrival("write out")  # Recorded, and nobody was told.
    await restarted(house)
    await house.ended(job)
    assert not house.engine.made
    assert (await house.told(job)).count("variant.completed") == 1
    await story_in(house, job)


async def test_a_job_that_was_recorded_but_not_acknowledged_is_found_by_its_key(
    house: House,
) -> None:
    key = key_of("k")
    house.gates.closed = {"write out"}
    accepting = asyncio.create_task(house.submit(32, key=key))
    await house.gates.arrival("write out")
    await restarted(house)
    assert accepting.cancelled()
    job = await house.submit(32, key=key)
    await house.finish(job)
    assert (await house.told(job)).count("job.accepted") == 1


async def test_what_was_stored_for_nobody_is_removed_after_the_start(house: House) -> None:
    house.gates.closed = {"write in"}
    accepting = asyncio.create_task(house.submit(32))
    await house.gates.arrival("write in")
    assert len(await asyncio.to_thread(house.digests)) == 1
    await restarted(house)
    assert accepting.cancelled()
    await house.look_after()
    assert not await asyncio.to_thread(house.digests)


async def test_a_job_over_which_servers_die_again_and_again_is_given_up(house: House) -> None:
    job = await house.submit(32)
    for attempt in range(MAX_ATTEMPTS):
        work = await house.decoded(job)
        work.start(0)
        await house.gates.settled()
        assert (await house.stored(job.id)).variants[0].attempts == attempt + 1
        await restarted(house)
    assert (await house.ended(job)).state is JobState.FAILED
    assert (await story_in(house, job)).variants["v0"]["error"]["status"] == 500


async def test_a_job_over_which_servers_die_at_once_is_given_up_two_deaths_later(
    house: House,
) -> None:
    """Nothing that lingers is recorded before they die; but after two they are wary."""
    house.linger_s = 60.0
    await restarted(house)
    job = await house.submit(32)
    for _ in range(2 + MAX_ATTEMPTS):
        work = await house.decoded(job)
        work.start(0)
        await house.gates.settled()
        await restarted(house)
    assert (await house.ended(job)).state is JobState.FAILED


async def test_decodes_over_which_servers_die_are_counted(house: House) -> None:
    job = await house.submit(32)
    for attempt in range(MAX_ATTEMPTS):
        assert (await house.stored(job.id)).decode_attempts == attempt
        work = await house.work(job)
        work.load()
        await house.until_loaded(work)
        work.decode()  # The codec is called; the pixels never come.
        await house.gates.settled()
        await restarted(house)
    assert (await house.ended(job)).state is JobState.FAILED


async def test_a_retry_that_was_recorded_runs_after_the_start(house: House) -> None:
    job = await house.submit(32)
    work = await house.decoded(job)
    work.start(0)
    work.fail(0)
    await house.ended(job)
    house.gates.closed = {"write out"}
    retrying = asyncio.create_task(house.service.retry(job.id, EVERYBODYS))
    await house.gates.arrival("write out")
    await restarted(house)
    assert retrying.cancelled()
    await house.finish(job)
    assert (await story_in(house, job)).view["state"] == "completed"


async def test_a_start_that_only_dies_costs_a_job_no_attempt(house: House) -> None:
    job = await house.submit(32)
    await house.decoded(job)
    await house.gates.settled()
    for _ in range(MAX_ATTEMPTS + 1):
        await restarted(house)
    await house.finish(job)
    assert (await story_in(house, job)).view["state"] == "completed"


async def test_a_journal_that_cannot_be_written_at_the_start_is_told_at_once(house: House) -> None:
    job = await house.submit(32)
    work = await house.decoded(job)
    work.start(0)
    await house.gates.settled()
    await house.die()
    await asyncio.to_thread(house.reopen)
    house.gates.failing = 1
    with pytest.raises(StorageFullError):
        await house.start()
    await restarted(house)
    await house.finish(job)
    assert (await story_in(house, job)).view["state"] == "completed"
