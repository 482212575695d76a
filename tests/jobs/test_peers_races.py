"""Several processes over one journal: what comes between two steps of one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from pixelpipe.errors import NotRetryableError, StorageFailedError
from pixelpipe.jobs.model import Job, JobState
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.storage.marks import FileMarks
from tests.http_jobs import until
from tests.jobs.gates import PATIENCE_S
from tests.jobs.house import EVICT, House, soon, until_told
from tests.jobs.town import Line, Town, heard, open_town


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path, "1", "2") as opened:
        yield opened


async def told_by_both(town: Town) -> None:
    """Each house has told of an event, and so remembers what comes after it."""
    one, two = town.houses
    earlier = await one.submit(16, number=9)
    following = asyncio.create_task(heard(two, earlier))
    await one.finish(earlier)
    await following


async def test_who_asks_before_the_end_was_read_from_the_journal_still_hears_of_it(
    town: Town,
) -> None:
    one, two = town.houses
    await told_by_both(town)
    job = await one.submit(32)
    seen = await one.journal.last_event_id()
    town.peers[1].deaf = True
    await one.finish(job)

    events = await heard(two, job, seen - 1)

    assert events
    assert events[-1].terminal


async def test_of_two_who_begin_to_follow_an_ended_job_at_once_none_waits_for_more(
    town: Town,
) -> None:
    one, two = town.houses
    await told_by_both(town)
    job = await one.submit(32)
    seen = await one.journal.last_event_id() - 1
    following = asyncio.create_task(heard(two, job, seen))
    await one.finish(job)
    await following

    told = await asyncio.gather(*(heard(two, job, seen) for _ in range(2)))

    assert told[0] == told[1]
    assert told[0][-1].terminal


async def test_a_job_that_ends_while_it_is_claimed_is_not_made_again(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)
    two.engine.spare = 1
    two.gates.closed = {"claim in"}
    one.engine.on_waiting(job.id)
    claim = await two.gates.arrival("claim in")
    await one.finish(job)

    two.gates.go_on(claim)
    two.gates.open()
    await two.gates.settled()

    assert not two.service.running
    assert (await one.told(job)).count("job.completed") == 1


async def test_a_job_that_begins_while_it_is_claimed_goes_on_where_it_was(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32, 48)
    await one.work(job)
    two.engine.spare = 1
    two.gates.closed = {"claim in"}
    one.engine.on_waiting(job.id)
    claim = await two.gates.arrival("claim in")
    work = await one.decoded(job)
    work.start(0)
    work.make(0)
    work.start(1)
    async with asyncio.timeout(PATIENCE_S):
        while (await one.told(job)).count("variant.completed") < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    two.gates.go_on(claim)
    two.gates.open()
    await two.finish(await two.stored(job.id))

    told = await one.told(job)
    assert told.count("job.started") == 1
    assert told.count("variant.completed") == 2


async def test_a_job_that_is_cancelled_while_it_is_claimed_is_cancelled(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.work(job)
    two.engine.spare = 1
    two.gates.closed = {"claim out"}
    one.engine.on_waiting(job.id)
    claim = await two.gates.arrival("claim out")

    deleting = asyncio.create_task(one.service.delete(job.id, EVERYBODYS))
    await until(lambda: not one.service.running)
    two.gates.go_on(claim)
    two.gates.open()

    cancelled = await deleting
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    assert (await two.stored(job.id)).state is JobState.CANCELLED


async def test_what_is_read_in_one_process_is_not_removed_by_another(
    town: Town, tmp_path: Path
) -> None:
    one, two = town.houses
    job = await one.submit(32)
    await one.finish(job)
    job = await two.service.get(job.id, EVERYBODYS)
    (blob,) = (variant.blob for variant in job.variants)
    assert blob is not None
    with (
        closing(FileMarks(tmp_path / "in-use")) as here,
        closing(FileMarks(tmp_path / "in-use")) as there,
    ):
        one.service._stores.in_use.marks, two.service._stores.in_use.marks = here, there
        with two.service.reading(job):
            await one.look_after(EVICT)
            assert (await two.stored(job.id)).deleted_at is None
            await one.service.delete(job.id, EVERYBODYS)
            await one.look_after()
            assert await two.blobs.intact(blob)
        await one.look_after()
        assert not await two.blobs.intact(blob)


async def test_what_a_node_that_lost_its_job_makes_until_it_is_claimed_is_not_made_again(
    tmp_path: Path,
) -> None:
    line = Line()
    async with open_town(tmp_path, "1", "2", line=line) as town:
        one, two = town.houses
        job = await one.submit(32, 48)
        working = [asyncio.create_task(one.run(line.take()))]
        work = await one.decoded(job)
        work.start(0)
        work.start(1)
        async with asyncio.timeout(PATIENCE_S):
            while (await one.told(job)).count("variant.started") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        two.gates.closed = {"claim in"}
        working.append(asyncio.create_task(two.run(job.id)))
        claim = await two.gates.arrival("claim in")
        work.make(0)
        async with asyncio.timeout(PATIENCE_S):
            while (await one.told(job)).count("variant.completed") < 1:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

        two.gates.go_on(claim)
        two.gates.open()
        await two.finish(await two.stored(job.id))

        work.make(1)  # Which is refused: so it hears of it.
        await asyncio.gather(*working)
        assert (await one.told(job)).count("variant.completed") == 2


async def _failed(town: Town) -> Job:
    one = town.houses[0]
    job = await one.submit(32)
    work = await one.decoded(job)
    work.start(0)
    work.fail(0)
    return await one.ended(job)


async def _retries(town: Town, job: Job) -> list[asyncio.Task[Job]]:
    """Retries of both: the second one found the job as the first has claimed it, but not more."""
    one, two = town.houses
    one.gates.closed, two.gates.closed = {"claim out"}, {"claim in"}
    first = asyncio.create_task(one.service.retry(job.id, EVERYBODYS))
    await one.gates.arrival("claim out")
    second = asyncio.create_task(two.service.retry(job.id, EVERYBODYS))
    await two.gates.arrival("claim in")
    return [first, second]


async def test_a_retry_that_looked_before_another_was_recorded_is_refused(town: Town) -> None:
    one, two = town.houses
    first, second = await _retries(town, await _failed(town))
    one.gates.open()
    job = await first
    two.gates.open()
    with pytest.raises(NotRetryableError, match="job is queued"):
        await second
    await one.finish(job)
    assert (await one.told(job)).count("job.requeued") == 1


async def test_a_retry_whose_job_is_claimed_before_it_is_recorded_is_refused(town: Town) -> None:
    one, two = town.houses
    first, second = await _retries(town, await _failed(town))
    two.gates.closed = {"write"}
    two.gates.go_on(await two.gates.arrival("claim in"))
    await two.gates.arrival("write in")
    one.gates.open()
    with pytest.raises(NotRetryableError, match="for another request"):
        await first
    two.gates.open()
    job = await second
    await two.finish(job)
    assert (await two.told(job)).count("job.requeued") == 1


async def test_a_job_that_is_tried_again_elsewhere_while_it_is_removed_is_cancelled(
    town: Town,
) -> None:
    one, two = town.houses
    job = await _failed(town)
    one.gates.closed = {"bury in"}
    deleting = asyncio.create_task(one.service.delete(job.id, EVERYBODYS))
    await one.gates.arrival("bury in")
    await two.service.retry(job.id, EVERYBODYS)
    one.gates.open()
    cancelled = await soon(deleting)
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED


async def test_what_is_made_again_here_does_not_undo_an_end_elsewhere(town: Town) -> None:
    one, two = town.houses
    job = await one.submit(32, 48)
    work = await one.decoded(job)
    work.start(0)
    work.make(0)
    work.start(1)
    work.fail(1)
    job = await one.ended(job)
    lost = job.variants[0].blob
    assert lost is not None
    await asyncio.to_thread(one.remove, lost.sha256)
    await two.service.retry(job.id, EVERYBODYS)
    again = await two.decoded(job)
    again.start(0)
    await until_told(two, job, "variant.started", 3)

    # Made by another version of the codec, so that the journal has to be told of it.
    made = one.engine.bytes_of
    one.engine.bytes_of = lambda content, task: made(content, task) + b"!"
    one.gates.closed = {"write in", "get out"}
    reading = asyncio.create_task(_read(one, job))
    mending = await one.decoded(job)
    mending.start(0)
    mending.make(0)
    await one.gates.arrival("get out")
    again.make(0)
    await two.ended(job)
    one.gates.open()
    with pytest.raises(StorageFailedError, match="tried again"):
        await soon(reading)
    assert (await one.stored(job.id)).state is JobState.COMPLETED


async def _read(house: House, job: Job) -> None:
    with house.service.reading(job):
        await house.service.stored(job, job.variants[0])
