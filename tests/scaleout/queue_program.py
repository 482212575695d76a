"""Workers in processes of their own, which hold a job, or die of it.

queue_program.py URL QUEUE hold|die COUNT
"""

import asyncio
import os
import signal
import sys

sys.path.insert(0, os.getcwd())  # noqa: PTH109 - where the tests are

from pixelpipe.scaleout.queue_job import QueuedJob
from pixelpipe.scaleout.queue_place import QueuePlace, open_client
from pixelpipe.scaleout.queue_worker import Work, open_queue_worker
from tests.scaleout.queues import QUICK


async def work(place: QueuePlace, does: str) -> None:
    """Work until killed."""
    redis = open_client(place.url, answer_s=5.0)

    async def process(job: QueuedJob) -> object:
        if does == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        await redis.set(f"{place.prefix}:{place.name}:held-by-program", job.id)
        return await asyncio.Event().wait()

    worker = await open_queue_worker(place, Work(process=process, timing=QUICK))
    worker.start()
    await asyncio.Event().wait()


def main(url: str, name: str, does: str, count: str) -> None:
    """Start as many as asked for, and end when they have."""
    children = []
    for _ in range(int(count)):
        child = os.fork()
        if not child:
            asyncio.run(work(QueuePlace(url, name), does))
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
