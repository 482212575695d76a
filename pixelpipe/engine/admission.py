"""Who may enter: jobs wait here, in order, until the arena has room for all that they need."""

import asyncio
from collections import deque
from collections.abc import Callable

from pixelpipe.engine.arena import Region
from pixelpipe.engine.work import Stage, Work
from pixelpipe.errors import MemoryFullError, PixelPipeError, QueueFullError


class Admission:
    """A bounded queue in front of the arena.

    Args:
        region: Where jobs take their memory.
        queue_limit: Jobs that may wait.
        lookahead: Jobs that may have memory before a worker is there for them. More would only
            spread the work over colder pages.
        on_ready: Told of a job whose source is in memory.
        on_failed: Told of a job whose source could not be brought there.
    """

    def __init__(
        self,
        region: Region,
        *,
        queue_limit: int,
        lookahead: int,
        on_ready: Callable[[Work], None],
        on_failed: Callable[[Work, PixelPipeError], None],
    ) -> None:
        self._region = region
        self._queue_limit = queue_limit
        self._lookahead = lookahead
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._waiting: deque[Work] = deque()
        self._entered: set[Work] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        region.notify(self.admit)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def check_queue(self) -> None:
        """Refuse another job when too many wait.

        Raises:
            QueueFullError: They do.
        """
        if len(self._waiting) >= self._queue_limit:
            raise QueueFullError(
                f"{len(self._waiting)} jobs are waiting, and no more than {self._queue_limit} may; "
                "try again later.",
                limit=self._queue_limit,
            )

    def enter(self, work: Work) -> None:
        """Let the job in, now or when its turn comes; the lease of one that waits goes back."""
        self._waiting.append(work)
        self.admit()
        if work.stage is Stage.WAITING and work.order.load is not None:
            work.release_source()

    def leave(self, work: Work) -> None:
        """Forget a job that was abandoned, or that a worker has taken up."""
        if work in self._waiting:
            self._waiting.remove(work)
        self._entered.discard(work)

    def admit(self) -> None:
        """Let in as many as there is room for, in order."""
        while self._waiting and len(self._entered) < self._lookahead:
            work = self._waiting[0]
            if not work.take_memory(self._region):
                return
            self._waiting.popleft()
            self._entered.add(work)
            work.stage = Stage.PREPARING
            work.holds += 1
            task = asyncio.create_task(self._prepare(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _prepare(self, work: Work) -> None:
        try:
            await self._fill(work)
        except MemoryFullError as error:
            work.holds -= 1
            self._send_back(work, error)
        except PixelPipeError as error:
            work.holds -= 1
            self.leave(work)
            self._on_failed(work, error)
        else:
            work.holds -= 1
            self._on_ready(work)

    async def _fill(self, work: Work) -> None:
        for lease in (work.source, work.pixels, work.outputs):
            if lease is not None:
                await self._region.back(lease)
        if work.source_gone:
            assert work.order.load is not None, "only a source that can be read again is let go"
            assert work.source is not None, "it was taken with the rest"
            await work.order.load(work.source.view(0, work.order.source_bytes))

    def _send_back(self, work: Work, error: MemoryFullError) -> None:
        """The system has no pages for it: wait for another job to end, if there is one."""
        self._entered.discard(work)
        work.release_buffers()
        if work.order.load is not None:
            work.release_source()
        if self._region.leases and work.unsettled:
            work.stage = Stage.WAITING
            self._waiting.appendleft(work)
        else:
            self._on_failed(work, error)
