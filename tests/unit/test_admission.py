"""Who may wait for memory, and who gets it next; on a real arena that is full."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from pixelpipe.engine.admission import Admission
from pixelpipe.engine.arena import Arena
from pixelpipe.engine.pool import Pool
from pixelpipe.engine.process import WORKER_MAIN, Spawner
from pixelpipe.engine.work import Order, Sink, Work
from pixelpipe.errors import PixelPipeError, QueueFullError
from pixelpipe.recipes.plan import Plan
from tests.tasks import make_decode, make_task

MIB = 1024 * 1024
LIMIT = 12


async def _load(_: memoryview) -> None:
    """There is nothing to read."""


def _unexpected(work: Work, error: PixelPipeError) -> None:
    raise AssertionError(f"{work} failed with {error}")


class Waiting:
    """An admission that lets nobody in before `lease` is released: it is all that there is.

    Attributes:
        now_s: What its clock says.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.arena = Arena(4 * MIB, MIB)
        lease = self.arena.work.take(3 * MIB)
        assert lease is not None
        self.lease = lease
        self.works: list[Work] = []
        self.entered: list[str] = []
        self.pool = Pool(
            Spawner(WORKER_MAIN, self.arena.segment), size=8, deadline_s=1, on_free=lambda: None
        )
        self.admission = Admission(
            self.arena.work,
            queue_limit=LIMIT,
            pool=self.pool,
            on_ready=self._ready,
            on_failed=_unexpected,
            clock=lambda: self.now_s,
        )

    def enter(self, label: str, *, client: str, priority: int = 0) -> Work:
        """Let a job wait."""
        plan = Plan(make_decode(), (make_task(),))
        order = Order(label, plan, None, 100, _load, client=client, priority=priority)
        work = Work(len(self.works), order, cast("Sink", object()), None)
        self.works.append(work)
        self.admission.enter(work)
        return work

    def fill(self, client: str) -> int:
        """Let the client's jobs wait until one is refused; gives the limit that it met."""
        for _ in range(10 * LIMIT):
            refused = self.refusal(client)
            if refused is not None:
                return int(refused.extensions["limit"])
            self.enter(client, client=client)
        raise AssertionError("nobody is ever refused")

    def refusal(self, client: str) -> QueueFullError | None:
        """Why the client may not have another job waiting."""
        try:
            self.admission.check_queue(client, 0)
        except QueueFullError as error:
            return error
        return None

    async def close(self) -> None:
        """Forget whoever waits, and take it down."""
        for work in self.works:
            self.admission.leave(work)
        await self.pool.close()
        for lease in self.arena.leases:
            lease.release()
        self.arena.close()

    def _ready(self, work: Work) -> None:
        self.entered.append(work.order.label)
        work.release_source()
        work.release_buffers()
        self.admission.leave(work)


@pytest_asyncio.fixture
async def waiting() -> AsyncIterator[Waiting]:
    waiting = Waiting()
    yield waiting
    await waiting.close()


async def test_a_client_by_itself_may_use_the_whole_queue(waiting: Waiting) -> None:
    assert waiting.fill("a") == LIMIT
    assert waiting.admission.waiting == LIMIT


async def test_each_further_client_gets_its_share(waiting: Waiting) -> None:
    waiting.fill("a")
    assert waiting.fill("b") == LIMIT // 2
    assert waiting.admission.waiting == LIMIT + LIMIT // 2
    assert waiting.fill("c") == LIMIT // 3
    with pytest.raises(QueueFullError, match="no more than 4 may while the queue is shared by 3"):
        waiting.admission.check_queue("a", 0)


async def test_no_more_than_twice_the_limit_wait_however_many_clients_come(
    waiting: Waiting,
) -> None:
    limits = [waiting.fill(f"client {number}") for number in range(3 * LIMIT)]
    assert waiting.admission.waiting == 2 * LIMIT
    assert limits[-1] == 2 * LIMIT


async def test_more_clients_than_the_limit_may_have_one_job_each(waiting: Waiting) -> None:
    for number in range(2 * LIMIT):
        waiting.admission.check_queue(f"client {number}", 0)
        waiting.enter("job", client=f"client {number}")
    with pytest.raises(QueueFullError):
        waiting.admission.check_queue("one more", 0)


