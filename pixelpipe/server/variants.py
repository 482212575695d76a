"""`GET /api/jobs/{id}/variants/{name}`: the bytes of a variant."""

from aiohttp import web

from pixelpipe.errors import JobGoneError, VariantNotFoundError, VariantNotReadyError
from pixelpipe.formats.registry import FORMATS
from pixelpipe.jobs.model import Job, TaskState, Variant
from pixelpipe.server.blobs import send_blob
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.headers import PICTURE
from pixelpipe.server.names import content_disposition, variant_file_name
from pixelpipe.server.preferences import accept_of, best_format
from pixelpipe.server.problems import problem_response
from pixelpipe.server.submissions import caller_of

_GIVEN_UP = frozenset({TaskState.FAILED, TaskState.CANCELLED})

# A variant never changes, and nobody can guess its address.
_IMMUTABLE = "public, max-age=31536000, immutable"


async def variant(request: web.Request) -> web.StreamResponse:
    """The variant's bytes, or why there are none; `?download=1` asks browsers to save them."""
    service = request.app[RUNTIME].service
    job = await service.get(request.match_info["job_id"], caller_of(request).reach)
    name = request.match_info["name"]
    found = job.variant(name) or _negotiated(request, job.variants_of(name))
    if found is None:
        names = ", ".join(v.task.name for v in job.variants)
        raise VariantNotFoundError(f"This job has no such variant; it has {names}.")
    if job.deleted_at is not None:
        raise JobGoneError("The job was deleted, and this variant with it.")
    if found.state is not TaskState.COMPLETED:
        return _not_there(found)
    with service.reading(job):
        stored = await service.stored(job, found)
        assert found.blob is not None
        # Not before: one that had to be made again may be of another format.
        headers = variant_headers(job, found, download=request.query.get("download") == "1")
        if found.task.name != name:
            headers["Vary"] = "Accept"
            headers["Content-Location"] = found.task.name
        return await send_blob(request, stored, found.blob, headers)


def _negotiated(request: web.Request, formats: list[Variant]) -> Variant | None:
    """Of the same variant in several formats, the one that the client likes best."""
    hopeful = [each for each in formats if each.state not in _GIVEN_UP] or formats
    by_format = {each.format: each for each in hopeful}
    if not by_format:
        return None
    return by_format[best_format(accept_of(request), list(by_format))]


def variant_headers(job: Job, made: Variant, *, download: bool) -> dict[str, str]:
    """What goes with the bytes of a variant: type, name and how long they may be kept."""
    info = FORMATS[made.format]
    file_name = variant_file_name(job.source.name, made.stem, info.extension)
    return {
        **PICTURE,
        "Content-Type": info.media_type,
        "Cache-Control": _IMMUTABLE,
        "Content-Disposition": content_disposition(
            "attachment" if download else "inline", file_name
        ),
    }


def _not_there(found: Variant) -> web.Response:
    """409, with Retry-After as long as there is hope."""
    name, state = found.task.name, found.state
    if state in (TaskState.QUEUED, TaskState.RUNNING):
        raise VariantNotReadyError(f"The variant {name} is still {state}.")
    why = f": {found.problem['detail']}" if found.problem else "."
    error = VariantNotReadyError(f"The variant {name} is {state}{why}")
    return problem_response(error.problem())
