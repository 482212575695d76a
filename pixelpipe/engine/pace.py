"""How fast what waits goes down, as measured lately, and when to come back by that."""

import math
import random
import time
from collections.abc import Callable

LEAST_S = 1
MOST_S = 300

# What was measured so long ago, of the time in which there was something to do, counts a third.
_MEMORY_S = 10.0
# What it is taken for at first counts as so many seconds of measurement.
_FIRST_S = 0.25
_SPREAD = 0.5


class Pace:
    """The rate at which a backlog goes down: a mean over the last while in which there was one.

    Idle time says nothing about the rate, so it does not count. A backlog that does not move makes
    it slower with each moment.

    Args:
        first_per_s: What the rate is taken for until there is something to measure; above 0.
        clock: Seconds, never going back.
    """

    def __init__(self, first_per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._amount = first_per_s * _FIRST_S
        self._busy_s = _FIRST_S
        self._since: float | None = None
        self._whole = False

    def begin(self, *, whole: bool) -> None:
        """There is a backlog from now on; nothing happens if there was one already.

        Args:
            whole: Whether what is first taken off it takes all of its time from now. Otherwise it
                waits for something that was under way before, and says nothing about the rate.
        """
        if self._since is None:
            self._since, self._whole = self._clock(), whole

    def took(self, amount: float) -> None:
        """So much went off the backlog."""
        if self._since is None:
            return
        now = self._clock()
        if self._whole:
            lasted_s = now - self._since
            kept = math.exp(-lasted_s / _MEMORY_S)
            self._amount = self._amount * kept + amount
            self._busy_s = self._busy_s * kept + lasted_s
        self._since, self._whole = now, True

    def end(self) -> None:
        """There is no backlog any more."""
        self._since = None

    def seconds_for(self, amount: float) -> float:
        """How long it takes until so much has gone off, at the rate of late."""
        stalled_s = 0.0 if self._since is None else self._clock() - self._since
        return amount * (self._busy_s + stalled_s) / self._amount


def come_back_s(wait_s: float) -> int:
    """Whole seconds after which to try again what is expected to take `wait_s` to become possible.

    Spread by half of it to both sides: those who are refused at one moment must not come back at
    one moment.
    """
    middle_s = min(max(wait_s, LEAST_S), MOST_S / (1 + _SPREAD))
    chosen_s = middle_s * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret
    return min(max(math.ceil(chosen_s), LEAST_S), MOST_S)
