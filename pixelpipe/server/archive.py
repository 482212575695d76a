"""`GET /api/jobs/{id}/archive.zip`: all variants of a job in one file."""

from contextlib import aclosing

from aiohttp import web
from pydantic import BaseModel

from pixelpipe.errors import ArchiveNotReadyError, JobGoneError
from pixelpipe.formats.registry import FORMATS
from pixelpipe.jobs.model import Job, TaskState, Variant
from pixelpipe.jobs.service import JobService
from pixelpipe.jobs.views import JobView, job_view, place_links
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.guards.site import SITE
from pixelpipe.server.names import archive_entry_name, archive_name, content_disposition
from pixelpipe.server.problems import problem_response
from pixelpipe.server.submissions import caller_of
from pixelpipe.server.zip_stream import Entry, archive_size_bytes, chunks

MANIFEST = "manifest.json"


class ManifestView(BaseModel):
    """What the archive holds: the job, and the file of each variant that was made."""

    job: JobView
    files: dict[str, str]


async def archive(request: web.Request) -> web.StreamResponse:
    """The archive, made while it is sent; first a manifest.

    If a file cannot be read any more the connection is cut, so that nothing passes for whole.
    """
    service = request.app[RUNTIME].service
    job = await service.get(request.match_info["job_id"], caller_of(request).reach)
    if job.deleted_at is not None:
        raise JobGoneError("The job was deleted.")
    if refusal := _not_ready(job):
        return refusal
    root = request.app[SITE].link_root  # whoever unpacks it is not at this site
    with service.reading(job):
        return await _send(request, job, await _entries(service, job, root))


def _not_ready(job: Job) -> web.Response | None:
    """409, with Retry-After as long as there is hope."""
    if not job.ended:
        raise ArchiveNotReadyError(f"The job is still {job.state}.")
    if not _made(job):
        error = ArchiveNotReadyError(f"The job is {job.state}; no variant of it was made.")
        return problem_response(error.problem())
    return None


def _made(job: Job) -> list[Variant]:
    return [variant for variant in job.variants if variant.state is TaskState.COMPLETED]


async def _entries(service: JobService, job: Job, root: str) -> list[Entry]:
    """The manifest and the files, each of which is whole."""
    files: list[Entry] = []
    names: dict[str, str] = {}
    for variant in _made(job):
        stored = await service.stored(job, variant)
        assert variant.blob is not None
        extension = FORMATS[variant.format].extension
        name = archive_entry_name(job.source.name, variant.stem, extension)
        names[variant.task.name] = name
        files.append(Entry(name, stored, variant.blob.size_bytes))
    document = ManifestView(job=job_view(job), files=names).model_dump_json(indent=2)
    manifest = place_links(document.encode(), root)
    return [Entry(MANIFEST, manifest, len(manifest)), *files]


async def _send(request: web.Request, job: Job, entries: list[Entry]) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/zip",
            "Cache-Control": "no-store",
            "Content-Disposition": content_disposition("attachment", archive_name(job.source.name)),
        }
    )
    response.content_length = archive_size_bytes(entries)
    await response.prepare(request)
    if request.method != "HEAD":
        assert job.ended_at is not None
        async with aclosing(chunks(entries, job.ended_at)) as pieces:
            async for piece in pieces:
                await response.write(piece)
    await response.write_eof()
    return response
