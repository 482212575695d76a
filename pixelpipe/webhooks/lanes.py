"""Who is next: messages wait in a lane for their host, so that a slow host holds up no other."""

from collections import Counter, deque

from pixelpipe.jobs.ports import Delivery
from pixelpipe.webhooks.targets import host_of

AT_ONCE = 16
AT_ONCE_PER_HOST = 4
LANE_LENGTH = 500
PLENTY = 250
# With so many held, as many are being sent as may be, although each host takes only a few.
ENOUGH = LANE_LENGTH * AT_ONCE // AT_ONCE_PER_HOST


class Lanes:
    """Messages that are due: those that wait, and those that are being sent."""

    def __init__(self) -> None:
        # The host that was served last is the last.
        self._waiting: dict[str, deque[Delivery]] = {}
        self._sending: Counter[str] = Counter()
        self._ids: set[str] = set()

    def __contains__(self, delivery_id: object) -> bool:
        return delivery_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def plenty(self) -> bool:
        """Whether enough are waiting."""
        return sum(map(len, self._waiting.values())) >= PLENTY

    def add(self, delivery: Delivery) -> bool:
        """Let a message wait; False if too many wait for its host."""
        lane = self._waiting.setdefault(host_of(delivery.url), deque())
        if len(lane) >= LANE_LENGTH:
            return False
        lane.append(delivery)
        self._ids.add(delivery.id)
        return True

    def take(self) -> Delivery | None:
        """The next to be sent, or None: none waits, or there is no room for any that does."""
        if self._sending.total() >= AT_ONCE:
            return None
        for host, lane in self._waiting.items():
            if self._sending[host] < AT_ONCE_PER_HOST:
                delivery = lane.popleft()
                del self._waiting[host]
                if lane:
                    self._waiting[host] = lane
                self._sending[host] += 1
                return delivery
        return None

    def leave(self, delivery: Delivery) -> None:
        """A message that was taken is not being sent any more."""
        self._ids.discard(delivery.id)
        self._sending -= Counter((host_of(delivery.url),))
