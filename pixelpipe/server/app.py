"""The HTTP application: its routes, and what surrounds every request."""

from typing import Any

from aiohttp import web

from pixelpipe.runtime import Runtime
from pixelpipe.server import (
    archive,
    events,
    files,
    health,
    jobs,
    page,
    presets,
    transform,
    variants,
)
from pixelpipe.server.access import access, mark_response
from pixelpipe.server.context import RUNTIME, STREAMS
from pixelpipe.server.problems import problems
from pixelpipe.server.sse import Streams
from pixelpipe.server.upload import expect_continue

# For whatever runs the application. A vanished client ends its handler at once; no body is
# inflated, not even one that is refused and only drained.
RUNNER_OPTIONS: dict[str, Any] = {
    "handler_cancellation": True,
    "auto_decompress": False,
    "keepalive_timeout": 75.0,
    "access_log": None,
}


def make_app(runtime: Runtime) -> web.Application:
    """The application over an open runtime; run it with `RUNNER_OPTIONS`."""
    app = web.Application(middlewares=[access, problems])
    app[RUNTIME] = runtime
    app[STREAMS] = Streams()
    app.cleanup_ctx.append(page.load_page)
    app.on_response_prepare.append(mark_response)
    app.on_shutdown.append(app[STREAMS].stop)
    _add_uploads(app.router)
    _add_jobs(app.router)
    _add_reads(app.router)
    return app


def _add_uploads(router: web.UrlDispatcher) -> None:
    for path, handler in (
        ("/api/jobs", jobs.submit),
        ("/api/transform", transform.transform),
        ("/api/files", files.submit),
        ("/api/files/async", files.submit_async),
    ):
        router.add_post(path, handler, expect_handler=expect_continue)


def _add_jobs(router: web.UrlDispatcher) -> None:
    router.add_get("/api/jobs", jobs.jobs)
    router.add_get("/api/jobs/{job_id}", jobs.job)
    router.add_delete("/api/jobs/{job_id}", jobs.delete)
    router.add_post("/api/jobs/{job_id}/retry", jobs.retry)
    router.add_get("/api/jobs/{job_id}/events", events.job_events, allow_head=False)
    router.add_get("/api/jobs/{job_id}/variants/{name}", variants.variant)
    router.add_get("/api/jobs/{job_id}/archive.zip", archive.archive)


def _add_reads(router: web.UrlDispatcher) -> None:
    router.add_get("/api/events", events.events, allow_head=False)
    router.add_get("/api/presets", presets.presets)
    router.add_get("/healthz", health.healthz)
    router.add_get("/readyz", health.readyz)
    router.add_get("/", page.index)
    router.add_get("/static/{path:.+}", page.static)
