"""The plain truth about jobs: what their events must add up to, whatever happened."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pixelpipe.jobs.model import (
    JOB_MOVES,
    TASK_MOVES,
    TERMINAL_EVENTS,
    Event,
    EventType,
    Job,
    JobState,
    TaskState,
)
from pixelpipe.jobs.views import job_view

_SHOWN = ("name", "state", "sha256", "bytes", "attempts", "strikes", "cache", "error")
_ENDS = {event: state for state, event in TERMINAL_EVENTS.items()}


@dataclass(slots=True)
class Known:
    """What the clients know of a job.

    Attributes:
        tenant: Whose it is.
        deleted: Whether its deletion was confirmed.
        deleting: Whether somebody asked for that.
        perishable: Whether something old was removed since it was last seen.
    """

    tenant: str
    deleted: bool = False
    deleting: bool = False
    perishable: bool = False


@dataclass(slots=True)
class Story:
    """What a client knows that has read all of a job's events."""

    view: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)
    ended: bool = False
    ids: list[int] = field(default_factory=list)

    @property
    def shown(self) -> dict[str, Any]:
        """What `shown` gives of the job itself."""
        return _shown({**self.view, "variants": list(self.variants.values())})

    def read(self, event: Event) -> None:
        """Take in the next event; it has to be possible."""
        data = json.loads(event.data)
        assert data["seq"] == event.seq == len(self.ids) + 1, "the seq has a gap"
        assert data["job"] == event.job_id
        assert not self.ids or event.id > self.ids[-1], "the ids do not rise"
        self.ids.append(event.id)
        if event.type.startswith("variant."):
            assert not self.ended, f"{event.type} after the end"
            self._read_variant(data)
        else:
            self._read_job(event, data)

    def _read_variant(self, data: dict[str, Any]) -> None:
        self._move(data)
        self.variants[data["name"]] = data
        if data["cache"] == "hit":
            self.hits.append(data["sha256"])

    def _read_job(self, event: Event, data: dict[str, Any]) -> None:
        if not self.view:
            assert event.type is EventType.JOB_ACCEPTED, f"{event.type} comes first"
        else:
            assert event.type is not EventType.JOB_ACCEPTED, "it was accepted twice"
            assert self.ended == (event.type is EventType.JOB_REQUEUED), f"{event.type} now"
            before, after = JobState(self.view["state"]), JobState(data["state"])
            assert after == before or after in JOB_MOVES[before], f"{before} -> {after}"
            for variant in data["variants"]:
                self._move(variant)
        self.ended = event.terminal
        if event.terminal:
            assert data["state"] == _ENDS[event.type]
            assert data["ended_at"]
        self.view = data
        self.variants = {variant["name"]: variant for variant in data["variants"]}

    def _move(self, variant: dict[str, Any]) -> None:
        before = TaskState(self.variants[variant["name"]]["state"])
        after = TaskState(variant["state"])
        assert after == before or after in TASK_MOVES[before], f"variant: {before} -> {after}"
        completed = after is TaskState.COMPLETED
        assert completed == (variant["sha256"] is not None)
        assert not (completed and variant["error"]), "made, and yet something went wrong"


def story_of(events: Sequence[Event]) -> Story:
    """All of one job's events, read."""
    story = Story()
    for event in events:
        story.read(event)
    return story


def shown(job: Job) -> dict[str, Any]:
    """What of a job must be what its events add up to."""
    return _shown(job_view(job).model_dump(mode="json"))


def _shown(view: dict[str, Any]) -> dict[str, Any]:
    variants = [{name: variant[name] for name in _SHOWN} for variant in view["variants"]]
    return {"id": view["id"], "state": view["state"], "variants": variants}
