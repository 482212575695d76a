"""What the journal is given: something that happened to a job, and the state it left."""

from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter

from pixelpipe.jobs.model import Event, EventType, Job, Variant


@dataclass(frozen=True, slots=True)
class Key:
    """An `Idempotency-Key` of a tenant.

    Attributes:
        tenant: Whose it is.
        name: As the client gave it.
        fingerprint: Of the request that it came with; the same for the same request.
    """

    tenant: str
    name: str
    fingerprint: str


MOST_POISONS = 10_000


@dataclass(frozen=True, slots=True)
class Poison:
    """A source that crashed the decoder and is refused for a while.

    Attributes:
        sha256: Digest of its bytes.
        since: When it did.
        until: When it may be tried again.
    """

    sha256: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """One step in the life of a job, written whole or not at all.

    Attributes:
        job: The job as it was then. Its list of variants is that of the living job: what counts
            of them is in `variants`.
        variants: Those whose state changed, as they were then, by index; all of a new job.
        event: What the world is told; None when only the state is kept.
        data: The event's JSON object without its `seq`, which the journal gives.
        new: Whether the job is not in the journal yet.
        key: The key that a new job takes.
    """

    job: Job
    variants: tuple[tuple[int, Variant], ...]
    event: EventType | None
    data: bytes
    new: bool = False
    key: Key | None = None


class RefusedError(Exception):
    """The journal did not take a record, for a reason that lies in the record."""


class LostJobError(RefusedError):
    """The job was taken up by another since, or removed."""


class KeyTakenError(RefusedError):
    """Another job has the key.

    Args:
        job_id: That job.
        fingerprint: Of the request that made it.
    """

    def __init__(self, job_id: str, fingerprint: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id
        self.fingerprint = fingerprint


class BlobMissingError(RefusedError):
    """A blob that the record refers to is not in the store, or was removed meanwhile.

    Args:
        sha256: Which.
    """

    def __init__(self, sha256: str) -> None:
        super().__init__(sha256)
        self.sha256 = sha256


Outcome = Event | RefusedError | None
Entry = Record | Poison


# dataclasses.replace, told of no field, does the same in more than twice the time.
_of_job = attrgetter(*(field.name for field in fields(Job)))
_of_variant = attrgetter(*(field.name for field in fields(Variant)))


def snapshot(job: Job) -> Job:
    """The job as it is now, but for its variants."""
    return Job(*_of_job(job))


def snapshots(job: Job, indexes: list[int]) -> tuple[tuple[int, Variant], ...]:
    """These variants of the job as they are now."""
    return tuple((index, Variant(*_of_variant(job.variants[index]))) for index in indexes)
