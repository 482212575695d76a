"""Who works on what next: a pure choice over the jobs that have their memory.

No backlog: one job's tasks are spread over all workers (latency), those that are busy now as well,
for they will be free soon. A backlog: a worker takes a job whole, decode included (one hand-over,
warm caches). Tasks of decoded jobs go before new decodes, for that is what frees memory.
"""

from collections import deque
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

    def next(self) -> Choice | None:
        """The next batch for a free worker; the tasks in it are no longer pending."""
        work = next((work for work in self._decoded if work.pending), None)
        if work is not None:
            return Choice(work, decode=False, tasks=_share(work, self._spread()))
        if not self._ready:
            return None
        work = self._ready.popleft()
        work.stage = Stage.DECODING
        return Choice(work, decode=True, tasks=_share(work, self._spread()))

    def _spread(self) -> int:
        """How many workers are not needed for the jobs that wait for their decode."""
        return max(1, self._workers - len(self._ready))


def _share(work: Work, spread: int) -> tuple[int, ...]:
    """Take one worker's part of the pending tasks, the costliest first.

    Spread over several workers, each takes half of an even share at a time, so that the last
    parts are small and all end at about the same time (guided self-scheduling, Polychronopoulos
    and Kuck, 1987).
    """
    total_ms = work.pending_ms
    alone = spread == 1 or total_ms <= SMALL_MS
    limit_ms = WHOLE_MS if alone else total_ms / (2 * spread)
    taken: list[int] = []
    taken_ms = 0.0
    while work.pending and (not taken or taken_ms + work.costs_ms[work.pending[0]] <= limit_ms):
        index = work.pending.pop(0)
        taken.append(index)
        taken_ms += work.costs_ms[index]
    return tuple(taken)
