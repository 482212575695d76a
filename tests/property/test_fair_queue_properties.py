"""What holds for the fair queue, whoever asks for what and when."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from pixelpipe.engine.fair_queue import FairQueue

CLIENTS = "abcd"

clients = st.sampled_from(CLIENTS)
costs = st.integers(1, 1000)
priorities = st.integers(-2, 2)
wishes = st.tuples(clients, costs, priorities)


@dataclass(eq=False)
class Item:
    """Something queued; told apart by what it is, like a job."""

    client: str
    cost_ms: int
    priority: int
    number: int


@dataclass
class Model:
    """The slow and plain truth about what is queued."""

    queued: list[Item] = field(default_factory=list)
    sent_back: list[Item] = field(default_factory=list)

    @property
    def all(self) -> list[Item]:
        return self.queued + self.sent_back

    def of(self, client: str) -> list[Item]:
        """The client's own, the next one first."""
        own = [item for item in self.queued if item.client == client]
        return sorted(own, key=lambda item: (-item.priority, item.number))


class FairQueueMachine(RuleBasedStateMachine):
    """Any operations in any order.

    For each two clients, what each was given since both have had items queued is kept: it may
    differ by no more than the costliest item of each.
    """

    @initialize()
    def start(self) -> None:
        self.queue: FairQueue[Item] = FairQueue()
        self.model = Model()
        self.out: list[Item] = []
        self.numbers = 0
        self.dearest: dict[str, int] = defaultdict(int)
        self.given: dict[tuple[str, str], int] = {}

    @rule(wish=wishes)
    def push(self, wish: tuple[str, int, int]) -> None:
        client, cost_ms, priority = wish
        item = Item(client, cost_ms, priority, self.numbers)
        self.numbers += 1
        self.queue.push(item, client=client, cost_ms=cost_ms, priority=priority)
        self.model.queued.append(item)
        self.dearest[client] = max(self.dearest[client], cost_ms)
        self._note_backlogs()

    @precondition(lambda self: self.model.all)
    @rule()
    def pop(self) -> None:
        item = self.queue.pop()
        if self.model.sent_back:
            assert item is self.model.sent_back.pop()
        else:
            assert item is self.model.of(item.client)[0]
            self.model.queued.remove(item)
            for pair in self.given:
                if item.client == pair[0]:
                    self.given[pair] += item.cost_ms
        self.out.append(item)
        self._note_backlogs()

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def send_back(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.out))
        self.out.remove(item)
        self.queue.send_back(item, client=item.client)
        self.model.sent_back.append(item)

    @precondition(lambda self: self.model.all)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.model.all))
        self.queue.remove(item)
        if item in self.model.sent_back:
            self.model.sent_back.remove(item)
        else:
            self.model.queued.remove(item)
        self._note_backlogs()

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) == len(self.model.all)
        assert (self.queue.peek() is None) == (not self.model.all)
        assert all(item in self.queue for item in self.model.all)
        assert not any(item in self.queue for item in self.out)

    @invariant()
    def everybody_is_counted(self) -> None:
        owners = [item.client for item in self.model.all]
        assert self.queue.clients == len(set(owners))
        for client in CLIENTS:
            assert self.queue.count(client) == owners.count(client)

    @invariant()
    def those_that_wait_get_the_same(self) -> None:
        for (one, other), given_ms in self.given.items():
            most = self.dearest[one] + self.dearest[other]
            assert abs(given_ms - self.given[other, one]) <= most

    def _note_backlogs(self) -> None:
        waiting = {item.client for item in self.model.queued}
        for pair in [(one, other) for one in CLIENTS for other in CLIENTS if one != other]:
            if waiting.issuperset(pair):
                self.given.setdefault(pair, 0)
            else:
                self.given.pop(pair, None)


TestFairQueueMachine = FairQueueMachine.TestCase


def _filled(wanted: list[tuple[str, int, int]]) -> FairQueue[int]:
    queue: FairQueue[int] = FairQueue()
    for number, (client, cost_ms, priority) in enumerate(wanted):
        queue.push(number, client=client, cost_ms=cost_ms, priority=priority)
    return queue


def _drained(queue: FairQueue[int]) -> list[int]:
    return [queue.pop() for _ in range(len(queue))]


@given(st.lists(wishes))
def test_the_same_items_come_out_in_the_same_order(wanted: list[tuple[str, int, int]]) -> None:
    order = _drained(_filled(wanted))
    assert order == _drained(_filled(wanted))
    assert sorted(order) == list(range(len(wanted)))


@given(st.lists(st.tuples(clients, priorities)), costs)
def test_priorities_do_not_change_whose_turn_it_is(
    wanted: list[tuple[str, int]], cost_ms: int
) -> None:
    def owners(*, ranked: bool) -> list[str]:
        queue = _filled([(client, cost_ms, ranked * rank) for client, rank in wanted])
        return [wanted[number][0] for number in _drained(queue)]

    with_priorities, without = owners(ranked=True), owners(ranked=False)
    # Equal claims go by arrival, of whichever item is the client's next: a turn may be swapped.
    for client in CLIENTS:
        mine = [place for place, owner in enumerate(with_priorities) if owner == client]
        plain = [place for place, owner in enumerate(without) if owner == client]
        assert all(abs(a - b) < len(CLIENTS) for a, b in zip(mine, plain, strict=True))


@given(st.lists(st.tuples(costs, st.integers(0, 5)), min_size=1), costs)
def test_a_client_that_comes_back_gets_no_more_than_one_that_stayed(
    visits: list[tuple[int, int]], cost_ms: int
) -> None:
    queue: FairQueue[str] = FairQueue()
    names = (f"stayed {number}" for number in count())

    def stay() -> None:
        queue.push(next(names), client="stayed", cost_ms=cost_ms)

    stay()
    for number, (visit_ms, pause) in enumerate(visits):
        for _ in range(pause):
            stay()
            queue.pop()
        queue.push(f"came {number}", client="came", cost_ms=visit_ms)
        stayed_ms = 0
        stay()
        while queue.pop().startswith("stayed"):
            stayed_ms += cost_ms
            stay()
        assert abs(stayed_ms - visit_ms) <= cost_ms
