"""Jobs: `POST`, `GET /api/jobs` and `GET`, `DELETE /api/jobs/{id}`, `POST /api/jobs/{id}/retry`."""

from aiohttp import web

from pixelpipe.jobs.model import Job
from pixelpipe.jobs.reach import Reach
from pixelpipe.jobs.views import job_document, job_url
from pixelpipe.server.answers import answer
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.listing import find_page, job_list, parse_listing
from pixelpipe.server.marks import MARK
from pixelpipe.server.preferences import preferred_wait_s
from pixelpipe.server.quota import wants_place
from pixelpipe.server.submissions import (
    WISHES,
    caller_of,
    job_submission,
    sender_of,
    waited_for,
)
from pixelpipe.server.upload import received
from pixelpipe.server.wanted import WANTED


async def submit(request: web.Request) -> web.Response:
    """Take a picture in; 202 once it is acknowledged, or 200 at its end if the client waits."""
    runtime = request.app[RUNTIME]
    fields = ("preset", "variants", MARK, *WISHES)
    async with received(request, fields, sender_of(request)) as body:
        specs = request.app[WANTED].specs(body.fields)
        job = await runtime.service.accept(job_submission(request, body, specs))
    return await _accepted(request, job)


async def _accepted(request: web.Request, job: Job) -> web.Response:
    wait_s = preferred_wait_s(request.headers.getall("Prefer", ()))
    headers = {"Location": job_url(job.id)}
    if wait_s is None:
        request.app[RUNTIME].service.detach(job.id)
        return answer(job_document(job), status=202, headers=headers)
    headers["Preference-Applied"] = f"wait={wait_s}"
    job = await waited_for(request, job, wait_s)
    return answer(job_document(job), status=200 if job.ended else 202, headers=headers)


async def jobs(request: web.Request) -> web.Response:
    """A page of the caller's jobs, newest first."""
    listing = parse_listing(request.query, caller_of(request).reach)
    found = await find_page(request.app[RUNTIME].service.list, listing)
    page = await job_list(listing, found)
    return answer(page, headers={"Link": f'<{page.next}>; rel="next"'} if page.next else None)


async def job(request: web.Request) -> web.Response:
    """One job with its variants, timings and links."""
    found = await request.app[RUNTIME].service.get(*_asked(request))
    return answer(job_document(found))


async def delete(request: web.Request) -> web.Response:
    """Cancel the job: 202; or remove one that has ended: 204."""
    cancelled = await request.app[RUNTIME].service.delete(*_asked(request))
    if cancelled is None:
        return web.Response(status=204)
    return answer(job_document(cancelled), status=202)


async def retry(request: web.Request) -> web.Response:
    """Take the job's failed variants back to the queue; answers as `submit`."""
    wants_place(request, caller_of(request).client)
    job = await request.app[RUNTIME].service.retry(*_asked(request))
    return await _accepted(request, job)


def _asked(request: web.Request) -> tuple[str, Reach]:
    """Which job it is about, and whose jobs the caller may see."""
    return request.match_info["job_id"], caller_of(request).reach
