"""What a worker does all the time: keep its jobs, learn what is cancelled, find what was lost.

A job that a worker holds has a lock in Redis which expires unless it is renewed. Whoever looks
first after it has expired puts the job back; so the job of a worker that died is taken by another
one after the lock's time and the time between two looks, 9 s at the most.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import structlog

from pixelpipe.scaleout.queue_job import QueuedJob, Stop
from pixelpipe.scaleout.queue_place import QueuePlace

# How often a job is started again after a worker that went away with it; the next time it fails.
MOST_STALLS = 3
CANCELLED_EVERY_S = 0.25

# Takes a lock again that expired while Redis was away, unless the job was put back meanwhile.
_REGAIN = """
local owner = redis.call("GET", KEYS[1])
if owner then
  return owner == ARGV[2] and 1 or 0
end
if not redis.call("LPOS", KEYS[2], ARGV[1]) then
  return 0
end
redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
return 1
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a worker counts as gone.

    Attributes:
        lock_s: For how long a job stays a worker's own that does not renew its lock.
        renew_every_s: How often it does.
        lost_every_s: At least so long apart somebody looks for jobs whose lock has expired. A job
            is found at the second look, so this is less than `lock_s`.
        look_every_s: How often each worker tries to be the one who looks.
    """

    lock_s: float = 6.0
    renew_every_s: float = 1.5
    lost_every_s: float = 2.0
    look_every_s: float = 1.0


TIMING = Timing()


class Locks:
    """Keeps the jobs of a worker.

    Everything here raises RedisError or OSError where Redis cannot be reached; to do it again
    later is safe.

    Args:
        backend: BullMQ's, of the worker.
        place: The queue.
        timing: When they count as lost.
        held: The jobs that the worker holds at any moment.
    """

    def __init__(
        self,
        backend: Any,  # noqa: ANN401 - BullMQ is untyped
        place: QueuePlace,
        timing: Timing,
        held: Collection[QueuedJob],
    ) -> None:
        self._backend = backend
        self._place = place
        self._held = held
        self._lock_ms = round(timing.lock_s * 1000)
        self._lost_every_ms = round(timing.lost_every_s * 1000)
        self._regain = backend.conn.register_script(_REGAIN)

    async def renew(self) -> None:
        """Renew the locks; jobs that another worker may have by now are left."""
        jobs = {job.id: job for job in self._held if job.stop is not Stop.LOST}
        if not jobs:
            return
        tokens = [job.held.token for job in jobs.values()]
        expired = await self._backend.extendLocks(list(jobs), tokens, self._lock_ms)
        for job in (jobs[job_id] for job_id in expired):
            # Its end may have been told since its lock was looked at.
            if not await self.regain(job) and not job.ended:
                _log.warning("a job was lost to another worker", job=job.id)
                job.leave(Stop.LOST)

    async def regain(self, job: QueuedJob) -> bool:
        """Whether the worker holds the job, perhaps again."""
        keys = [f"{self._backend.toKey(job.id)}:lock", self._backend.keys["active"]]
        args = [job.id, job.held.token, self._lock_ms]
        return bool(await self._regain(keys=keys, args=args))

    async def leave_cancelled(self) -> None:
        """Stop what is cancelled."""
        jobs = [job for job in self._held if job.stop is None]
        if not jobs:
            return
        flags = await self._backend.conn.mget([self._place.cancel_key(job.id) for job in jobs])
        for job, flag in zip(jobs, flags, strict=True):
            if flag is not None and job.stop is None:
                job.leave(Stop.CANCELLED)

    async def leave_if_cancelled(self, job: QueuedJob) -> None:
        """Stop the job if it is cancelled."""
        if await self._backend.conn.exists(self._place.cancel_key(job.id)):
            job.leave(Stop.CANCELLED)

    async def forget_cancelled(self, job: QueuedJob) -> None:
        """The job was cancelled: another one of its id is not."""
        await self._backend.conn.delete(self._place.cancel_key(job.id))

    async def put_back_lost(self) -> None:
        """Put back the jobs of workers that went away, if nobody has looked for them just now."""
        lost = await self._backend.moveStalledJobsToWait(MOST_STALLS, self._lost_every_ms)
        for job_id in lost:
            _log.warning("a job's worker went away; it is queued again", job=job_id)
