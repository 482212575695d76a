"""What a worker can die of, and what the client sees of it: one row for each case.

A fault is met once, at the first attempt, or always, at every attempt.
"""

from dataclasses import dataclass
from signal import SIGKILL, SIGSTOP, Signals


@dataclass(frozen=True, slots=True)
class Row:
    """One case.

    Attributes:
        fault: Which, as `fault_workers` knows it.
        at: Where it is met: "decode" or "task".
        often: "once" or "always".
        job: State in which the job ends.
        slug: Error of the variant, or of all of them after a decode; None if it is completed.
        attempts: Of the variant; after a decode, of the one that has most.
        strikes: Likewise.
        decodes: Codec calls for the source.
        poisoned: Whether the source is refused from then on.
        hasty: Whether only the deadline ends the worker.
        sent: What is sent to the worker from outside.
    """

    fault: str
    at: str
    often: str
    job: str
    slug: str | None
    attempts: int
    strikes: int
    decodes: int
    poisoned: bool = False
    hasty: bool = False
    sent: Signals | None = None

    @property
    def name(self) -> str:
        """The fault as the worker is told of it."""
        return f"{self.fault}-once" if self.often == "once" else self.fault

    def __str__(self) -> str:
        parts = [self.fault, self.at, self.often]
        return "-".join([*parts, self.sent.name] if self.sent else parts)


CRASHED, LATE, LOST = "worker-crashed", "deadline-exceeded", "worker-lost"

