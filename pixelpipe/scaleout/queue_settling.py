"""How a job that a worker holds leaves it: done, failed, or handed back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bullmq
from bullmq import UnrecoverableError

from pixelpipe.scaleout.queue_job import QueuedJob

# A part of BullMQ that only its Node side calls.
_RETURN = Path(bullmq.__file__).with_name("commands") / "moveJobFromActiveToWait-9.lua"
_RETURN_KEYS = (
    *("active", "wait", "stalled", "paused", "meta"),
    *("limiter", "prioritized", "marker", "events"),
)


@dataclass(frozen=True, slots=True)
class Done:
    """It was done; the value is JSON."""

    value: object


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not: for good with an `UnrecoverableError`, else for this try."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Returned:
    """Another worker is to take it, at once and as if it had not been taken."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """It is held by somebody else already; nothing is to be said of it."""


class NotHeldError(Exception):
    """The worker's lock on the job has expired, or is another worker's."""


Outcome = Done | Failed | Returned | Dropped


class Settler:
    """Moves jobs out of the state `active`.

    Args:
        backend: BullMQ's, of the worker.
    """

    def __init__(self, backend: Any) -> None:  # noqa: ANN401 - BullMQ is untyped
        self._backend = backend
        self._return = backend.conn.register_script(_RETURN.read_text())

    async def settle(self, job: QueuedJob, outcome: Outcome) -> None:
        """Tell the queue what became of the job.

        Raises:
            NotHeldError: The worker does not hold it any more; nothing was told.
            RedisError, OSError: It is not known whether that arrived; to tell it again is safe.
        """
        try:
            await self._move(job, outcome)
        except (TypeError, UnrecoverableError) as error:
            # So BullMQ says that the lock is gone, or somebody else's, or that the job is.
            raise NotHeldError(str(error)) from error

    async def _move(self, job: QueuedJob, outcome: Outcome) -> None:
        held = job.held
        match outcome:
            case Done(value):
                await held.moveToCompleted(value, held.token)
            case Failed(error):
                await held.moveToFailed(error, held.token)
            case Returned():
                await self._hand_back(held)

    async def _hand_back(self, held: Any) -> None:  # noqa: ANN401 - BullMQ is untyped
        keys = [self._backend.keys[name] for name in _RETURN_KEYS]
        args = [held.id, held.token, self._backend.toKey(held.id)]
        if await self._return(keys=keys, args=args) < 0:
            raise TypeError("Missing or foreign lock.")
        # The script calls nobody for a job that has a priority.
        await self._backend.conn.zadd(self._backend.keys["marker"], {"0": 0})
