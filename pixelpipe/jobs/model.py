"""Jobs, tasks and events, and the only tables that say how their states may move.

What may live here: plain data and transitions. No clock, no storage, no asyncio.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.task import Task


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
    JOB_COMPLETED = "job.completed"
    JOB_PARTIAL = "job.partial"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"


JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {JobState.COMPLETED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.COMPLETED: frozenset(),
    JobState.PARTIAL: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

TASK_MOVES: dict[TaskState, frozenset[TaskState]] = {
    TaskState.QUEUED: frozenset({TaskState.RUNNING, TaskState.FAILED, TaskState.CANCELLED}),
    TaskState.RUNNING: frozenset(
        {TaskState.QUEUED, TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED}
    ),
    TaskState.COMPLETED: frozenset(),
    TaskState.FAILED: frozenset(),
    TaskState.CANCELLED: frozenset(),
}

TERMINAL_EVENTS: dict[JobState, EventType] = {
    JobState.COMPLETED: EventType.JOB_COMPLETED,
    JobState.PARTIAL: EventType.JOB_PARTIAL,
    JobState.FAILED: EventType.JOB_FAILED,
    JobState.CANCELLED: EventType.JOB_CANCELLED,
}


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


@dataclass(slots=True)
class Variant:
    """A task and what became of it: the record behind the public variant.

    Attributes:
        task: What the worker is told.
        state: Where it stands.
        attempts: Starts so far.
        strikes: Deaths of workers that are blamed on it.
        size_bytes: Encoded size once made.
        sha256: Digest of the encoded bytes once made; also their key in the blob store.
        timings_ms: `process`, `encode`, `store`.
        problem: Why it failed.
    """

    task: Task
    state: TaskState = TaskState.QUEUED
    attempts: int = 0
    strikes: int = 0
    size_bytes: int | None = None
    sha256: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    problem: dict[str, Any] | None = None

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
        seq: Number of events so far; each event carries the one it was.
        decodes: Codec calls for the source, as the workers counted them.
        timings_ms: `receive`, `decode`, `total`.
    """

    id: str
    created_at: datetime
    source: Source
    variants: list[Variant]
    state: JobState = JobState.QUEUED
    seq: int = 0
    decodes: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether the job is in a terminal state."""
        return not JOB_MOVES[self.state]

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
        made = sum(v.state is TaskState.COMPLETED for v in self.variants)
        if made == len(self.variants):
            return JobState.COMPLETED
        return JobState.PARTIAL if made else JobState.FAILED

    def variant(self, name: str) -> Variant | None:
        """The variant of that name."""
        return next((v for v in self.variants if v.task.name == name), None)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that the journal has not numbered yet; see `Event`."""

    type: EventType
    job_id: str
    seq: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log.

    Attributes:
        id: From one sequence of the whole journal, rising.
        type: What it tells.
        job_id: Whose it is.
        seq: Its number among the job's own events, from 1.
        data: The JSON document that clients get, in UTF-8.
    """

    id: int
    type: EventType
    job_id: str
    seq: int
    data: bytes

    @property
    def terminal(self) -> bool:
        """Whether the job has ended with it."""
        return self.type in TERMINAL_EVENTS.values()