ROWS = (
    # Its own signals and exits are strikes: two, and the task is given up.
    Row("segv", "task", "once", "completed", None, 2, 1, 1),
    Row("segv", "task", "always", "partial", CRASHED, 2, 2, 1),
    Row("segv", "decode", "once", "completed", None, 1, 0, 2),
    Row("segv", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    Row("abort", "task", "once", "completed", None, 2, 1, 1),
    Row("abort", "task", "always", "partial", CRASHED, 2, 2, 1),
    Row("abort", "decode", "once", "completed", None, 1, 0, 2),
    Row("abort", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    Row("exit", "task", "once", "completed", None, 2, 1, 1),
    Row("exit", "task", "always", "partial", CRASHED, 2, 2, 1),
    Row("exit", "decode", "once", "completed", None, 1, 0, 2),
    Row("exit", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    Row("exit1", "task", "once", "completed", None, 2, 1, 1),
    Row("exit1", "task", "always", "partial", CRASHED, 2, 2, 1),
    Row("exit1", "decode", "once", "completed", None, 1, 0, 2),
    Row("exit1", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    Row("memory", "task", "once", "completed", None, 2, 1, 1),
    Row("memory", "task", "always", "partial", CRASHED, 2, 2, 1),
    Row("memory", "decode", "once", "completed", None, 1, 0, 2),
    Row("memory", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    # SIGKILL is somebody else's: no strike, ten attempts.
    Row("kill", "task", "once", "completed", None, 2, 0, 1),
    Row("kill", "task", "always", "partial", LOST, 10, 0, 1),
    Row("kill", "decode", "once", "completed", None, 1, 0, 2),
    Row("kill", "decode", "always", "failed", LOST, 0, 0, 10),
    Row("outside", "task", "once", "completed", None, 2, 0, 1, sent=SIGKILL),
    Row("outside", "task", "always", "partial", LOST, 10, 0, 1, sent=SIGKILL),
    Row("outside", "decode", "once", "completed", None, 1, 0, 2, sent=SIGKILL),
    Row("outside", "decode", "always", "failed", LOST, 0, 0, 10, sent=SIGKILL),
    # Whoever answers nothing runs into the deadline, which is a strike.
    Row("hang", "task", "once", "completed", None, 2, 1, 1, hasty=True),
    Row("hang", "task", "always", "partial", LATE, 2, 2, 1, hasty=True),
    Row("hang", "decode", "once", "completed", None, 1, 0, 2, hasty=True),
    Row("hang", "decode", "always", "failed", LATE, 0, 0, 2, poisoned=True, hasty=True),
    Row("stop", "task", "once", "completed", None, 2, 1, 1, hasty=True),
    Row("stop", "task", "always", "partial", LATE, 2, 2, 1, hasty=True),
    Row("stop", "decode", "once", "completed", None, 1, 0, 2, hasty=True),
    Row("stop", "decode", "always", "failed", LATE, 0, 0, 2, poisoned=True, hasty=True),
    Row("outside", "task", "once", "completed", None, 2, 1, 1, hasty=True, sent=SIGSTOP),
    Row("outside", "task", "always", "partial", LATE, 2, 2, 1, hasty=True, sent=SIGSTOP),
    Row("outside", "decode", "once", "completed", None, 1, 0, 2, hasty=True, sent=SIGSTOP),
    Row("outside", "decode", "always", "failed", LATE, 0, 0, 2, True, True, SIGSTOP),
    Row("half", "task", "once", "completed", None, 2, 1, 1, hasty=True),
    Row("half", "task", "always", "partial", LATE, 2, 2, 1, hasty=True),
    Row("half", "decode", "once", "completed", None, 1, 0, 2, hasty=True),
    Row("half", "decode", "always", "failed", LATE, 0, 0, 2, poisoned=True, hasty=True),
    Row("listless", "task", "always", "partial", LATE, 2, 2, 1, hasty=True),
    # An answer that is none is a strike at once.
    Row("garbage", "task", "once", "completed", None, 2, 1, 1),
    Row("garbage", "task", "always", "partial", CRASHED, 2, 2, 1),
    Row("garbage", "decode", "once", "completed", None, 1, 0, 2),
    Row("garbage", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    Row("chatter", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    *(
        row
        for fault in (
            "deaf",
            "pickle",
            "oversized",
            "bounds",
            "inline",
            "ticket",
            "digest",
            "facts",
        )
        for row in (
            Row(fault, "task", "once", "completed", None, 2, 1, 1),
            Row(fault, "task", "always", "partial", CRASHED, 2, 2, 1),
        )
    ),
    # A worker that touches what is not its own dies of it.
    *(
        row
        for fault in ("input", "foreign", "peek")
        for row in (
            Row(fault, "task", "once", "completed", None, 2, 1, 1),
            Row(fault, "task", "always", "partial", CRASHED, 2, 2, 1),
        )
    ),
    # Its successors die before they are ready: it takes longer, that is all.
    Row("unready", "task", "once", "completed", None, 2, 1, 1),
    Row("unready", "task", "always", "partial", CRASHED, 2, 2, 1),
    Row("unready", "decode", "once", "completed", None, 1, 0, 2),
    Row("unready", "decode", "always", "failed", CRASHED, 0, 0, 2, poisoned=True),
    Row("liar", "task", "once", "completed", None, 2, 1, 1),
    Row("liar", "task", "always", "partial", CRASHED, 2, 2, 1),
    # What was answered in full counts; the step that would have come next is blamed for the death.
    Row("after", "task", "once", "completed", None, 1, 0, 1),
    Row("after", "task", "always", "completed", None, 1, 0, 1),
    Row("after", "decode", "once", "completed", None, 2, 1, 1),
    Row("after", "decode", "always", "completed", None, 2, 1, 1),
)


@dataclass(frozen=True, slots=True)
class HelperRow:
    """A process beside the workers is killed while a job is under way; it is completed.

    Attributes:
        helper: Which.
        at: Where the job is then: "decode" or "task".
        attempts: Most that one of its variants takes.
        decodes: Codec calls for the source.
        new_workers: How many workers are others afterwards.
    """

    helper: str
    at: str
    attempts: int
    decodes: int
    new_workers: int

    def __str__(self) -> str:
        return f"{self.helper}-{self.at}"


WORKERS = 2
HELPERS = (
    HelperRow("forkserver", "task", 2, 1, WORKERS),
    HelperRow("forkserver", "decode", 1, 2, WORKERS),
    # The worker that hangs is killed as well: another can start all the same.
    HelperRow("tracker", "task", 2, 1, 1),
    HelperRow("tracker", "decode", 1, 2, 1),
)
