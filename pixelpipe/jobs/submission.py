"""What goes in at the door of the job service, and what a transform gives back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pixelpipe.engine.uploads import Upload
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.jobs.model import Job, Source, Variant, new_job_id
from pixelpipe.jobs.reach import EVERYBODYS, Reach
from pixelpipe.jobs.records import Key
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.plan import Plan
from pixelpipe.recipes.spec import Spec
from pixelpipe.recipes.tasks import UNIVERSAL

PRIORITIES = range(-10, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who wants it done.

    Attributes:
        tenant: Whose job it becomes; jobs, keys and stored variants are the tenant's own.
        client: Who shares the workers with the others, each client its fair part.
        everybodys: Whether he may see and touch everybody's jobs.
    """

    tenant: str = ""
    client: str = ""
    everybodys: bool = False

    @property
    def reach(self) -> Reach:
        """Whose jobs he may see and touch."""
        return EVERYBODYS if self.everybodys else Reach(self.tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender(Caller):
    """Who sends an upload, as is known before it is read.

    Attributes:
        key: Name of the key that a job may have been made with before.
    """

    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a job is to be done, beside what.

    Attributes:
        priority: One of `PRIORITIES`, among the client's own jobs; higher goes first.
        webhook: URL to tell of the end.
        key: The job that was made with it before is given instead of a new one.
    """

    priority: int = 0
    webhook: str | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody wants done.

    Attributes:
        upload: The received bytes; the service takes them over once it accepts.
        name: The source's name, for people; never used as a path.
        specs: What to make, at least one, names unique.
        receive_ms: How long the upload took.
        accepted: Formats that the client can show.
        job_id: The job's id; None for a new one.
    """

    upload: Upload
    name: str
    specs: tuple[Spec, ...]
    receive_ms: float
    caller: Caller = Caller()
    wishes: Wishes = Wishes()
    accepted: frozenset[Format] = UNIVERSAL
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """The outcome of a transform.

    Attributes:
        shared: Whether the work was done for somebody else as well, or before.
    """

    content: bytes
    facts: Facts
    sha256: str
    timings_ms: dict[str, float]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What a source, and each variant, may be."""

    max_pixels: int
    max_side_px: int


def new_job(
    submission: Submission, info: SourceInfo, planned: Plan, reuse_keys: Iterable[str]
) -> Job:
    """The job that `submission` asks for, with a reuse key for each task."""
    upload, caller, wishes = submission.upload, submission.caller, submission.wishes
    return Job(
        id=submission.job_id or new_job_id(),
        tenant=caller.tenant,
        client=caller.client,
        created_at=datetime.now(UTC),
        source=Source(
            name=submission.name,
            format=info.format,
            width=info.width,
            height=info.height,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
        ),
        decode=planned.decode,
        variants=[
            Variant(task, reuse_key)
            for task, reuse_key in zip(planned.tasks, reuse_keys, strict=True)
        ],
        priority=wishes.priority,
        webhook=wishes.webhook,
        timings_ms={"receive": submission.receive_ms},
    )
