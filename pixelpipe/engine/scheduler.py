"""Who works on what next: a pure choice over the jobs that have their memory.

No backlog: one job's tasks are spread over all workers (latency), those that are busy now as well,
for they will be free soon. A backlog: a worker takes a job whole, decode included (one hand-over,
warm caches). Tasks of decoded jobs go before new decodes, for that is what frees memory.

What has a strike goes to a fresh worker only, and before all else: one that has worked for others
may be dying of what it did for them, and the second strike is final.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pixelpipe.engine.work import Stage, Work

# Below this, handing work to another worker costs more than it gains.
SMALL_MS = 3.0
# A job taken whole is cut here, so that workers that fall idle can take up the rest.
WHOLE_MS = 250.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One batch: the job, whether it is decoded first, and which of its tasks."""

    work: Work
    decode: bool
    tasks: tuple[int, ...]


class Scheduler:
    """The jobs that have their memory, in the order in which they got it.

    Args:
        workers: How many there are.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._ready: deque[Work] = deque()
        self._decoded: list[Work] = []

    @property
    def ready(self) -> int:
        """How many jobs wait for their decode."""
        return len(self._ready)

    def add_ready(self, work: Work, *, first: bool = False) -> None:
        """The job's source is in memory."""
        work.stage = Stage.READY
        if first:
            self._ready.appendleft(work)
        else:
            self._ready.append(work)

    def add_decoded(self, work: Work) -> None:
        """The job's pixels are in memory."""
        work.stage = Stage.DECODED
        self._decoded.append(work)

    def remove(self, work: Work) -> None:
        """Nothing of the job is to be given out any more."""
        if work in self._ready:
            self._ready.remove(work)
        if work in self._decoded:
            self._decoded.remove(work)

    @property
    def wants_fresh(self) -> bool:
        """Whether there is work for a fresh worker only."""
        return any(work.struck for work in (*self._decoded, *self._ready))

    def next(self, *, fresh: bool = True) -> Choice | None:
        """The next batch for a free worker; the tasks in it are no longer pending.

        Args:
            fresh: Whether it has worked for nobody yet.
        """
        if fresh:
            struck = next((work for work in (*self._decoded, *self._ready) if work.struck), None)
            if struck is not None:
                return self._take(struck, _any)
        for work in self._decoded:
            if any(map(work.is_unstruck, work.pending)):
                return self._take(work, work.is_unstruck)
        ready = next((work for work in self._ready if not work.struck), None)
        return None if ready is None else self._take(ready, ready.is_unstruck)

    def _take(self, work: Work, may: Callable[[int], bool]) -> Choice:
        decode = work.stage is Stage.READY
        if decode:
            self._ready.remove(work)
            work.stage = Stage.DECODING
        return Choice(work, decode, _share(work, self._spread(), may))

    def _spread(self) -> int:
        """How many workers are not needed for the jobs that wait for their decode."""
        return max(1, self._workers - len(self._ready))


def _share(work: Work, spread: int, may: Callable[[int], bool]) -> tuple[int, ...]:
    """Take one worker's part of the pending tasks that it may have, the costliest first.

    Spread over several workers, each takes half of an even share at a time, so that the last
    parts are small and all end at about the same time (guided self-scheduling, Polychronopoulos
    and Kuck, 1987).
    """
    total_ms = work.pending_ms
    alone = spread == 1 or total_ms <= SMALL_MS
    limit_ms = WHOLE_MS if alone else total_ms / (2 * spread)
    taken: list[int] = []
    taken_ms = 0.0
    for index in filter(may, list(work.pending)):
        if taken and taken_ms + work.costs_ms[index] > limit_ms:
            break
        work.pending.remove(index)
        taken.append(index)
        taken_ms += work.costs_ms[index]
    return tuple(taken)


def _any(_: int) -> bool:
    return True
