"""Jobs as fields of a hash in Redis, and back."""

import zlib
from collections.abc import Mapping, Sequence

from pydantic_core import from_json, to_json

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
    moment_at,
    source_text,
    task_text,
    with_mark,
)

# Tasks are much alike: the quickest level makes a tenth of them.
_LEVEL = 1
_VARIANT = b"variant:"


def fixed_text(record: Record) -> bytes:
    """What never changes of a new job, packed."""
    job, digests = record.job, marks_of(record)
    about = json_text([job.client, job.priority, job.webhook])
    tasks = ",".join(task_text(variant.task, digests) for _, variant in record.variants)
    marks = json_text({digest: image for image, digest in digests.items()})
    parts = [about, source_text(job.source), decode_text(job.decode), f"[{tasks}]", marks]
    return zlib.compress(f"[{','.join(parts)}]".encode(), _LEVEL)


def told_text(job: Job) -> bytes:
    """What else than its state a step tells of a job."""
    return to_json(
        [job.decodes, job.decode_attempts, job.decode_strikes, job.problems, job.timings_ms]
    )


def variant_text(variant: Variant) -> bytes:
    """What may change of a variant."""
    blob = variant.blob
    return to_json(
        [
            variant.state,
            variant.attempts,
            variant.strikes,
            variant.cache,
            variant.timings_ms,
            variant.problem,
            None if blob is None else [blob.sha256, blob.size_bytes, blob.facts],
        ]
    )


def blob_of(text: bytes) -> Blob | None:
    """The blob of a variant of this text."""
    *_, blob = from_json(text)
    return _blob(blob)


def job_of(job_id: str, flat: Sequence[bytes]) -> Job:
    """The job that has these fields, names and values by turns."""
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    about, source, decode, tasks, marks = from_json(zlib.decompress(fields[b"fixed"]))
    client, priority, webhook = about
    decodes, attempts, strikes, problems, timings_ms = from_json(fields[b"told"])
    ended, deleted = fields.get(b"ended"), fields.get(b"deleted")
    return Job(
        id=job_id,
        tenant=fields[b"tenant"].decode(),
        client=client,
        created_at=moment_at(int(fields[b"created"])),
        source=SOURCE.validate_python(source),
        decode=DECODE.validate_python(decode),
        variants=_variants(fields, tasks, marks),
        priority=priority,
        webhook=webhook,
        state=JobState(fields[b"state"].decode()),
        epoch=int(fields[b"epoch"]),
        decodes=decodes,
        decode_attempts=attempts,
        decode_strikes=strikes,
        problems=tuple(problems),
        timings_ms=timings_ms,
        ended_at=None if ended is None else moment_at(int(ended)),
        deleted_at=None if deleted is None else moment_at(int(deleted)),
    )


def event_of(values: Sequence[bytes]) -> Event:
    """The event of an id in the stream, type, job, seq, tenant and data."""
    event_id, kind, job_id, seq, tenant, data = values
    return Event(
        int(event_id.partition(b"-")[0]),
        EventType(kind.decode()),
        job_id.decode(),
        int(seq),
        data,
        tenant.decode(),
    )


def _variants(
    fields: Mapping[bytes, bytes], tasks: Sequence[object], marks: Mapping[str, str]
) -> list[Variant]:
    reuse_keys = fields[b"reuse-keys"].decode().split("\n")
    return [
        _variant(task, reuse_key, fields[b"%b%d" % (_VARIANT, index)], marks)
        for index, (task, reuse_key) in enumerate(zip(tasks, reuse_keys, strict=True))
    ]


def _variant(task: object, reuse_key: str, text: bytes, marks: Mapping[str, str]) -> Variant:
    state, attempts, strikes, cache, timings_ms, problem, blob = from_json(text)
    return Variant(
        task=with_mark(TASK.validate_python(task), marks),
        reuse_key=reuse_key,
        state=TaskState(state),
        attempts=attempts,
        strikes=strikes,
        blob=_blob(blob),
        cache=Cache(cache),
        timings_ms=timings_ms,
        problem=problem,
    )


def _blob(told: Sequence[object] | None) -> Blob | None:
    if told is None:
        return None
    sha256, size_bytes, facts = told
    assert isinstance(sha256, str)
    assert isinstance(size_bytes, int)
    return Blob(sha256, size_bytes, None if facts is None else FACTS.validate_python(facts))
