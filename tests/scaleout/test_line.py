"""Jobs that are found open in the journal go into the queue only where it does not have them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from bullmq import Queue

from pixelpipe.jobs.model import JobState, new_job_id
from pixelpipe.scaleout.line import Line
from pixelpipe.scaleout.queue_job import GivenUp, QueuedJob
from tests.journals import make_job
from tests.scaleout.queues import PATIENCE_S, House, soon, until


class Held:
    """What a worker does: it holds a job until it is told to go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.journal_id = ""
        self.left: list[GivenUp] = []
        self.starts = 0

    async def process(self, job: QueuedJob) -> object:
        """Hold it."""
        self.starts += 1
        self.journal_id = await job.journal_id()
        self.begun.set()
        await self.go_on.wait()
        return None

    async def give_up(self, job: QueuedJob, why: GivenUp) -> None:
        """Remember that."""
        del job
        self.left.append(why)


@pytest_asyncio.fixture
async def line(house: House) -> AsyncIterator[Line]:
    opened = Line(house.queue, 100, lambda: True)
    yield opened
    await opened.close()


async def _add_as_others_do(house: House, **options: object) -> None:
    others = Queue(house.place.name, {"connection": house.redis})
    await others.add("image", {}, {"jobId": "theirs", **options})


async def _in_queue(house: House) -> int:
    counts = await house.queue.counts()
    return counts.waiting + counts.active + counts.delayed


async def test_another_programs_job_that_a_node_holds_is_not_put_in_again(
    house: House, line: Line
) -> None:
    held = Held()
    await _add_as_others_do(house)
    async with house.working(held.process):
        await soon(held.begun)
        await line.put(make_job(held.journal_id, state=JobState.RUNNING), again=True)
        assert (await _in_queue(house), line.waiting) == (1, 0)
        held.go_on.set()
        await house.completed("theirs")
        await line.put(make_job(held.journal_id), again=True)
        await house.completed(held.journal_id)


async def test_another_programs_job_is_withdrawn_by_the_name_it_has_there(
    house: House, line: Line
) -> None:
    held = Held()
    await _add_as_others_do(house)
    async with house.working(held.process, give_up=held.give_up):
        await soon(held.begun)
        assert not await line.withdraw(held.journal_id)
        assert (await house.failed("theirs")).startswith("cancelled: ")
    assert held.left == [GivenUp.CANCELLED]


async def test_another_programs_job_that_waits_stays_to_be_told_of_its_end(
    house: House, line: Line
) -> None:
    held = Held()
    await _add_as_others_do(house)
    async with house.working(held.process):
        await soon(held.begun)
    # Handed back by the worker that was closed.
    assert await line.withdraw(held.journal_id)
    assert await _in_queue(house) == 1
    async with house.working(held.process, give_up=held.give_up):
        assert (await house.failed("theirs")).startswith("cancelled: ")
    assert held.starts == 1


async def test_a_job_tried_again_before_its_end_is_told_is_done_again(
    house: House, line: Line
) -> None:
    held, job = Held(), make_job(new_job_id())

    async def begun_again() -> bool:
        return held.starts == 2

    await line.put(job)
    async with house.working(held.process):
        await soon(held.begun)
        assert not await line.put(job, again=True)
        held.go_on.set()
        await house.completed(job.id)
        assert await line.put(job, again=True)
        await until(begun_again)


async def test_counting_ends_while_it_connects(
    line: Line, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def swallowed(states: list[str]) -> list[int]:
        asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return [0] * len(states)

    monkeypatch.setattr(house.queue._queue.backend, "getCounts", swallowed)
    line.start()
    await soon(asked)
    async with asyncio.timeout(PATIENCE_S):
        await line.close()
