"""The HTTP application: its routes, and what surrounds every request."""

from aiohttp import web

from pixelpipe.runtime import Runtime
from pixelpipe.server import (
    archive,
    events,
    files,
    health,
    jobs,
    links,
    page,
    presets,
    sessions,
    transform,
    variants,
)
from pixelpipe.server.access import access, mark_response
from pixelpipe.server.context import OUTGOING, RUNTIME, STREAMS
from pixelpipe.server.guards.auth import let_in
from pixelpipe.server.guards.below import move_below, place_headers, placed_links
from pixelpipe.server.guards.cors import preflights, share
from pixelpipe.server.guards.door import open_door
from pixelpipe.server.guards.hosts import known_host
from pixelpipe.server.guards.origins import own_pages
from pixelpipe.server.guards.screening import SMALL_BODY_BYTES, plausible, small_bodies
from pixelpipe.server.guards.site import SITE, read_site
from pixelpipe.server.guards.standing import mark_standing
from pixelpipe.server.outgoing import Outgoing
from pixelpipe.server.problems import problems
from pixelpipe.server.quota import mark_quota
from pixelpipe.server.sources import open_sources
from pixelpipe.server.sse import Streams
from pixelpipe.server.upload import expect_continue
from pixelpipe.server.wanted import open_wanted

_UPLOADS = {
    "/api/jobs": jobs.submit,
    "/api/transform": transform.transform,
    "/api/files": files.submit,
    "/api/files/async": files.submit_async,
}


def make_app(runtime: Runtime) -> web.Application:
    """The application over an open runtime; `connections.Runner` runs it."""
    app = web.Application(
        client_max_size=SMALL_BODY_BYTES,
        middlewares=[
            access,
            placed_links,
            problems,
            known_host,
            preflights,
            own_pages,
            let_in,
            plausible,
            small_bodies(_UPLOADS.values()),
        ],
    )
    app[RUNTIME] = runtime
    app[SITE] = read_site(runtime.settings)
    app[OUTGOING] = Outgoing()
    app[STREAMS] = Streams(runtime.settings.client_streams, runtime.settings.heartbeat_s)
    app.cleanup_ctx.append(page.load_page)
    app.cleanup_ctx.append(open_door)
    app.cleanup_ctx.append(open_sources)
    app.cleanup_ctx.append(open_wanted)
    app.cleanup_ctx.append(app[STREAMS].beating)
    app.on_response_prepare.append(mark_response)
    app.on_response_prepare.append(share)
    app.on_response_prepare.append(mark_standing)
    app.on_response_prepare.append(place_headers)
    app.on_response_prepare.append(mark_quota)
    app.on_shutdown.append(app[STREAMS].stop)
    _add_uploads(app.router)
    _add_jobs(app.router)
    _add_reads(app.router)
    move_below(app.router, app[SITE].base_path)
    return app


def _add_uploads(router: web.UrlDispatcher) -> None:
    for path, handler in _UPLOADS.items():
        router.add_post(path, handler, expect_handler=expect_continue)


def _add_jobs(router: web.UrlDispatcher) -> None:
    router.add_get("/api/jobs", jobs.jobs)
    router.add_get("/api/jobs/{job_id}", jobs.job)
    router.add_delete("/api/jobs/{job_id}", jobs.delete)
    router.add_post("/api/jobs/{job_id}/retry", jobs.retry)
    router.add_get("/api/jobs/{job_id}/events", events.job_events, allow_head=False)
    router.add_get("/api/jobs/{job_id}/variants/{name}", variants.variant)
    router.add_get("/api/jobs/{job_id}/archive.zip", archive.archive)
    router.add_post("/api/jobs/{job_id}/links", links.links)


def _add_reads(router: web.UrlDispatcher) -> None:
    router.add_get("/api/events", events.events, allow_head=False)
    router.add_get("/api/presets", presets.presets)
    router.add_get("/api/session", sessions.session)
    router.add_post("/api/session", sessions.sign_in)
    router.add_delete("/api/session", sessions.sign_out)
    router.add_get("/healthz", health.healthz)
    router.add_get("/readyz", health.readyz)
    router.add_get("/", page.index)
    router.add_get("/static/{path:.+}", page.static)
