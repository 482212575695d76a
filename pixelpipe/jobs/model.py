"""Jobs, tasks and events, and the only tables that say how their states may move.

What may live here: plain data and transitions. No clock, no storage, no asyncio.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.task import Decode, Task


class JobState(StrEnum):
    """The state of a job, the parent."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskState(StrEnum):
    """The state of a task, the child that makes one variant."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class EventType(StrEnum):
    """What an event tells."""

    JOB_ACCEPTED = "job.accepted"
    JOB_STARTED = "job.started"
    VARIANT_STARTED = "variant.started"
    VARIANT_RETRYING = "variant.retrying"
    VARIANT_COMPLETED = "variant.completed"
    VARIANT_FAILED = "variant.failed"
    JOB_REQUEUED = "job.requeued"
    JOB_COMPLETED = "job.completed"
    JOB_PARTIAL = "job.partial"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"


class Cache(StrEnum):
    """Where a variant's bytes came from."""

    HIT = "hit"
    MISS = "miss"


# A job whose variants are all there already, made for another job or before a restart, ends
# without having run.
JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset(
        {
            JobState.RUNNING,
            JobState.COMPLETED,
            JobState.PARTIAL,
            JobState.FAILED,
            JobState.CANCELLED,
        }
    ),
    JobState.RUNNING: frozenset(
        {JobState.COMPLETED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.COMPLETED: frozenset(),
    JobState.PARTIAL: frozenset({JobState.QUEUED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset(),
}

# From queued straight to completed: the same variant was made for somebody else meanwhile.
TASK_MOVES: dict[TaskState, frozenset[TaskState]] = {
    TaskState.QUEUED: frozenset(
        {TaskState.RUNNING, TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED}
    ),
    TaskState.RUNNING: frozenset(
        {TaskState.QUEUED, TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED}
    ),
    TaskState.COMPLETED: frozenset(),
    TaskState.FAILED: frozenset({TaskState.QUEUED}),
    TaskState.CANCELLED: frozenset(),
}

TERMINAL_EVENTS: dict[JobState, EventType] = {
    JobState.COMPLETED: EventType.JOB_COMPLETED,
    JobState.PARTIAL: EventType.JOB_PARTIAL,
    JobState.FAILED: EventType.JOB_FAILED,
    JobState.CANCELLED: EventType.JOB_CANCELLED,
}

RETRYABLE = frozenset({state for state in TERMINAL_EVENTS if JobState.QUEUED in JOB_MOVES[state]})

OPEN = frozenset({TaskState.QUEUED, TaskState.RUNNING})


def new_job_id() -> str:
    """A fresh id of 128 random bits, safe in URLs."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Source:
    """The uploaded image, as a job shows it; sizes are those of the upright picture."""

    name: str
    format: Format
    width: int
    height: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored bytes.

    Attributes:
        sha256: Their digest, by which they are called.
        size_bytes: How many.
        facts: What a variant tells of itself; None of a source, and of what was made before there
            were any.
    """

    sha256: str
    size_bytes: int
    facts: Facts | None = field(default=None, compare=False)


@dataclass(slots=True)
class Variant:
    """A task and what became of it: the record behind the public variant.

    Attributes:
        task: What the worker is told.
        reuse_key: The same for the same bytes of source, the same wish and the same engine.
        state: Where it stands.
        attempts: Starts so far.
        strikes: Deaths of workers that are blamed on it.
        blob: The encoded bytes once made.
        cache: Whether they were there already.
        timings_ms: `process`, `encode`, `store`; replaced, never changed in place.
        problem: Why it failed; likewise.
    """

    task: Task
    reuse_key: str
    state: TaskState = TaskState.QUEUED
    attempts: int = 0
    strikes: int = 0
    blob: Blob | None = None
    cache: Cache = Cache.MISS
    timings_ms: dict[str, float] = field(default_factory=dict)
    problem: dict[str, Any] | None = None

    @property
    def format(self) -> Format:
        """The format of its file; what was planned until it is made."""
        facts = self.blob.facts if self.blob else None
        return facts.format if facts else self.task.format

    @property
    def stem(self) -> str:
        """Its name, without the format behind it if that says no more than an extension."""
        return self.task.name.removesuffix(f".{self.format}")

    def move(self, state: TaskState) -> None:
        """Go to `state`.

        Raises:
            ValueError: The table has no such move; a defect.
        """
        if state not in TASK_MOVES[self.state]:
            raise ValueError(f"task {self.task.name}: {self.state} -> {state} is no move")
        self.state = state


@dataclass(slots=True)
class Job:
    """The parent: one source and all that is made of it.

    Attributes:
        tenant: Whose it is: what one tenant has stored is neither shown to nor reused for another.
        client: Who asks, for a fair share of the workers.
        decode: How the source becomes pixels.
        priority: Among the client's own jobs; higher goes first.
        webhook: URL that is told of the end.
        epoch: Rises whenever the job is taken up anew; who knows an older one has lost it.
        decodes: Codec calls for the source, as the workers counted them.
        decode_attempts: Starts of the decode that were lost.
        decode_strikes: Deaths of workers that are blamed on the decode.
        problems: What went wrong with the job as a whole; replaced, never changed in place.
        timings_ms: `receive`, `decode`, `total`; likewise.
        ended_at: When it came to its (last) end.
        deleted_at: When its owner deleted it; its blobs are no longer its own from then on.
    """

    id: str
    tenant: str
    client: str
    created_at: datetime
    source: Source
    decode: Decode
    variants: list[Variant]
    priority: int = 0
    webhook: str | None = None
    state: JobState = JobState.QUEUED
    epoch: int = 0
    decodes: int = 0
    decode_attempts: int = 0
    decode_strikes: int = 0
    problems: tuple[dict[str, Any], ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    ended_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the job is in a terminal state."""
        return self.state in TERMINAL_EVENTS

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The problems of variants that failed, with the variant's name, and those of the job."""
        failed = [v for v in self.variants if v.state is TaskState.FAILED and v.problem]
        # What befell the job as a whole is in each variant that it ended.
        own = [v for v in failed if v.problem not in self.problems]
        return [*((v.problem or {}) | {"variant": v.task.name} for v in own), *self.problems]

    def move(self, state: JobState) -> None:
        """Go to `state`.

        Raises:
            ValueError: The table has no such move; a defect.
        """
        if state not in JOB_MOVES[self.state]:
            raise ValueError(f"job {self.id}: {self.state} -> {state} is no move")
        self.state = state

    def verdict(self) -> JobState:
        """The terminal state that the variants add up to."""
        states = {variant.state for variant in self.variants}
        if states == {TaskState.COMPLETED}:
            return JobState.COMPLETED
        if TaskState.CANCELLED in states:
            return JobState.CANCELLED
        return JobState.PARTIAL if TaskState.COMPLETED in states else JobState.FAILED

    def variant(self, name: str) -> Variant | None:
        """The variant of that name."""
        return next((v for v in self.variants if v.task.name == name), None)

    def variants_of(self, name: str) -> list[Variant]:
        """The variants that were asked for by that name, one for each of its formats."""
        return [v for v in self.variants if v.task.name.rpartition(".")[0] == name]

    def open_variants(self) -> list[int]:
        """Indexes of the variants that are not settled."""
        return [index for index, v in enumerate(self.variants) if v.state in OPEN]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log.

    Attributes:
        id: From one sequence of the whole journal, rising, never given twice.
        type: What it tells.
        job_id: Whose it is.
        seq: Its number among the job's own events, from 1 without a gap.
        data: The JSON document that clients get, in UTF-8.
        tenant: Whose the job is.
    """

    id: int
    type: EventType
    job_id: str
    seq: int
    data: bytes
    tenant: str = ""

    @property
    def terminal(self) -> bool:
        """Whether the job has ended with it."""
        return self.type in TERMINAL_EVENTS.values()
