"""Whose turn it is: one client's flood does not keep another client waiting.

Self-clocked fair queuing (Golestani, 1994), a relative of start-time fair queuing (Goyal et al.,
1996). Each client has a virtual time: the cost of what it was given so far. Next is the client
whose virtual time would be the least with its next item added, and the queue's own virtual time is
what that came to. A client that comes, or comes back, starts at the queue's: idling earns nothing.
The queue's time moves with each item, so newcomers without end cannot keep a client waiting for
ever, and a client with nothing queued is never ahead of it, so that it can be forgotten.

Two clients that both have items queued all along get the same within the costliest item of each.
"""

import heapq
import math
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

_SPARE = 16

ItemT = TypeVar("ItemT", bound=Hashable)
_Rank = tuple[float, int]


class _Ranking(Generic[ItemT]):
    """Things by rank, the lowest first; no two have the same rank."""

    def __init__(self) -> None:
        self._ranks: dict[ItemT, _Rank] = {}
        # What was taken out, or has another rank now, stays here until it comes up.
        self._heap: list[tuple[_Rank, ItemT]] = []

    def put(self, thing: ItemT, rank: _Rank) -> None:
        """Take it in, or give it another rank."""
        self._ranks[thing] = rank
        heapq.heappush(self._heap, (rank, thing))
        if len(self._heap) > 2 * len(self._ranks) + _SPARE:
            self._heap = [(rank, thing) for thing, rank in self._ranks.items()]
            heapq.heapify(self._heap)

    def discard(self, thing: ItemT) -> None:
        """Take it out, if it is there."""
        self._ranks.pop(thing, None)

    def first(self) -> ItemT | None:
        """The one of the lowest rank; None when there is none."""
        while self._heap:
            rank, thing = self._heap[0]
            if self._ranks.get(thing) == rank:
                return thing
            heapq.heappop(self._heap)
        return None


@dataclass(slots=True)
class _Ticket:
    """What is known of a queued item."""

    client: str
    cost_ms: float
    arrival: int


@dataclass(slots=True)
class _Backlog(Generic[ItemT]):
    """A client that has items queued."""

    virtual_ms: float
    items: _Ranking[ItemT] = field(default_factory=_Ranking)


class FairQueue(Generic[ItemT]):
    """Items of many clients: a fair share of the work to each, by cost.

    Within a client the higher priority goes first, then the earlier arrival. Items are told apart
    by their hash. Every operation takes logarithmic time, spread over the operations.
    """

    def __init__(self) -> None:
        self._virtual_ms = 0.0
        self._arrivals = count()
        self._tickets: dict[ItemT, _Ticket] = {}
        self._counts: Counter[str] = Counter()
        self._costs_ms: dict[str, float] = {}
        self._cost_ms = 0.0
        self._backlogs: dict[str, _Backlog[ItemT]] = {}
        self._turns: _Ranking[str] = _Ranking()
        # Sent back, the one that is next last. Each has had its turn and was charged for it.
        self._sent_back: dict[ItemT, None] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, item: ItemT) -> bool:
        return item in self._tickets

    @property
    def clients(self) -> int:
        """How many clients have items queued."""
        return len(self._counts)

    def count(self, client: str) -> int:
        """How many items the client has queued."""
        return self._counts[client]

    def cost_ms(self, client: str | None = None) -> float:
        """What all that is queued is expected to cost, or what one client has queued.

        Of items that were sent back nothing counts; their cost is charged already.
        """
        return self._cost_ms if client is None else self._costs_ms.get(client, 0.0)

    def push(self, item: ItemT, *, client: str, cost_ms: float, priority: int = 0) -> None:
        """Queue an item.

        Args:
            item: Which.
            client: Whose.
            cost_ms: What it is expected to cost; above 0.
            priority: Among the client's own items; higher goes first.

        Raises:
            ValueError: It is queued already, or its cost is no cost.
        """
        if not 0 < cost_ms < math.inf:
            raise ValueError(f"a cost of {cost_ms} ms")
        ticket = self._register(item, client, cost_ms)
        backlog = self._backlogs.get(client)
        if backlog is None:
            backlog = self._backlogs[client] = _Backlog(self._virtual_ms)
        backlog.items.put(item, (-priority, ticket.arrival))
        self._rank(client, backlog)

    def send_back(self, item: ItemT, *, client: str) -> None:
        """Put an item that was popped to the front of everything; it is not charged again.

        Raises:
            ValueError: It is queued already.
        """
        self._register(item, client, 0)
        self._sent_back[item] = None

    def peek(self) -> ItemT | None:
        """The item whose turn it is; None when there is none."""
        if self._sent_back:
            return next(reversed(self._sent_back))
        client = self._turns.first()
        return None if client is None else self._backlogs[client].items.first()

    def pop(self) -> ItemT:
        """Take out the item whose turn it is, and charge its client for it.

        Raises:
            IndexError: There is none.
        """
        item = self.peek()
        if item is None:
            raise IndexError("nothing is queued")
        if item not in self._sent_back:
            ticket = self._tickets[item]
            backlog = self._backlogs[ticket.client]
            backlog.virtual_ms += ticket.cost_ms
            # A cheap item that came to the front late may end before the one given last.
            self._virtual_ms = max(self._virtual_ms, backlog.virtual_ms)
        self.remove(item)
        return item

    def remove(self, item: ItemT) -> None:
        """Take an item out, wherever it stands; nobody is charged for it.

        Raises:
            KeyError: It is not queued.
        """
        ticket = self._tickets.pop(item)
        client = ticket.client
        self._counts[client] -= 1
        self._costs_ms[client] -= ticket.cost_ms
        self._cost_ms -= ticket.cost_ms
        if not self._counts[client]:
            del self._counts[client], self._costs_ms[client]
        if not self._tickets:
            self._cost_ms = 0.0  # what rounding has left
        if item in self._sent_back:
            del self._sent_back[item]
            return
        backlog = self._backlogs[client]
        backlog.items.discard(item)
        self._rank(client, backlog)

    def _register(self, item: ItemT, client: str, cost_ms: float) -> _Ticket:
        if item in self._tickets:
            raise ValueError(f"{item!r} is queued already")
        ticket = self._tickets[item] = _Ticket(client, cost_ms, next(self._arrivals))
        self._counts[client] += 1
        self._costs_ms[client] = self._costs_ms.get(client, 0.0) + cost_ms
        self._cost_ms += cost_ms
        return ticket

    def _rank(self, client: str, backlog: _Backlog[ItemT]) -> None:
        """Place the client among the others by its next item, or forget it if there is none."""
        item = backlog.items.first()
        if item is None:
            # Its virtual time is not ahead of the queue's: it owes nothing.
            del self._backlogs[client]
            self._turns.discard(client)
        else:
            ticket = self._tickets[item]
            self._turns.put(client, (backlog.virtual_ms + ticket.cost_ms, ticket.arrival))
