"""Whose turn it is, in examples."""

import math

import pytest

from pixelpipe.engine.fair_queue import FairQueue


def _filled(*items: str, cost_ms: float = 10) -> FairQueue[str]:
    """A queue of items that are named for their client by the first letter."""
    queue: FairQueue[str] = FairQueue()
    _add(queue, *items, cost_ms=cost_ms)
    return queue


def _add(queue: FairQueue[str], *items: str, cost_ms: float = 10, priority: int = 0) -> None:
    for item in items:
        queue.push(item, client=item[0], cost_ms=cost_ms, priority=priority)


def _drain(queue: FairQueue[str]) -> list[str]:
    return [queue.pop() for _ in range(len(queue))]


def test_an_empty_queue_has_nothing_to_give() -> None:
    queue: FairQueue[str] = FairQueue()
    assert queue.peek() is None
    assert not queue
    with pytest.raises(IndexError):
        queue.pop()


def test_one_clients_items_go_in_order_of_arrival() -> None:
    items = [f"a{number}" for number in range(50)]
    assert _drain(_filled(*items)) == items


def test_clients_take_turns_whoever_came_first() -> None:
    queue = _filled("a1", "a2", "a3", "b1", "b2", "b3")
    assert _drain(queue) == ["a1", "b1", "a2", "b2", "a3", "b3"]


def test_a_flood_keeps_nobody_waiting() -> None:
    queue = _filled(*(f"flood{number}" for number in range(1000)))
    for _ in range(100):
        queue.pop()
    _add(queue, "newcomer")
    assert "newcomer" in [queue.pop(), queue.pop()]


def test_shares_are_of_work_and_not_of_items() -> None:
    queue = _filled(*(f"a{number}" for number in range(10)), cost_ms=100)
    _add(queue, *(f"b{number}" for number in range(100)), cost_ms=10)
    first = [queue.pop() for _ in range(55)]
    assert [item[0] for item in first].count("a") == 5


def test_a_higher_priority_goes_first_and_equals_in_order() -> None:
    queue = _filled("a1", "a2")
    _add(queue, "a3", "a4", priority=5)
    _add(queue, "a5", priority=-1)
    assert _drain(queue) == ["a3", "a4", "a1", "a2", "a5"]


def test_priority_gains_nothing_over_another_client() -> None:
    queue = _filled("a1", "a2", "b1", "b2")
    _add(queue, "b3", "b4", priority=10)
    assert [item[0] for item in _drain(queue)] == ["a", "b", "a", "b", "b", "b"]


def test_idling_earns_nothing() -> None:
    queue = _filled(*(f"a{number}" for number in range(100)))
    _add(queue, "b0")
    for _ in range(50):
        queue.pop()
    _add(queue, *(f"b{number}" for number in range(1, 20)))
    served = [queue.pop()[0] for _ in range(20)]
    assert served.count("b") == 10


def test_coming_back_at_once_forgives_nothing() -> None:
    queue = _filled(*(f"a{number}" for number in range(20)))
    _add(queue, "b0")
    served = []
    for number in range(1, 21):
        item = queue.pop()
        served.append(item[0])
        if item[0] == "b":
            _add(queue, f"b{number}")
    assert served.count("b") == 10


def test_newcomers_without_end_do_not_keep_a_client_waiting() -> None:
    queue = _filled("a1", "a2", cost_ms=100)
    names = iter(chr(code) for code in range(1000, 2000))
    served = []
    while "a2" not in served:
        _add(queue, next(names), cost_ms=10)
        served.append(queue.pop())
    assert len(served) <= 40


def test_an_urgent_trifle_of_a_client_that_waits_does_not_set_the_time_back() -> None:
    queue = _filled("dear", cost_ms=1000)
    _add(queue, *(f"steady {number}" for number in range(20)), cost_ms=100)
    for _ in range(9):
        assert queue.pop().startswith("steady")
    _add(queue, "d trifle", priority=1)
    assert queue.pop() == "d trifle"
    _add(queue, *(f"newcomer {number}" for number in range(20)), cost_ms=100)
    assert "".join(queue.pop()[0] for _ in range(6)) == "sndsns"


def test_what_is_sent_back_is_next_and_not_charged_twice() -> None:
    queue = _filled("a1", "a2", "b1", "b2")
    item = queue.pop()
    queue.send_back(item, client="a")
    assert queue.peek() == item == "a1"
    assert queue.count("a") == 2
    assert _drain(queue) == ["a1", "b1", "a2", "b2"]


def test_what_was_sent_back_last_is_next() -> None:
    queue = _filled("a1", "b1", "a2")
    for item in [queue.pop(), queue.pop()]:
        queue.send_back(item, client=item[0])
    assert _drain(queue) == ["b1", "a1", "a2"]


def test_a_last_item_can_be_sent_back() -> None:
    queue = _filled("a1")
    queue.send_back(queue.pop(), client="a")
    assert (len(queue), queue.count("a"), queue.clients) == (1, 1, 1)
    assert queue.pop() == "a1"
    assert queue.clients == 0


def test_an_item_can_be_taken_out_wherever_it_stands() -> None:
    queue = _filled("a1", "a2", "a3", "b1", "c1")
    queue.send_back(queue.pop(), client="a")
    for item in ["a1", "a3", "c1"]:
        queue.remove(item)
        assert item not in queue
    assert _drain(queue) == ["b1", "a2"]


def test_what_is_taken_out_is_not_charged() -> None:
    queue = _filled("a1", cost_ms=1000)
    _add(queue, "a2", "b1")
    queue.remove("a1")
    assert _drain(queue) == ["a2", "b1"]


def test_it_counts_each_clients_items() -> None:
    queue = _filled("a1", "a2", "b1")
    assert (len(queue), queue.clients) == (3, 2)
    assert [queue.count(client) for client in "abc"] == [2, 1, 0]
    _drain(queue)
    assert (len(queue), queue.clients, queue.count("a")) == (0, 0, 0)


def test_an_item_is_queued_once() -> None:
    queue = _filled("a1")
    with pytest.raises(ValueError, match="already"):
        queue.push("a1", client="b", cost_ms=1)
    with pytest.raises(ValueError, match="already"):
        queue.send_back("a1", client="a")
    with pytest.raises(KeyError):
        queue.remove("b1")


@pytest.mark.parametrize("cost_ms", [0, -1, math.inf, math.nan])
def test_what_costs_nothing_or_all_is_refused(cost_ms: float) -> None:
    queue: FairQueue[str] = FairQueue()
    with pytest.raises(ValueError, match="cost"):
        queue.push("a1", client="a", cost_ms=cost_ms)
    assert not queue


def _size(queue: FairQueue[str]) -> int:
    """How many entries it keeps of whatever kind."""
    rankings = [queue._turns, *(backlog.items for backlog in queue._backlogs.values())]
    heaps = sum(len(ranking._heap) + len(ranking._ranks) for ranking in rankings)
    return heaps + len(queue._tickets) + len(queue._backlogs) + len(queue._counts)


def test_clients_that_have_left_leave_nothing_behind() -> None:
    queue = _filled("a1", "a2", cost_ms=1e9)
    for number in range(1000):
        queue.push(f"{number}", client=f"client {number}", cost_ms=1)
        assert queue.pop() == f"{number}"
        queue.count(f"stranger {number}")
    assert _size(queue) < 60


def test_items_that_come_and_go_leave_nothing_behind() -> None:
    queue = _filled("a1")
    for number in range(1000):
        _add(queue, f"a-{number}", f"b-{number}")
        queue.remove(f"a-{number}")
        queue.remove(f"b-{number}")
    assert _size(queue) < 80
