"""What follows from a record, for every journal alike."""

from datetime import UTC, datetime

from pixelpipe.jobs.model import TERMINAL_EVENTS, Blob, Event, EventType, Job, TaskState
from pixelpipe.jobs.ports import Delivery
from pixelpipe.jobs.records import Record


def numbered(data: bytes, seq: int) -> bytes:
    """`data`, a JSON object, with `seq` as its last member."""
    return b'%b"seq":%d}' % (unnumbered(data), seq)


def unnumbered(data: bytes) -> bytes:
    """`data`, a JSON object, as far as what comes before its last member, which is to be `seq`."""
    members = data.rstrip().removesuffix(b"}").rstrip()
    return members if members.endswith(b"{") else members + b","


def ended_at(job: Job) -> datetime | None:
    """When the job ended; None if it has not, or was taken up again since."""
    if not job.ended:
        return None
    assert job.ended_at is not None, f"job {job.id} ended without a time"
    return job.ended_at


def references(record: Record) -> dict[str, Blob]:
    """The blobs that the job refers to, as far as the record tells, by digest."""
    blobs = {
        variant.blob.sha256: variant.blob
        for _, variant in record.variants
        if variant.state is TaskState.COMPLETED and variant.blob
    }
    if record.new:
        source = record.job.source
        blobs[source.sha256] = Blob(source.sha256, source.size_bytes)
    return blobs


def message_id(job_id: str, seq: int) -> str:
    """The id of the message of a job's end, the event of this number."""
    return f"msg_{job_id}_{seq}"


def message_head(job: Job, kind: EventType) -> bytes | None:
    """What comes before the event's data, and then `}`, in what the job's webhook is told.

    None if it is told nothing of such an event.
    """
    if job.webhook is None or kind not in TERMINAL_EVENTS.values():
        return None
    ended = ended_at(job)
    assert ended is not None, f"job {job.id} has not ended"
    timestamp = ended.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f'{{"type":"{kind.value}","timestamp":"{timestamp}","data":'.encode()


def message(job: Job, event: Event) -> Delivery | None:
    """What the job's webhook has to be told of the event; None if nothing."""
    head = message_head(job, event.type)
    if job.webhook is None or head is None:
        return None
    ended = ended_at(job)
    assert ended is not None, f"job {job.id} has not ended"
    return Delivery(
        id=message_id(job.id, event.seq),
        url=job.webhook,
        body=b"%b%b}" % (head, event.data),
        attempts=0,
        due_at=ended,
    )
