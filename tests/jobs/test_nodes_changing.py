"""Jobs that change hands, end and begin again while somebody has, or waits for, them."""

import asyncio

import pytest

from pixelpipe.errors import WorkerCrashedError
from pixelpipe.jobs.model import JobState
from pixelpipe.jobs.reach import EVERYBODYS
from tests.http_jobs import until
from tests.jobs.gates import PATIENCE_S
from tests.jobs.house import passing
from tests.jobs.town import Line, Town, heard


async def test_what_a_node_lets_go_of_while_it_takes_it_over_it_can_take_again(
    town: Town, line: Line
) -> None:
    front, one, two = town.houses
    job = await front.submit(32)
    job_id = line.take()
    lost = asyncio.create_task(one.run(job_id))
    (await one.decoded(job)).start(0)
    await until(lambda: "variant.started" in {event.type for event in front.service._feed._tail})
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)

    two.gates.closed = {"write"}
    taking = asyncio.create_task(two.run(job_id))
    await two.gates.arrival("write in")
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    two.gates.open()
    assert not two.service.running

    again = asyncio.create_task(two.run(job_id))
    await two.finish(await two.stored(job_id))
    assert (await again).state is JobState.COMPLETED


async def test_an_end_that_the_journal_refuses_is_none(town: Town, line: Line) -> None:
    front, one, two = town.houses
    await front.submit(32)
    job_id = line.take()
    one.gates.closed = {"write"}
    taking = asyncio.create_task(one.run(job_id, WorkerCrashedError("x")))
    for place in ("write in", "write out"):
        await passing(one, place)
    await one.gates.arrival("write in")
    assert await two.journal.claim(job_id, (await two.stored(job_id)).epoch)
    one.gates.open()
    assert (await taking).state is JobState.QUEUED


async def test_who_begins_to_wait_at_a_front_that_has_stopped_gets_the_job_as_it_stands(
    town: Town,
) -> None:
    front, *_ = town.houses
    job = await front.submit(32)
    front.gates.closed = {"get"}
    waiting = asyncio.create_task(front.service.wait(job, PATIENCE_S))
    await front.gates.arrival("get in")
    await front.service.drain(0)
    front.gates.open()
    async with asyncio.timeout(PATIENCE_S / 2):
        assert (await waiting).state is JobState.QUEUED


async def test_an_end_that_is_heard_of_once_the_job_is_tried_again_is_not_its_end(
    town: Town, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    front, one, two = town.houses
    job = await front.submit(32)
    job_id = line.take()
    tail = front.service._others._tail
    # Others' events are still on their way.
    monkeypatch.setattr(tail, "look", lambda: None)
    await one.run(job_id, WorkerCrashedError("x"))
    line.taken.clear()
    retried = await front.service.retry(job_id, EVERYBODYS)
    waiting = asyncio.create_task(front.service.wait(retried, PATIENCE_S))
    following = asyncio.create_task(heard(front, retried))
    await until(lambda: bool(front.service._others.waiting))
    for event in await front.events(job):
        tail.hear([event])
        await front.gates.settled()

    monkeypatch.undo()
    work = asyncio.create_task(two.run(line.take()))
    await two.finish(await two.stored(job_id))
    assert (await work).state is JobState.COMPLETED
    assert (await waiting).state is JobState.COMPLETED
    assert (await following)[-1].type == "job.completed"


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_ends_while_it_is_taken_ends_once(
    town: Town, line: Line, *, cancelled: bool
) -> None:
    front, one, two = town.houses
    job = await front.submit(32)
    job_id = line.take()
    going_on = asyncio.create_task(one.run(job_id))
    await one.work(job)
    two.gates.closed = {"get out"}
    # It was lost, as far as the queue knows.
    again = two.service.cancel_taken(job_id) if cancelled else two.service.take(job_id)
    taking = asyncio.create_task(again)
    await two.gates.arrival("get out")
    await one.finish(job)
    two.gates.open()
    await asyncio.gather(going_on, taking)
    assert not two.service.running
    assert [told for told in await front.told(job) if told.startswith("job.")] == [
        "job.accepted",
        "job.started",
        "job.completed",
    ]
