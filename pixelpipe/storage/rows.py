"""Jobs as rows of the SQLite journal, and back."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from pydantic_core import from_json

from pixelpipe.jobs.consequences import ended_at
from pixelpipe.jobs.model import (
    Blob,
    Cache,
    Event,
    EventType,
    Job,
    JobState,
    TaskState,
    Variant,
)
from pixelpipe.jobs.records import Record
from pixelpipe.jobs.texts import (
    DECODE,
    FACTS,
    SOURCE,
    TASK,
    decode_text,
    json_text,
    marks_of,
    microseconds,
    moment_at,
    source_text,
    task_text,
    with_mark,
)

Row = tuple[Any, ...]

INSERT_JOB = """
    INSERT INTO jobs (
        id, tenant, client, priority, created_us, webhook, source, decode, owner, epoch,
        seq, state, ended_us, decodes, decode_attempts, decode_strikes, problems, timings_ms
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING RETURNING number, seq
"""
UPDATE_JOB = """
    UPDATE jobs SET
        seq = ?, state = ?, ended_us = ?, decodes = ?, decode_attempts = ?, decode_strikes = ?,
        problems = ?, timings_ms = ?
    WHERE number = ?
"""
INSERT_TASK = """
    INSERT INTO tasks (
        task, reuse_key, state, attempts, strikes, sha256, size_bytes, cache, timings_ms,
        problem, made_for, facts, job, position
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_MARK = "INSERT INTO marks (job, sha256, image) VALUES (?, ?, ?)"
UPDATE_TASK = """
    UPDATE tasks SET
        state = ?, attempts = ?, strikes = ?, sha256 = ?, size_bytes = ?, cache = ?,
        timings_ms = ?, problem = ?, made_for = ?, facts = ?
    WHERE job = ? AND position = ?
"""
_JOBS = """
    SELECT number, id, tenant, client, created_us, source, decode, priority, webhook, state,
        epoch, decodes, decode_attempts, decode_strikes, problems, timings_ms, ended_us, deleted_us
    FROM jobs WHERE number IN (SELECT value FROM json_each(?))
"""
_TASKS = """
    SELECT job, task, reuse_key, state, attempts, strikes, sha256, size_bytes, cache, timings_ms,
        problem, facts
    FROM tasks WHERE job IN (SELECT value FROM json_each(?)) ORDER BY job, position
"""
_MARKS = "SELECT job, sha256, image FROM marks WHERE job IN (SELECT value FROM json_each(?))"


def new_job_row(record: Record, owner: str) -> Row:
    """What INSERT_JOB wants."""
    job = record.job
    return (
        job.id,
        job.tenant,
        job.client,
        job.priority,
        microseconds(job.created_at),
        job.webhook,
        source_text(job.source),
        decode_text(job.decode),
        owner,
        job.epoch,
        int(record.event is not None),
        *_job_state(job),
    )


def job_row(record: Record, seq: int, number: int) -> Row:
    """What UPDATE_JOB wants, for the job of that number, whose newest event has that `seq`."""
    return (seq, *_job_state(record.job), number)


def new_task_rows(record: Record, number: int) -> Iterable[Row]:
    """What INSERT_TASK wants, for each variant of the job of that number."""
    digests = marks_of(record)
    for position, variant in record.variants:
        task = task_text(variant.task, digests)
        state = _task_state(variant, record.job.tenant)
        yield (task, variant.reuse_key, *state, number, position)


def new_mark_rows(record: Record, number: int) -> Iterable[Row]:
    """What INSERT_MARK wants, for each picture that lies on variants of the job of that number."""
    return [(number, digest, image) for image, digest in marks_of(record).items()]


def task_rows(variants: Mapping[int, Variant], tenant: str, number: int) -> Iterable[Row]:
    """What UPDATE_TASK wants, for each of these variants of the tenant's job of that number."""
    for position, variant in variants.items():
        yield (*_task_state(variant, tenant), number, position)


def read_jobs(connection: sqlite3.Connection, numbers: Sequence[int]) -> Sequence[Job]:
    """The jobs of these numbers, in their order; one that is not there is left out."""
    wanted = json_text(numbers)
    marks: dict[int, dict[str, str]] = {}
    for number, digest, image in connection.execute(_MARKS, (wanted,)):
        marks.setdefault(number, {})[digest] = image
    tasks = {
        number: [_variant(row, marks.get(number, {})) for row in rows]
        for number, rows in groupby(connection.execute(_TASKS, (wanted,)), itemgetter(0))
    }
    jobs = {
        row[0]: _job(row, tasks.get(row[0], [])) for row in connection.execute(_JOBS, (wanted,))
    }
    return [jobs[number] for number in numbers if number in jobs]


def _job_state(job: Job) -> Row:
    ended = ended_at(job)
    return (
        job.state.value,
        None if ended is None else microseconds(ended),
        job.decodes,
        job.decode_attempts,
        job.decode_strikes,
        json_text(job.problems),
        json_text(job.timings_ms),
    )


def _task_state(variant: Variant, tenant: str) -> Row:
    blob = variant.blob
    return (
        variant.state.value,
        variant.attempts,
        variant.strikes,
        None if blob is None else blob.sha256,
        None if blob is None else blob.size_bytes,
        variant.cache.value,
        json_text(variant.timings_ms),
        None if variant.problem is None else json_text(variant.problem),
        tenant if blob is not None and variant.state is TaskState.COMPLETED else None,
        None if blob is None or blob.facts is None else json_text(blob.facts),
    )


def _job(row: Row, variants: list[Variant]) -> Job:
    _, job_id, tenant, client, created_us, source, decode, priority, webhook, state, *rest = row
    epoch, decodes, attempts, strikes, problems, timings_ms, ended_us, deleted_us = rest
    return Job(
        id=job_id,
        tenant=tenant,
        client=client,
        created_at=moment_at(created_us),
        source=SOURCE.validate_json(source),
        decode=DECODE.validate_json(decode),
        variants=variants,
        priority=priority,
        webhook=webhook,
        state=JobState(state),
        epoch=epoch,
        decodes=decodes,
        decode_attempts=attempts,
        decode_strikes=strikes,
        problems=tuple(from_json(problems)),
        timings_ms=from_json(timings_ms),
        ended_at=None if ended_us is None else moment_at(ended_us),
        deleted_at=None if deleted_us is None else moment_at(deleted_us),
    )


def _variant(row: Row, marks: Mapping[str, str]) -> Variant:
    """The variant of a row; `marks` are its job's pictures by digest."""
    _, task, reuse_key, state, attempts, strikes, sha256, size_bytes, cache, *rest = row
    timings_ms, problem, facts = rest
    return Variant(
        task=with_mark(TASK.validate_json(task), marks),
        reuse_key=reuse_key,
        state=TaskState(state),
        attempts=attempts,
        strikes=strikes,
        blob=None if sha256 is None else blob_of(sha256, size_bytes, facts),
        cache=Cache(cache),
        timings_ms=from_json(timings_ms),
        problem=None if problem is None else from_json(problem),
    )


def blob_of(sha256: str, size_bytes: int, facts: str | None) -> Blob:
    """The blob of these columns of a task."""
    return Blob(sha256, size_bytes, None if facts is None else FACTS.validate_json(facts))


def event_of(row: Row) -> Event:
    """The event of a row of id, type, job's id, seq, data, tenant."""
    event_id, kind, job_id, seq, data, tenant = row
    return Event(event_id, EventType(kind), job_id, seq, data, tenant)
