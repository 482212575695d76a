"""The public JSON of jobs and variants; the same in answers and in events."""

import re
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from pixelpipe.formats.registry import Format
from pixelpipe.jobs.model import Cache, Job, JobState, TaskState, Variant
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.task import Task

# Nothing else can look like it: a quotation mark within a string is escaped.
_LINK = re.compile(rb'("(?:self|events|archive|url|next)":\s*")(?=/api/)')


class SourceView(BaseModel):
    """The uploaded image; width and height are those of the upright picture."""

    name: str
    format: Format
    width: int
    height: int
    bytes: int
    sha256: str


class VariantView(BaseModel):
    """One output; what is not known yet is null."""

    name: str
    state: TaskState
    width: int | None
    height: int | None
    format: Format | None
    quality: int | None
    frames: int | None
    reduced: bool | None
    dominant: str | None
    palette: list[str] | None
    blurhash: str | None
    thumbhash: str | None
    bytes: int | None
    sha256: str | None
    attempts: int
    strikes: int
    cache: Cache | None
    timings_ms: dict[str, float]
    url: str | None
    error: dict[str, Any] | None


class Links(BaseModel):
    """Where to go from here."""

    self: str
    events: str
    archive: str | None


class JobView(BaseModel):
    """One upload and everything made of it."""

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
    links: Links


class JobEventView(JobView):
    """The data of a `job.*` event, which has its `seq` besides."""

    job: str


class VariantEventView(VariantView):
    """The data of a `variant.*` event, which has its `seq` besides."""

    job: str


def job_url(job_id: str) -> str:
    """The path of a job."""
    return f"/api/jobs/{job_id}"


def variant_url(job_id: str, name: str) -> str:
    """The path of a variant's bytes."""
    return f"{job_url(job_id)}/variants/{name}"


def archive_url(job_id: str) -> str:
    """The path of a job's variants in one file."""
    return f"{job_url(job_id)}/archive.zip"


def place_links(document: bytes, root: str) -> bytes:
    """The JSON `document` with its links below `root`: a path, or a URL without a slash at its end.

    Views, and what is stored of them, have links as if the server had the site for itself.
    """
    return _LINK.sub(rb"\g<1>" + root.encode(), document) if root else document


def _variant_fields(job: Job, variant: Variant) -> dict[str, Any]:
    task = variant.task
    blob = variant.blob if variant.state is TaskState.COMPLETED else None
    return {
        "name": task.name,
        "state": variant.state.value,
        **_looks(task, blob.facts if blob else None),
        "bytes": blob.size_bytes if blob else None,
        "sha256": blob.sha256 if blob else None,
        "attempts": variant.attempts,
        "strikes": variant.strikes,
        "cache": variant.cache.value if blob else None,
        "timings_ms": _rounded(variant.timings_ms),
        "url": variant_url(job.id, task.name) if blob and not job.deleted_at else None,
        "error": variant.problem,
    }


def _looks(task: Task, facts: Facts | None) -> dict[str, Any]:
    """What is known of the picture: what was planned until it is made."""
    if facts is None:
        return _planned_looks(task)
    return {
        "width": facts.width,
        "height": facts.height,
        "format": facts.format.value,
        "quality": facts.quality,
        "frames": facts.frames,
        "reduced": facts.reduced,
        "dominant": facts.dominant,
        "palette": facts.palette,
        "blurhash": facts.blurhash,
        "thumbhash": facts.thumbhash,
    }


def _planned_looks(task: Task) -> dict[str, Any]:
    sized, certain = task.trim is None, task.possible_formats == {task.format}
    return {
        "width": task.output_width if sized else None,
        "height": task.output_height if sized else None,
        "format": task.format.value if certain else None,
        "quality": None,
        "frames": None,
        "reduced": task.reduced if sized else None,
        "dominant": None,
        "palette": None,
        "blurhash": None,
        "thumbhash": None,
    }


def _job_fields(job: Job) -> dict[str, Any]:
    source = job.source
    return {
        "id": job.id,
        "state": job.state.value,
        "priority": job.priority,
        "created_at": job.created_at,
        "ended_at": job.ended_at,
        "deleted_at": job.deleted_at,
        "source": {
            "name": source.name,
            "format": source.format.value,
            "width": source.width,
            "height": source.height,
            "bytes": source.size_bytes,
            "sha256": source.sha256,
        },
        "decodes": job.decodes,
        "variants": [_variant_fields(job, v) for v in job.variants],
        "failures": job.failures,
        "timings_ms": _rounded(job.timings_ms),
        # Others may see it; what comes after a question mark is often a secret.
        "webhook": job.webhook and job.webhook.partition("?")[0],
        "links": {
            "self": job_url(job.id),
            "events": f"{job_url(job.id)}/events",
            "archive": archive_url(job.id) if _can_be_packed(job) else None,
        },
    }


def _can_be_packed(job: Job) -> bool:
    made = any(variant.state is TaskState.COMPLETED for variant in job.variants)
    return made and job.ended and not job.deleted_at


def _rounded(timings_ms: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in timings_ms.items()}


def job_view(job: Job) -> JobView:
    """The public face of a job."""
    return JobView(**_job_fields(job))


def job_document(job: Job) -> bytes:
    """The public face of a job as a JSON object in UTF-8: as `JobView` writes it."""
    return to_json(_job_fields(job))


def event_data(job: Job, variant: Variant | None) -> bytes:
    """What an event of the job, or of one of its variants, carries: a JSON object in UTF-8.

    Its `seq` comes from the journal.
    """
    # As JobEventView and VariantEventView write it, at a part of the cost: all of it is our own.
    fields = _job_fields(job) if variant is None else _variant_fields(job, variant)
    fields["job"] = job.id
    return to_json(fields)
