"""Attempts and strikes: the one rule on what a worker's death means for its task.

Every start of a task is an attempt. A death that the task may have caused is a strike; two
strikes are final. A death from outside is nobody's fault: it is tried again, with backoff, up to
ten attempts.
"""

import random
import signal
from dataclasses import dataclass
from enum import StrEnum

from pixelpipe.engine.protocol import MEMORY_EXIT
from pixelpipe.errors import (
    DeadlineExceededError,
    PixelPipeError,
    WorkerCrashedError,
    WorkerLostError,
)

MAX_STRIKES = 2
MAX_ATTEMPTS = 10
_BACKOFF_FIRST_S = 0.02
_BACKOFF_MOST_S = 2.0

_OWN_SIGNALS = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGABRT,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGSYS,
    }
)


class Cause(StrEnum):
    """Why a worker died."""

    CRASH = "crash"
    MEMORY = "memory"
    DEADLINE = "deadline"
    PROTOCOL = "protocol"
    OUTSIDE = "outside"
    DISMISSED = "dismissed"


STRIKES = frozenset({Cause.CRASH, Cause.MEMORY, Cause.DEADLINE, Cause.PROTOCOL})


def cause_of_exit(exit_code: int, *, forkserver_alive: bool) -> Cause:
    """What an exit that nobody here asked for says.

    Args:
        exit_code: As multiprocessing gives it: minus the signal's number for a signal.
        forkserver_alive: A dead forkserver takes its workers along and their exit codes with it.
    """
    if not forkserver_alive:
        return Cause.OUTSIDE
    if exit_code == MEMORY_EXIT:
        return Cause.MEMORY
    if exit_code >= 0 or -exit_code in _OWN_SIGNALS:
        return Cause.CRASH
    return Cause.OUTSIDE


@dataclass(slots=True)
class Attempts:
    """The account of one task."""

    starts: int = 0
    strikes: int = 0

    @property
    def struck_out(self) -> bool:
        """Whether the task has had its last strike."""
        return self.strikes >= MAX_STRIKES

    def start(self) -> int:
        """Count a start; returns its number, from 1."""
        self.starts += 1
        return self.starts

    def after(self, cause: Cause) -> PixelPipeError | None:
        """Count a death; returns the final error, or None when the task may start again."""
        if cause in STRIKES:
            self.strikes += 1
        if self.struck_out:
            return _final(cause)
        if self.starts >= MAX_ATTEMPTS:
            return WorkerLostError(
                f"Workers were ended from outside {self.starts} times over this; it is given up."
            )
        return None

    def delay_s(self, cause: Cause) -> float:
        """Seconds before the next start: none after a strike, else backoff with full jitter."""
        if cause in STRIKES:
            return 0.0
        most = min(_BACKOFF_MOST_S, _BACKOFF_FIRST_S * 2**self.starts)
        return random.uniform(0, most)  # noqa: S311 - jitter, not a secret


def _final(cause: Cause) -> PixelPipeError:
    if cause is Cause.DEADLINE:
        return DeadlineExceededError("The task ran into its deadline twice and is given up.")
    return WorkerCrashedError("Two workers died while working on this; it is given up.")
