"""`POST /api/jobs` and `GET /api/jobs/{id}`."""

from aiohttp import web

from pixelpipe.jobs.model import Job
from pixelpipe.jobs.submission import Submission
from pixelpipe.jobs.views import job_url, job_view
from pixelpipe.server.answers import answer
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.fields import json_field
from pixelpipe.server.preferences import preferred_wait_s
from pixelpipe.server.upload import received


async def submit(request: web.Request) -> web.Response:
    """Take a picture in; 202 once it is acknowledged, or 200 at its end if the client waits."""
    runtime = request.app[RUNTIME]
    async with received(request, ("preset", "variants")) as body:
        specs = runtime.presets.choose(
            body.fields.get("preset"), json_field(body.fields, "variants"), runtime.settings
        )
        job = await runtime.service.accept(
            Submission(body.upload, body.name, specs, body.receive_ms)
        )
    return await _accepted(request, job)


async def _accepted(request: web.Request, job: Job) -> web.Response:
    wait_s = preferred_wait_s(request.headers.getall("Prefer", ()))
    headers = {"Location": job_url(job.id)}
    if wait_s is None:
        return answer(job_view(job), status=202, headers=headers)
    headers["Preference-Applied"] = f"wait={wait_s}"
    job = await request.app[RUNTIME].service.wait(job.id, wait_s)
    return answer(job_view(job), status=200 if job.ended else 202, headers=headers)


async def job(request: web.Request) -> web.Response:
    """One job with its variants, timings and links."""
    found = await request.app[RUNTIME].service.get(request.match_info["job_id"])
    return answer(job_view(found))
