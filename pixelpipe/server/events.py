"""`GET /api/jobs/{id}/events` and `GET /api/events`: the event log, replayed and then live."""

import asyncio
from collections.abc import Collection
from contextlib import aclosing

from aiohttp import web

from pixelpipe.errors import MalformedRequestError
from pixelpipe.jobs.reach import Reach
from pixelpipe.jobs.service import JobService
from pixelpipe.server.context import RUNTIME, STREAMS
from pixelpipe.server.guards.below import placed_events
from pixelpipe.server.guards.clients import client_address
from pixelpipe.server.sse import Feed
from pixelpipe.server.submissions import caller_of

_MAX_ID_DIGITS = 18


async def job_events(request: web.Request) -> web.StreamResponse:
    """One job's events until its terminal one; 204 to a client that has seen that already."""
    return await _stream(request, {request.match_info["job_id"]})


async def events(request: web.Request) -> web.StreamResponse:
    """The events of the jobs named by `?job=`, to the end of all of them; else of all the caller's.

    Without `?job=` it never ends, and starts with what happens from now on.
    """
    return await _stream(request, set(request.query.getall("job", ())) or None)


async def _stream(request: web.Request, job_ids: Collection[str] | None) -> web.StreamResponse:
    with request.app[STREAMS].place(client_address(request)):
        return await _send(request, job_ids)


async def _send(request: web.Request, job_ids: Collection[str] | None) -> web.StreamResponse:
    runtime = request.app[RUNTIME]
    service, reach = runtime.service, caller_of(request).reach
    ended = job_ids is not None and await _all_ended(service, job_ids, reach)
    position = await _position(request, service, from_start=job_ids is not None)
    async with aclosing(
        Feed(placed_events(request, service.follow(position, job_ids, reach)))
    ) as feed:
        if ended and await feed.exhausted():
            return web.Response(status=204)
        return await request.app[STREAMS].send(
            request, feed, position, runtime.settings.heartbeat_s
        )


async def _all_ended(service: JobService, job_ids: Collection[str], reach: Reach) -> bool:
    jobs = await asyncio.gather(*(service.get(job_id, reach) for job_id in job_ids))
    return all(job.ended for job in jobs)


async def _position(request: web.Request, service: JobService, *, from_start: bool) -> int:
    """The id after which the client wants events.

    An id that was never given out is taken for the newest: a client of a server before this one
    would wait for ever.
    """
    newest = await service.last_event_id()
    seen = request.headers.get("Last-Event-ID") or request.query.get("after")
    if not seen:
        return 0 if from_start else newest
    if not (seen.isascii() and seen.isdigit() and len(seen) <= _MAX_ID_DIGITS):
        raise MalformedRequestError(
            f"The last event id has to be a whole number as the stream gave it, not {seen[:40]!r}."
        )
    return min(int(seen), newest)
