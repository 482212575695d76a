"""How many jobs a second the queue takes and gives away when there is nothing to do for them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.server_threads import process_cpu_s
from cluster_processes import LocalRedis
from pixelpipe.jobs.model import new_job_id
from pixelpipe.scaleout.queue import open_job_queue
from pixelpipe.scaleout.queue_format import VERSION
from pixelpipe.scaleout.queue_job import QueuedJob
from pixelpipe.scaleout.queue_place import QueuePlace
from pixelpipe.scaleout.queue_worker import Work, open_queue_worker

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

# Jobs that a producer has under way, and that a worker does at a time.
_AT_ONCE = 32
_POLL_S = 0.005
_SPAWN = get_context("spawn")


@dataclass(frozen=True, slots=True)
class QueueRate:
    """What so many processes on one side of the queue did.

    Attributes:
        processes: How many there were.
        jobs_per_s: Of all of them together.
        cpu_us: Of one of them, by the job.
        redis_us: CPU of Redis by the job.
    """

    processes: int
    jobs_per_s: float
    cpu_us: float
    redis_us: float


@dataclass(frozen=True, slots=True)
class _Part:
    """What one process did: moments of the monotonic clock, and its CPU time."""

    began_s: float
    ended_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """Both sides.

    Attributes:
        put: By one process.
        taken: By one process, and by several.
    """

    put: QueueRate
    taken: Sequence[QueueRate]

    @property
    def redis_per_s(self) -> float:
        """Jobs a second at which Redis, which has one thread for it, is busy all the time."""
        return 1e6 / (self.put.redis_us + self.taken[-1].redis_us)


async def queue_limit(folder: Path, jobs: int, workers: Sequence[int]) -> QueueLimit:
    """Put jobs into a queue and have them taken, by one number of processes after the other.

    Args:
        folder: For its Redis.
        jobs: How many there are each time.
        workers: How many processes take them.

    Raises:
        ServerStartError: Redis did not start.
    """
    redis = LocalRedis(folder)
    await redis.start()
    try:
        put, taken = [], []
        for number, count in enumerate(workers):
            place = QueuePlace(redis.url, f"limit-{number}")
            put.append(await _measured(redis, jobs, [(_put, place, jobs)]))
            taking = [(_take, place, jobs)] * count
            taken.append(await _measured(redis, jobs, taking))
        return QueueLimit(max(put, key=lambda rate: rate.jobs_per_s), taken)
    finally:
        await redis.stop()


_Side = Callable[[QueuePlace, int, "_Meeting"], None]


@dataclass(frozen=True, slots=True)
class _Meeting:
    """How the processes of a side begin at once, see that all is done, and say what they did."""

    begin: Barrier
    done: "Synchronized[int]"
    say: Connection


async def _measured(
    redis: LocalRedis, jobs: int, sides: Sequence[tuple[_Side, QueuePlace, int]]
) -> QueueRate:
    begin, done = _SPAWN.Barrier(len(sides) + 1), _SPAWN.Value("i", 0)
    heard, children = [], []
    for side, place, count in sides:
        hear, say = _SPAWN.Pipe(duplex=False)
        child = _SPAWN.Process(
            target=side, args=(place, count, _Meeting(begin, done, say)), daemon=True
        )
        child.start()
        heard.append(hear)
        children.append(child)
    await asyncio.to_thread(begin.wait)
    before_s = process_cpu_s(redis.pid)
    parts: list[_Part] = [await asyncio.to_thread(hear.recv) for hear in heard]
    redis_s = process_cpu_s(redis.pid) - before_s
    for child in children:
        await asyncio.to_thread(child.join)
    seconds = max(part.ended_s for part in parts) - min(part.began_s for part in parts)
    cpu_s = sum(part.cpu_s for part in parts)
    return QueueRate(len(parts), jobs / seconds, cpu_s / jobs * 1e6, redis_s / jobs * 1e6)


def _put(place: QueuePlace, jobs: int, meeting: _Meeting) -> None:
    asyncio.run(_put_all(place, jobs, meeting))


async def _put_all(place: QueuePlace, jobs: int, meeting: _Meeting) -> None:
    queue = await open_job_queue(place)
    left = iter(range(jobs))

    async def put() -> None:
        for _ in left:
            await queue.add(new_job_id(), {"version": VERSION})

    await asyncio.to_thread(meeting.begin.wait)
    began_s, cpu_s = time.monotonic(), time.process_time()
    await asyncio.gather(*(put() for _ in range(_AT_ONCE)))
    meeting.say.send(_Part(began_s, time.monotonic(), time.process_time() - cpu_s))
    await queue.close()


def _take(place: QueuePlace, jobs: int, meeting: _Meeting) -> None:
    asyncio.run(_take_all(place, jobs, meeting))


async def _take_all(place: QueuePlace, jobs: int, meeting: _Meeting) -> None:
    ended_s = 0.0

    async def process(_: QueuedJob) -> object:
        nonlocal ended_s
        with meeting.done:
            meeting.done.value += 1
        ended_s = time.monotonic()
        return None

    worker = await open_queue_worker(place, Work(process=process, concurrency=_AT_ONCE))
    await asyncio.to_thread(meeting.begin.wait)
    began_s, cpu_s = time.monotonic(), time.process_time()
    worker.start()
    # Others take them as well.
    while meeting.done.value < jobs or worker.running:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)
    meeting.say.send(_Part(began_s, ended_s, time.process_time() - cpu_s))
    await worker.close(0.0)
