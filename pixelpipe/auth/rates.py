"""How many requests somebody may make: a sliding window by the library `limits`.

Its own memory storage looks through all its counters at every hit: measured 1.3 ms with 10,000
addresses, on the event loop, and more with every further one. The counters here are as many as they
are, and no hit looks at more than its own.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import floor

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from pixelpipe.rate_notation import check_rate

# Two for each address that was here in this window or the one before: about 8 MB.
_MOST_COUNTERS = 40_000

# Such differences of times since 1970 are no more exact.
_INEXACT_S = 0.001


@lru_cache
def parse_rate(text: str) -> RateLimitItem:
    """The rate that `text` says.

    Raises:
        ValueError: It says none.
    """
    check_rate(text)
    return parse(text)


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands after a request.

    Attributes:
        allowed: Whether the request may go on.
        quota: Requests in a window.
        window_s: How long that is.
        remaining: How many more may come now.
        reset_s: After so many seconds there is room for more.
    """

    allowed: bool
    quota: int
    window_s: int
    remaining: int
    reset_s: int


def _nobody(hit: str) -> None:
    """Nobody else counts."""


class RateLimiter:
    """Counts the requests of anybody; of those that it has to forget, the longest known first.

    Args:
        most_counters: How many counters there may be.
        tell: Told of each request that was let on, for others that count to `hear`.
    """

    def __init__(
        self, most_counters: int = _MOST_COUNTERS, tell: Callable[[str], None] = _nobody
    ) -> None:
        self._tell = tell
        self._counters = _Counters(most_counters)
        self._window = SlidingWindowCounterRateLimiter(self._counters)

    async def hit(self, rate: RateLimitItem, *who: str) -> Standing:
        """Count a request, unless there is no room for it."""
        allowed = await self._window.hit(rate, *who)
        if allowed:
            self._tell(json.dumps([str(rate), *who]))
        quota, window_s = rate.amount, rate.get_expiry()
        before, before_s, here, here_s = await self._counters.get_sliding_window(
            rate.key_for(*who), window_s
        )
        # What the library counts: of the window before, as much as the sliding one still covers.
        remaining = max(0, quota - floor(before * before_s / window_s + here))
        if remaining or here >= quota or not before:
            room_s = here_s - window_s  # This window's end.
        else:
            room_s = before_s - window_s * (quota - here) / before
        return Standing(
            allowed=allowed,
            quota=quota,
            window_s=window_s,
            remaining=remaining if allowed else 0,
            reset_s=floor(room_s + _INEXACT_S) + 1,  # At the very moment there is none yet.
        )

    async def hear(self, hit: str) -> None:
        """Count what another has let on, as it told of it."""
        rate, *who = json.loads(hit)
        await self._window.hit(parse(rate), *who)

    def __len__(self) -> int:
        """How many counters there are."""
        return len(self._counters.storage)


class _Counters(MemoryStorage):
    """The storage of `limits` without its sweeps: the oldest goes when there are too many.

    Nothing is awaited here, so nothing comes between and there is nothing to lock.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, in a counter that goes after `expiry` seconds if it is new."""
        count = await self.get(key) + amount
        if key not in self.storage:
            self._make_room()
            self.expirations[key] = time.time() + expiry
        self.storage[key] = count
        return count

    async def decr(self, key: str, amount: int = 1) -> int:
        """Take back what was counted."""
        count = max(await self.get(key) - amount, 0)
        if key in self.storage:
            self.storage[key] = count
        return count

    async def get(self, key: str) -> int:
        """The count; 0 of what is not counted any more."""
        if self.expirations.get(key, 0) <= time.time():
            self._drop(key)
        return self.storage.get(key, 0)

    def _make_room(self) -> None:
        """A dictionary is in the order of its insertions, and windows end in about that order."""
        while len(self.storage) >= self._most:
            self._drop(next(iter(self.storage)))

    def _drop(self, key: str) -> None:
        self.storage.pop(key, None)
        self.expirations.pop(key, None)
