"""What stands in the queue's jobs, for programs of any language that share it (version 1).

A program adds a job named `image` whose data is an `ImageRequest`. While it is worked on, its
progress is what came of the latest variant (`VariantProgress`); at its end its return value is a
`JobResult`, or it fails with a text that begins with the slug of an error: `damaged-image: ...`.
Jobs named `accepted` are PixelPipe's own: what is to be done is in its journal.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from bullmq import UnrecoverableError
from pydantic import BaseModel, Field, SkipValidation, ValidationError, model_validator
from pydantic_core import from_json

from pixelpipe.errors import TYPE_PREFIX, InvalidSpecError, PixelPipeError
from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import EventType, JobState
from pixelpipe.jobs.views import SourceView, VariantView
from pixelpipe.recipes.mistakes import Explainer, Mistake, invalid_spec, rule
from pixelpipe.recipes.presets import Presets
from pixelpipe.recipes.spec import Limits, Spec
from pixelpipe.recipes.spec_fields import Strict, WritableFormat
from pixelpipe.recipes.tasks import UNIVERSAL

VERSION = 1

IMAGE = "image"
ACCEPTED = "accepted"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_URL = re.compile(r"https?://\S{1,2040}")
_NAME_CHARS = 255
SHOWN = frozenset(
    {EventType.VARIANT_RETRYING, EventType.VARIANT_COMPLETED, EventType.VARIANT_FAILED}
)
"""Events that a job's progress tells of. Its beginning and its end the queue tells by itself."""
_WITH_RESULT = (JobState.COMPLETED, JobState.PARTIAL)

Version = Annotated[int, Field(ge=VERSION, le=VERSION, description="The version of this format.")]
Name = Annotated[
    str, Field(max_length=_NAME_CHARS, description=f"text of up to {_NAME_CHARS} characters")
]


class QueueSource(Strict):
    """Where the image is: exactly one of the two."""

    url: str | None = Field(
        default=None,
        description="An http or https URL, which a worker fetches.",
        json_schema_extra={"pattern": f"^{_URL.pattern}$"},
    )
    sha256: str | None = Field(
        default=None,
        description="The digest, in hexadecimal digits, of a blob that is in the store already.",
        json_schema_extra={"pattern": f"^{_SHA256.pattern}$"},
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.url is None) == (self.sha256 is None):
            raise rule("must have either url or sha256")
        if self.url is not None and not _URL.fullmatch(self.url):
            raise rule("must have an http or https URL as url")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise rule("must have 64 of 0-9 and a-f as sha256")
        return self


class ImageRequest(Strict):
    """The data of a job named `image`: one picture, and what is to be made of it."""

    version: Version
    source: QueueSource
    preset: str | None = Field(default=None, description="Presets, with commas between.")
    variants: SkipValidation[list[Spec] | None] = Field(
        default=None, description="Specs of variants; given as well, they come before the presets'."
    )
    name: Name | None = Field(default=None, description="What the picture is called, for people.")
    tenant: Name | None = Field(default=None, description="Whose job it is, where keys are used.")
    accept: list[WritableFormat] | None = Field(
        default=None,
        description="Formats that `format: auto` may choose; absent, those that all can show.",
    )
    webhook: str | None = Field(default=None, description="A URL that is told of the end.")


class AcceptedJob(Strict):
    """The data of a job named `accepted`; its id is that of the job in the journal."""

    version: Version


class VariantProgress(VariantView):
    """Progress that tells what came of one variant: `variant.completed` and so on."""

    event: EventType
    seq: int = Field(description="The event's number in its job, from 1.")
    job: str


class JobResult(BaseModel):
    """What was made: the JSON of `GET /api/jobs/{id}` without its links."""

    id: str
    state: JobState
    priority: int
    created_at: datetime
    ended_at: datetime | None
    deleted_at: datetime | None
    source: SourceView
    decodes: int
    variants: list[VariantView]
    failures: list[dict[str, Any]]
    timings_ms: dict[str, float]
    webhook: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that was understood.

    Attributes:
        request: As it came; of its variants only `specs` is checked.
        specs: What to make.
        accepted: The formats that `format: auto` may choose.
    """

    request: ImageRequest
    specs: tuple[Spec, ...]
    accepted: frozenset[Format]


def read_request(data: object, presets: Presets, limits: Limits) -> Wanted:
    """What the data of a job named `image` asks for.

    Args:
        data: The parsed JSON.
        presets: Those that there are.
        limits: How much may be asked for.

    Raises:
        InvalidSpecError: Its `errors` lists the mistakes with their JSON pointers.
        UnknownPresetError: The detail lists the presets that there are.
    """
    try:
        request = ImageRequest.model_validate(data)
    except ValidationError as error:
        raise invalid_spec(Explainer(ImageRequest, {}).mistakes(error, ())) from None
    specs = presets.choose(request.preset, request.variants, limits)
    accepted = UNIVERSAL if request.accept is None else frozenset(request.accept) | UNIVERSAL
    return Wanted(request, specs, accepted)


def check_accepted(data: object) -> None:
    """See that the data of a job named `accepted` is of a version that this PixelPipe reads.

    Raises:
        InvalidSpecError: It is not.
    """
    try:
        AcceptedJob.model_validate(data)
    except ValidationError as error:
        raise invalid_spec(Explainer(AcceptedJob, {}).mistakes(error, ())) from None


def unknown_name(name: str) -> InvalidSpecError:
    """The error for a job that is called neither of the names that there are."""
    detail = f"must be a job named {IMAGE}, not {name[:64]!r}"
    return invalid_spec([Mistake((), detail)])


def progress_of(event: EventType, data: bytes) -> dict[str, Any]:
    """The progress that tells of an event, a `VariantProgress`.

    Args:
        event: One of SHOWN.
        data: The event's own: the JSON object of a variant, with `job` and `seq`.
    """
    return {"event": event.value, **from_json(data)}


def result_of(document: bytes) -> dict[str, Any]:
    """The return value for a job that ended, which is a `JobResult`.

    Args:
        document: Its public JSON (`jobs.views.job_document`).

    Raises:
        UnrecoverableError: Nothing was made; the text says why.
    """
    fields = from_json(document)
    if fields["state"] not in _WITH_RESULT:
        raise UnrecoverableError(_why(fields))
    return {name: fields[name] for name in JobResult.model_fields}


def failure_text(error: PixelPipeError) -> str:
    """What a job fails with: the error's slug, a colon, what was wrong and what is allowed."""
    mistakes = error.extensions.get("errors", ())
    if len(mistakes) > 1:
        told = "; ".join(f"{m['pointer'] or 'the data'} {m['detail']}" for m in mistakes)
        return f"{error.slug}: {told}."
    return f"{error.slug}: {error.detail}"


def _why(fields: dict[str, Any]) -> str:
    for problem in fields["failures"]:
        slug = problem["type"].removeprefix(TYPE_PREFIX)
        return f"{slug}: {problem['detail']}"
    return f"{fields['state']}: The job was {fields['state']}."


def failure(error: PixelPipeError) -> Exception:
    """The exception by which BullMQ fails a job, for good unless a further try may go well."""
    kind = Exception if error.retryable else UnrecoverableError
    return kind(failure_text(error))
