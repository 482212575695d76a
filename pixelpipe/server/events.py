"""`GET /api/jobs/{id}/events` and `GET /api/events`: the event log, replayed and then live."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing

from aiohttp import web

from pixelpipe.errors import MalformedRequestError
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.reach import Reach
from pixelpipe.jobs.service import JobService
from pixelpipe.server.context import RUNTIME, STREAMS
from pixelpipe.server.guards.below import placed_events
from pixelpipe.server.guards.clients import client_address
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
    # Few calls deep: the frame of each is there for as long as the stream, of which there are many.
    runtime, streams, client = request.app[RUNTIME], request.app[STREAMS], client_address(request)
    service, reach = runtime.service, caller_of(request).reach
    streams.enter(client)
    try:
        ended = job_ids is not None and await _all_ended(service, job_ids, reach)
        position = await _position(request, service, from_start=job_ids is not None)
        batches = placed_events(request, service.follow(position, job_ids, reach))
        async with aclosing(batches):
            first = await _next(batches) if ended else ()
            if ended and not first:
                return web.Response(status=204)
            return await streams.send(request, batches, position, first)
    finally:
        streams.leave(client)


async def _next(batches: AsyncIterator[Sequence[Event]]) -> Sequence[Event]:
    """The next batch; empty at the end."""
    async for batch in batches:
        return batch
    return ()


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
