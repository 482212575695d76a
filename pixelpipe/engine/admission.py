"""Who may enter: jobs wait here, by turns, until the arena has room for all that they need."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from pixelpipe.engine.arena import Region
from pixelpipe.engine.fair_queue import FairQueue
from pixelpipe.engine.pace import Pace, come_back_s
from pixelpipe.engine.pool import Pool
from pixelpipe.engine.work import Stage, Work
from pixelpipe.errors import InternalError, MemoryFullError, PixelPipeError, QueueFullError

_log = structlog.get_logger(__name__)

# All clients together may have so many times the limit waiting: one that comes finds room although
# those before it have taken their shares of a time when they were fewer.
_OVERFLOW = 2
# Of a worker, until it is measured: the costs are milliseconds of a core.
_FIRST_MS_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands in the queue.

    Attributes:
        share: Jobs that it may have waiting.
        left: How many more of them it may send in.
        wait_s: Until those that wait have got their turn.
    """

    share: int
    left: int
    wait_s: float


class Admission:
    """A bounded queue in front of the arena, fair to the clients.

    The job whose turn it is keeps the others waiting while there is no room for it, so that small
    ones do not pass by a large one for ever.

    Args:
        region: Where jobs take their memory.
        queue_limit: Jobs that may wait; clients share them evenly.
        pool: The workers. No more jobs than there are workers may have memory before one takes
            them up: that would only spread the work over colder pages.
        on_ready: Told of a job whose source is in memory.
        on_failed: Told of a job whose source could not be brought there.
        clock: Seconds, never going back.
    """

    def __init__(  # noqa: PLR0913 - the clock is the tests'
        self,
        region: Region,
        *,
        queue_limit: int,
        pool: Pool,
        on_ready: Callable[[Work], None],
        on_failed: Callable[[Work, PixelPipeError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._region = region
        self._queue_limit = queue_limit
        self._pool = pool
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._waiting: FairQueue[Work] = FairQueue()
        self._pace = Pace(pool.size * _FIRST_MS_PER_S, clock)
        self._entered: set[Work] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._giving_back = False
        region.notify(self.admit)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def spare(self) -> int:
        """How many jobs more would be begun at once."""
        return 0 if self._waiting else max(0, len(self._pool.idle) - len(self._entered))

    @property
    def backlog_ms(self) -> float:
        """What all that wait are expected to cost."""
        return self._waiting.cost_ms()

    @property
    def next(self) -> Work | None:
        """The job whose turn it is, if any waits."""
        return self._waiting.peek()

    def waiting_of(self, client: str) -> int:
        """How many of a client's jobs wait."""
        return self._waiting.count(client)

    def standing(self, client: str, entering: int) -> Standing:
        """How many more jobs a client may have waiting, and how long those take that do.

        With n clients that have jobs waiting, this one included, it may have the n-th part of the
        limit, one at least; all together at most twice the limit.

        Args:
            client: Who asks.
            entering: Jobs of the client's that are let in but have not entered yet.
        """
        share = max(1, self._queue_limit // self._sharing(client))
        own_left = share - self._waiting.count(client) - entering
        all_left = _OVERFLOW * self._queue_limit - len(self._waiting) - entering
        return Standing(share, max(0, min(own_left, all_left)), self._wait_s(client))

    def check_queue(self, client: str, entering: int) -> None:
        """Refuse a client another job when too many wait; see `standing`.

        Raises:
            QueueFullError: Too many wait.
        """
        standing = self.standing(client, entering)
        if standing.left:
            return
        own, most = self._waiting.count(client) + entering, standing.share
        if own >= most:
            detail = (
                f"{own} jobs of yours are waiting, and no more than {most} may while the queue is "
                f"shared by {self._sharing(client)}; try again later."
            )
        else:
            most = _OVERFLOW * self._queue_limit
            waiting = len(self._waiting) + entering
            detail = f"{waiting} jobs are waiting, and no more than {most} may; try again later."
        raise QueueFullError(detail, limit=most, retry_after_s=come_back_s(standing.wait_s))

    def _sharing(self, client: str) -> int:
        """How many clients share the queue, this one among them."""
        return self._waiting.clients + (not self._waiting.count(client))

    def _wait_s(self, client: str) -> float:
        """How long until all of a client's jobs have got their turn, and as much of the others'.

        As if each of the others had at least as much waiting, but not more than all that is there.
        A client that has nothing waiting counts as one that has a job like the others.
        """
        waiting, all_ms = len(self._waiting), self._waiting.cost_ms()
        if not waiting:
            return 0.0
        own_ms = self._waiting.cost_ms(client) or all_ms / waiting
        return self._pace.seconds_for(min(all_ms, own_ms * self._sharing(client)))

    def enter(self, work: Work) -> None:
        """Let the job in, now or when its turn comes.

        Unless a worker takes it up at once, its source's lease goes back, so that room for uploads
        is not held by jobs that wait; it is read again with the rest of its memory.
        """
        order = work.order
        if order.load is not None and (self._waiting or not self._pool.idle):
            work.release_source()
        self._waiting.push(work, client=order.client, cost_ms=work.cost_ms, priority=order.priority)
        self._pace.begin(whole=False)
        self.admit()
        if work.stage is Stage.WAITING and order.load is not None:
            work.release_source()

    def leave(self, work: Work) -> None:
        """Forget a job that was abandoned, or that a worker has taken up."""
        if work in self._waiting:
            self._waiting.remove(work)
            self._note_backlog()
        self._entered.discard(work)

    def admit(self) -> None:
        """Let in as many as there is room for, each in its turn."""
        if self._giving_back:
            return
        while len(self._entered) < self._pool.size:
            work = self._waiting.peek()
            if work is None or not work.take_memory(self._region):
                return
            before_ms = self._waiting.cost_ms()
            self._waiting.pop()
            self._pace.took(before_ms - self._waiting.cost_ms())
            self._note_backlog()
            self._entered.add(work)
            work.stage = Stage.PREPARING
            work.holds += 1
            task = asyncio.create_task(self._prepare(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _note_backlog(self) -> None:
        if not self._waiting:
            self._pace.end()

    async def _prepare(self, work: Work) -> None:
        try:
            await self._fill(work)
        except MemoryFullError as error:
            work.holds -= 1
            self._send_back(work, error)
        except PixelPipeError as error:
            self._refuse(work, error)
        except Exception:  # noqa: BLE001 - a defect must not keep the others waiting
            _log.exception("a job could not be prepared", job=work.order.label)
            self._refuse(work, InternalError("The job could not be started."))
        else:
            work.holds -= 1
            self._on_ready(work)

    def _refuse(self, work: Work, error: PixelPipeError) -> None:
        work.holds -= 1
        self.leave(work)
        self._on_failed(work, error)
        self.admit()

    async def _fill(self, work: Work) -> None:
        for lease in (work.source, work.pixels, work.outputs):
            if lease is not None:
                await self._region.back(lease)
        if work.source_gone and not work.abandoned:
            assert work.order.load is not None, "only a source that can be read again is let go"
            assert work.source is not None, "it was taken with the rest"
            with work.source.view(0, work.order.source_bytes) as content:
                # A storage that is away may be waited for; whoever abandons the job need not.
                work.loading = asyncio.ensure_future(work.order.load(content))
                await asyncio.wait({work.loading})
                if not work.loading.cancelled():
                    work.loading.result()

    def _send_back(self, work: Work, error: MemoryFullError) -> None:
        """The system has no pages for it: wait for another job to end, if there is one."""
        self._entered.discard(work)
        # The room that it gives back has no pages behind it and is no news to those that wait:
        # two such jobs would hand it to and fro for ever.
        self._giving_back = True
        work.release_buffers()
        if work.order.load is not None:
            work.release_source()
        self._giving_back = False
        if self._region.leases and work.unsettled:
            work.stage = Stage.WAITING
            self._waiting.send_back(work, client=work.order.client)
            self._pace.begin(whole=False)
        else:
            self._on_failed(work, error)
            self.admit()
