"""Where a queue is, how it is reached, and the BullMQ options that its two sides share."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

# What is raised while Redis is away, starts, or has no room; the same may go well a little later.
TROUBLE = (RedisError, OSError)

# BullMQ's places are 1 (first) to 2097152; a job without one goes before all that have one.
_MIDDLE_PLACE = 11

# Ended jobs stay for those who wait for them from Node, who look them up once more.
KEEP_COMPLETED = {"age": 3600, "count": 5000}
KEEP_FAILED = {"age": 86_400, "count": 5000}
ATTEMPTS = 3
BACKOFF = {"type": "exponential", "delay": 1000}

# A job may wait for long before a worker takes it, and for long to be tried again.
MARKS_KEPT_S = 7 * 86_400

_CONNECT_S = 3.0
_HEALTH_CHECK_S = 15
_BACKOFF_S, _BACKOFF_MOST_S = 0.05, 0.2
_RETRIES = 2

# Node's BullMQ takes no id that is a number, or that has a colon.
_JOB_ID = re.compile(r"(?!\d+$)[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A queue of BullMQ.

    Attributes:
        url: Of the Redis: `redis://`, `rediss://` or `unix://`.
        name: The queue's name, which programs of Node give to `new Queue(...)`.
        prefix: What its keys begin with; BullMQ's own default.
    """

    url: str
    name: str = "pixelpipe"
    prefix: str = "bull"

    def options(self, client: Redis) -> dict[str, Any]:
        """The options that both sides of BullMQ take."""
        return {"connection": client, "prefix": self.prefix}

    def cancel_key(self, job_id: str) -> str:
        """The key that is there while the job is to be cancelled; no job of BullMQ's has it."""
        return f"{self.prefix}:{self.name}:pixelpipe:cancel:{job_id}"

    def foreign_key(self, journal_id: str) -> str:
        """The key that has the queue's id of what is called so in the journal; likewise.

        Only jobs that another program has put in have one.
        """
        return f"{self.prefix}:{self.name}:{foreign_name(journal_id)}"


def open_client(url: str, *, answer_s: float) -> Redis:
    """A client of Redis that waits neither for ever nor too shortly.

    redis-py of itself gives a socket 5 s, so that a read which blocks for longer breaks off and
    backs off; and BullMQ of itself tries again for minutes.

    Args:
        url: As `QueuePlace.url`.
        answer_s: How long Redis may take to answer: more than any command blocks.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=answer_s,
        socket_connect_timeout=_CONNECT_S,
        health_check_interval=_HEALTH_CHECK_S,
        # Else it looks its version up in files, for each connection again.
        driver_info=DriverInfo(lib_version=redis.__version__),
        retry=Retry(ExponentialBackoff(cap=_BACKOFF_MOST_S, base=_BACKOFF_S), _RETRIES),
    )


def is_being_cancelled() -> bool:
    """Whether the current task was told to end; redis-py at times swallows the CancelledError."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def foreign_name(journal_id: str) -> str:
    """`QueuePlace.foreign_key` without what all of the queue's keys begin with."""
    return f"pixelpipe:foreign:{journal_id}"


def check_job_id(job_id: str) -> None:
    """Refuse an id that Node's BullMQ would not take, or that could be taken for a key.

    Raises:
        ValueError: It is none; a defect.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise ValueError(f"{job_id!r} cannot be the id of a job in the queue")


def place_of(priority: int) -> int:
    """BullMQ's priority, where less is sooner, for one of `jobs.submission.PRIORITIES`."""
    return _MIDDLE_PLACE - priority


def priority_of(place: int) -> int:
    """The priority that `place_of` makes `place` of; the middle one for any other place."""
    return _MIDDLE_PLACE - place if 1 <= place < 2 * _MIDDLE_PLACE else 0
