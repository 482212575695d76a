"""`POST /api/files` and `POST /api/files/async`: the quad edge-blur of one picture, saved."""

from aiohttp import web
from pydantic import BaseModel

from pixelpipe.errors import VariantNotReadyError
from pixelpipe.formats.registry import FORMATS, Format
from pixelpipe.jobs.model import Job, TaskState, Variant
from pixelpipe.jobs.views import SourceView, job_url, job_view, variant_url
from pixelpipe.recipes.quadrants import quadrants
from pixelpipe.server.answers import answer
from pixelpipe.server.blobs import send_stored
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.preferences import MAX_WAIT_S, accept_of, prefers
from pixelpipe.server.problems import problem_response
from pixelpipe.server.single import flat_spec, pointing
from pixelpipe.server.submissions import WISHES, job_submission, sender_of, waited_for
from pixelpipe.server.upload import received
from pixelpipe.server.variants import variant_headers

_NAME = "quad"
_FIELDS = ("band_px", "sigma", "format", "quality", *WISHES)
_STAGES = ("receive", "decode", "process", "encode", "store", "total")


class RectView(BaseModel):
    """A rectangle in pixels, from the top left corner."""

    x: int
    y: int
    width: int
    height: int


class ResultView(BaseModel):
    """The saved picture."""

    url: str
    format: Format
    width: int
    height: int
    bytes: int
    sha256: str


class FileView(BaseModel):
    """A picture whose inner edges were blurred, and how."""

    id: str
    source: SourceView
    result: ResultView
    quadrants: list[RectView]
    band_px: int
    sigma: float
    timings_ms: dict[str, float]


async def submit(request: web.Request) -> web.StreamResponse:
    """Do the work and answer 201 with metadata, or with the picture where that is preferred.

    Work that outlasts the longest wait goes on; the answer is then 202 with the job.
    """
    job = await waited_for(request, await _accept(request), MAX_WAIT_S)
    (made,) = job.variants
    if not job.ended:
        return _accepted(job)
    if made.state is not TaskState.COMPLETED:
        cancelled = VariantNotReadyError("The job was cancelled before the picture was made.")
        return problem_response(next(iter(job.failures), cancelled.problem()))
    location = {"Location": variant_url(job.id, _NAME), "Vary": "Accept"}
    media_type = FORMATS[made.format].media_type
    if not prefers(accept_of(request), media_type, "application/json"):
        return answer(_file_view(job, made), status=201, headers=location)
    return await _send_picture(request, job, made, location)


async def submit_async(request: web.Request) -> web.Response:
    """Take the picture in and answer 202 with the job."""
    job = await _accept(request)
    request.app[RUNTIME].service.detach(job.id)
    return _accepted(job)


def _accepted(job: Job) -> web.Response:
    return answer(job_view(job), status=202, headers={"Location": job_url(job.id)})


async def _accept(request: web.Request) -> Job:
    runtime = request.app[RUNTIME]
    async with received(request, _FIELDS, sender_of(request)) as body:
        spec = flat_spec({"name": _NAME, "quad": {}}, body.fields, runtime.settings)
        submission = job_submission(request, body, [spec])
        with pointing():
            return await runtime.service.accept(submission)


async def _send_picture(
    request: web.Request, job: Job, made: Variant, location: dict[str, str]
) -> web.StreamResponse:
    service = request.app[RUNTIME].service
    headers = {**variant_headers(job, made, download=False), **location}
    headers["Cache-Control"] = "no-store"  # it answers a POST; its own address may be cached
    with service.reading(job):
        stored = await service.stored(job, made)
        assert made.blob is not None
        whole = range(made.blob.size_bytes)
        response = web.StreamResponse(status=201, headers=headers)
        return await send_stored(request, stored, whole, response)


def _file_view(job: Job, made: Variant) -> FileView:
    task = made.task
    assert task.quad is not None
    view = job_view(job)
    timings_ms = view.timings_ms | view.variants[0].timings_ms
    parts = quadrants(task.output_width, task.output_height)
    return FileView(
        id=job.id,
        source=view.source,
        result=ResultView.model_validate(view.variants[0], from_attributes=True),
        quadrants=[RectView.model_validate(rect, from_attributes=True) for rect in parts],
        band_px=task.quad.band_px,
        sigma=task.quad.sigma,
        timings_ms={stage: timings_ms[stage] for stage in _STAGES if stage in timings_ms},
    )
