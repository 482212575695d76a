"""Records as the arguments of the script that writes them, and what it says of them."""

from collections.abc import Iterator, Sequence

from pixelpipe.jobs.consequences import (
    ended_at,
    message_head,
    numbered,
    references,
    unnumbered,
)
from pixelpipe.jobs.model import Event, Job, TaskState, Variant
from pixelpipe.jobs.records import (
    BlobMissingError,
    Entry,
    KeyTakenError,
    LostJobError,
    Outcome,
    Poison,
    Record,
)
from pixelpipe.jobs.texts import microseconds
from pixelpipe.scaleout.redis_texts import fixed_text, told_text, variant_text

Argument = str | bytes | int


def arguments_of(records: Sequence[Entry], owner: str) -> list[Argument]:
    """How many there are, and each of them; `owner` has those that are new."""
    arguments: list[Argument] = [len(records)]
    for record in records:
        if isinstance(record, Poison):
            since_us, until_us = microseconds(record.since), microseconds(record.until)
            arguments += ["poison", record.sha256, since_us, until_us]
        else:
            arguments.append("new" if record.new else "step")
            arguments.extend(_step(record))
            arguments.extend(_entry(record, owner) if record.new else ())
    return arguments


def outcome_of(record: Entry, said: Sequence[str]) -> Outcome:
    """What came of a record, by what the script says."""
    kind, *about = said
    if isinstance(record, Poison) or kind == "kept":
        return None
    job, event = record.job, record.event
    if kind == "event":
        assert event
        event_id, seq = map(int, about)
        return Event(event_id, event, job.id, seq, numbered(record.data, seq), job.tenant)
    if kind == "taken":
        return KeyTakenError(*about)
    return BlobMissingError(*about) if kind == "missing" else LostJobError(job.id)


def _step(record: Record) -> Iterator[Argument]:
    job, event = record.job, record.event
    ended = ended_at(job)
    head = message_head(job, event) if event else None
    yield from (job.id, job.epoch, job.state.value)
    yield "" if ended is None else microseconds(ended)
    yield told_text(job)
    yield event.value if event else ""
    yield unnumbered(record.data) if event else b""
    yield (head and job.webhook) or ""
    yield head or b""
    yield len(record.variants)
    for index, variant in record.variants:
        yield from (index, variant_text(variant), _made(variant))
    blobs = references(record).values()
    yield len(blobs)
    for blob in blobs:
        yield from (blob.sha256, blob.size_bytes)


def _entry(record: Record, owner: str) -> Iterator[Argument]:
    job: Job = record.job
    yield from (job.tenant, microseconds(job.created_at), fixed_text(record))
    yield "\n".join(variant.reuse_key for _, variant in record.variants)
    yield owner
    key = record.key
    yield int(key is not None)
    if key:
        yield from (key.name, key.fingerprint)


def _made(variant: Variant) -> str:
    """By what it may be used again; empty as long as it may not."""
    made = variant.state is TaskState.COMPLETED and variant.blob is not None
    return variant.reuse_key if made else ""
