"""The state tables and what they add up to."""

from datetime import UTC, datetime

import pytest

from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import (
    JOB_MOVES,
    RETRYABLE,
    TASK_MOVES,
    TERMINAL_EVENTS,
    Job,
    JobState,
    Source,
    TaskState,
    Variant,
    new_job_id,
)
from pixelpipe.recipes.task import Decode
from tests.tasks import make_task


def _job(*states: TaskState) -> Job:
    variants = [
        Variant(make_task(str(number)), reuse_key=str(number), state=state)
        for number, state in enumerate(states)
    ]
    source = Source("photo.jpg", Format.JPEG, 4, 3, 100, "0" * 64)
    decode = Decode(Format.JPEG, 4, 3, 3, 1, 1, 4, 3)
    return Job("id", "tenant", "client", datetime.now(UTC), source, decode, variants)


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        ([TaskState.COMPLETED, TaskState.COMPLETED], JobState.COMPLETED),
        ([TaskState.COMPLETED, TaskState.FAILED], JobState.PARTIAL),
        ([TaskState.FAILED, TaskState.FAILED], JobState.FAILED),
        ([TaskState.COMPLETED, TaskState.CANCELLED], JobState.CANCELLED),
    ],
)
def test_a_job_ends_as_its_variants_did(states: list[TaskState], verdict: JobState) -> None:
    assert _job(*states).verdict() is verdict


def test_every_end_has_its_event() -> None:
    ends = {state for state, moves in JOB_MOVES.items() if moves <= {JobState.QUEUED}}
    assert ends == TERMINAL_EVENTS.keys()


def test_only_a_job_that_failed_somewhere_can_be_tried_again() -> None:
    assert {JobState.PARTIAL, JobState.FAILED} == RETRYABLE


def test_what_went_wrong_is_told_once() -> None:
    job = _job(TaskState.COMPLETED, TaskState.FAILED, TaskState.FAILED)
    whole, own = {"type": "internal"}, {"type": "worker-crashed"}
    job.problems = (whole,)
    job.variants[1].problem, job.variants[2].problem = own, whole
    assert job.failures == [own | {"variant": "1"}, whole]


def test_every_state_can_reach_an_end() -> None:
    for table in (JOB_MOVES, TASK_MOVES):
        for state, moves in table.items():
            nearby = moves.union(*(table[move] for move in moves))  # type: ignore[index]
            assert not moves or any(not table[move] for move in nearby), state  # type: ignore[index]


def test_what_is_in_no_table_is_refused() -> None:
    job = _job(TaskState.COMPLETED)
    with pytest.raises(ValueError, match="no move"):
        job.variants[0].move(TaskState.RUNNING)
    job.move(JobState.RUNNING)
    job.move(JobState.COMPLETED)
    with pytest.raises(ValueError, match="no move"):
        job.move(JobState.RUNNING)
    assert job.ended


def test_ids_cannot_be_guessed() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(job_id) == 22 for job_id in ids)
