"""Who works on what next."""

from typing import cast

from pixelpipe.engine.arena import Lease
from pixelpipe.engine.scheduler import WHOLE_MS, Choice, Scheduler
from pixelpipe.engine.work import Order, Sink, Work
from pixelpipe.formats.registry import Format
from pixelpipe.recipes.plan import Plan
from tests.tasks import make_decode, make_task

PIXELS = 1200


def _work(number: int, tasks: int = 8, *, side: int = PIXELS, **changes: object) -> Work:
    made = [make_task(str(n), width=side, height=side, **changes) for n in range(tasks)]
    plan = Plan(make_decode(side, side), tuple(made))
    lease = cast("Lease", object())
    return Work(number, Order("job", plan, lease, 100, None), cast("Sink", object()), lease)


def _ready(*works: Work, workers: int = 4) -> Scheduler:
    scheduler = Scheduler(workers)
    for work in works:
        scheduler.add_ready(work)
    return scheduler


def _next(scheduler: Scheduler) -> Choice:
    choice = scheduler.next()
    assert choice is not None
    return choice


def test_nothing_is_nothing() -> None:
    assert Scheduler(4).next() is None


def test_the_workers_share_one_job() -> None:
    work = _work(1)
    scheduler = _ready(work)
    first = _next(scheduler)
    assert first.decode
    assert len(first.tasks) == 1
    assert scheduler.next() is None
    scheduler.add_decoded(work)
    given = list(first.tasks)
    while (choice := scheduler.next()) is not None:
        assert not choice.decode
        assert len(choice.tasks) == 1
        given += choice.tasks
    assert sorted(given) == list(range(8))


def test_the_last_free_worker_leaves_some_for_the_others() -> None:
    work = _work(1)
    scheduler = _ready(work, workers=2)
    _next(scheduler)
    scheduler.add_decoded(work)
    assert len(_next(scheduler).tasks) < 4
    assert work.pending


def test_in_a_backlog_a_worker_takes_a_job_whole() -> None:
    scheduler = _ready(_work(1), _work(2), workers=2)
    choice = _next(scheduler)
    assert choice.decode
    assert len(choice.tasks) == 8


def test_a_whole_job_is_cut_where_it_gets_long() -> None:
    work = _work(1, tasks=12, format=Format.AVIF)
    choice = _next(_ready(work, _work(2), workers=2))
    assert 1 <= len(choice.tasks) < 12
    assert sum(work.costs_ms[index] for index in choice.tasks) <= WHOLE_MS
    assert sorted([*choice.tasks, *work.pending]) == list(range(12))


def test_tasks_of_decoded_jobs_go_before_new_decodes() -> None:
    decoded, fresh = _work(1), _work(2)
    scheduler = _ready(fresh, workers=1)
    scheduler.add_decoded(decoded)
    assert _next(scheduler).work is decoded
    assert _next(scheduler).work is fresh


def test_the_costliest_go_first_and_are_weighed_not_counted() -> None:
    tasks = [make_task(str(n), width=40, height=30) for n in range(20)]
    tasks.append(make_task("costly", width=2000, height=2000, format=Format.AVIF))
    lease = cast("Lease", object())
    order = Order("job", Plan(make_decode(), tuple(tasks)), lease, 100, None)
    work = Work(1, order, cast("Sink", object()), lease)
    scheduler = Scheduler(2)
    scheduler.add_decoded(work)
    assert _next(scheduler).tasks == (20,)
    assert len(_next(scheduler).tasks) == 20


def test_small_jobs_are_not_spread() -> None:
    work = _work(1, tasks=3, side=60)
    assert len(_next(_ready(work, workers=8)).tasks) == 3


def test_what_is_given_out_again_waits_its_turn_by_cost() -> None:
    work = _work(1)
    scheduler = Scheduler(1)
    scheduler.add_decoded(work)
    taken = _next(scheduler).tasks
    work.unsettled.discard(taken[0])
    work.requeue(taken)
    assert sorted(work.pending) == sorted(taken[1:])


def test_a_removed_job_is_given_to_nobody() -> None:
    ready, decoded = _work(1), _work(2)
    scheduler = _ready(ready)
    scheduler.add_decoded(decoded)
    scheduler.remove(ready)
    scheduler.remove(decoded)
    assert scheduler.next() is None


def test_a_decode_with_a_strike_waits_for_a_fresh_worker_and_holds_up_nobody() -> None:
    struck, other = _work(1), _work(2)
    struck.decode_attempts.strikes = 1
    scheduler = _ready(struck, other)
    assert scheduler.wants_fresh
    choice = scheduler.next(fresh=False)
    assert choice is not None
    assert choice.work is other
    assert scheduler.next(fresh=False) is None
    assert _next(scheduler).work is struck
    assert not scheduler.wants_fresh


def test_a_task_with_a_strike_waits_alone_and_comes_first_on_a_fresh_worker() -> None:
    first, second = _work(1, tasks=2), _work(2, tasks=3)
    scheduler = Scheduler(1)
    for work in (first, second):
        scheduler.add_decoded(work)
    second.attempts[1].strikes = 1
    assert _next(scheduler).work is second
    second.requeue([0, 1, 2])
    given = []
    while (choice := scheduler.next(fresh=False)) is not None:
        given += [(choice.work.number, index) for index in choice.tasks]
    assert sorted(given) == [(1, 0), (1, 1), (2, 0), (2, 2)]
    assert _next(scheduler).tasks == (1,)