async def test_jobs_on_their_way_count(waiting: Waiting) -> None:
    waiting.enter("job", client="a")
    waiting.admission.check_queue("a", LIMIT - 2)
    with pytest.raises(QueueFullError, match=f"{LIMIT} jobs of yours"):
        waiting.admission.check_queue("a", LIMIT - 1)


async def test_a_client_that_has_left_takes_no_share(waiting: Waiting) -> None:
    work = waiting.enter("job", client="a")
    waiting.admission.leave(work)
    assert waiting.fill("b") == LIMIT


async def test_clients_enter_by_turns_and_each_ones_jobs_by_priority(waiting: Waiting) -> None:
    for number in range(3):
        waiting.enter(f"a{number}", client="a")
    waiting.enter("a urgent", client="a", priority=1)
    waiting.enter("b", client="b")
    waiting.lease.release()
    assert waiting.admission.waiting == 0
    async with asyncio.timeout(10):
        while waiting.admission._tasks:
            await asyncio.wait(waiting.admission._tasks)
    assert waiting.entered == ["a urgent", "b", "a0", "a1", "a2"]


def _longest_s(refused: list[QueueFullError]) -> int:
    return max(error.retry_after_s or 0 for error in refused)


def _refusals(waiting: Waiting, client: str) -> list[QueueFullError]:
    refused = [waiting.refusal(client) for _ in range(200)]
    return [error for error in refused if error is not None]


async def test_a_client_is_told_what_is_left_of_its_share(waiting: Waiting) -> None:
    waiting.enter("job", client="a")
    standing = waiting.admission.standing("a", 2)
    assert (standing.share, standing.left) == (LIMIT, LIMIT - 3)
    waiting.fill("a")
    standing = waiting.admission.standing("b", 0)
    assert (standing.share, standing.left) == (LIMIT // 2, LIMIT // 2)
    assert waiting.admission.standing("a", 0).left == 0


async def test_nothing_that_waits_is_no_time_to_wait(waiting: Waiting) -> None:
    assert waiting.admission.standing("a", 0).wait_s == 0.0


async def test_the_wait_is_the_work_that_waits_by_the_workers_there_are(waiting: Waiting) -> None:
    works = [waiting.enter("job", client="a") for _ in range(LIMIT)]
    expected_s = sum(work.cost_ms for work in works) / (1000 * waiting.pool.size)
    assert waiting.admission.standing("a", 0).wait_s == pytest.approx(expected_s)


async def test_a_client_waits_for_as_much_of_the_others_as_it_has_itself(waiting: Waiting) -> None:
    for _ in range(LIMIT):
        waiting.enter("job", client="greedy")
    alone_s = waiting.admission.standing("greedy", 0).wait_s
    waiting.enter("job", client="polite")
    assert waiting.admission.standing("polite", 0).wait_s == pytest.approx(alone_s * 2 / LIMIT)
    assert waiting.admission.standing("greedy", 0).wait_s == pytest.approx(
        alone_s * (LIMIT + 1) / LIMIT
    )


async def test_who_is_refused_while_nothing_moves_is_told_to_wait_longer_and_longer(
    waiting: Waiting,
) -> None:
    waiting.fill("a")
    early = _refusals(waiting, "a")
    waiting.now_s += 100_000.0
    late = _refusals(waiting, "a")
    assert all(1 <= (error.retry_after_s or 0) <= 300 for error in early + late)
    assert _longest_s(late) > _longest_s(early)
    assert len({error.retry_after_s for error in late}) > 10


async def test_the_wait_is_measured_by_what_the_workers_took_lately(waiting: Waiting) -> None:
    """They take up a job a minute, which is far less than they are first taken for."""
    works = [waiting.enter("job", client="a") for _ in range(LIMIT)]
    for work in works[: LIMIT // 2]:
        waiting.now_s += 60.0
        waiting.admission.leave(work)
        waiting.admission._pace.took(work.cost_ms)
    left_s = 60.0 * (LIMIT - LIMIT // 2)
    assert waiting.admission.standing("a", 0).wait_s == pytest.approx(left_s, rel=0.5)


async def test_a_client_that_has_nothing_waiting_is_told_the_wait_of_a_job_like_the_others(
    waiting: Waiting,
) -> None:
    for number in range(2 * LIMIT):
        waiting.enter("job", client=f"client {number}")
    everything_s = waiting.admission.standing("client 0", 0).wait_s
    assert waiting.admission.standing("one more", 0).wait_s == pytest.approx(everything_s)
