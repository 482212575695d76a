"""Everything below one path: routes, and the links in answers and in events.

Links are made, and stored, as if the server had the site for itself. They get what belongs before
them on their way out, so that it may change while jobs live.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from pixelpipe.jobs.model import Event
from pixelpipe.jobs.views import place_links
from pixelpipe.server.guards.site import SITE

_JSON = "application/json"
_FIELDS = ("Location", "Link")


def move_below(router: web.UrlDispatcher, base_path: str) -> None:
    """Move all routes below `base_path`, as aiohttp does it for applications in another."""
    if not base_path:
        return
    for resource in router.resources():
        router.unindex_resource(resource)
        resource.add_prefix(base_path)
        router.index_resource(resource)
    # The page's own links are relative to the folder that it is in.
    router.add_get(base_path, _to_the_page)


def own_path(request: web.Request) -> str:
    """The path below the base: the same wherever the server stands."""
    return request.path.removeprefix(request.app[SITE].base_path)


@web.middleware
async def placed_links(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Complete the links of an answer that is JSON."""
    response = await handler(request)
    if (
        isinstance(response, web.Response)
        and response.content_type == _JSON
        and isinstance(response.body, bytes)
        and not response.prepared
    ):
        response.body = place_links(response.body, request.app[SITE].link_path)
    return response


async def place_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Complete the links of any answer's headers, before they go out."""
    for field in _FIELDS:
        if value := response.headers.get(field):
            response.headers[field] = _placed(value, request.app[SITE].link_path)


def placed_events(
    request: web.Request, batches: AsyncGenerator[Sequence[Event], None]
) -> AsyncGenerator[Sequence[Event], None]:
    """The same events, with links that are complete."""
    prefix = request.app[SITE].link_path
    return _placed_events(batches, prefix) if prefix else batches


async def _placed_events(
    batches: AsyncGenerator[Sequence[Event], None], prefix: str
) -> AsyncGenerator[Sequence[Event], None]:
    async with aclosing(batches):
        async for batch in batches:
            yield [replace(event, data=place_links(event.data, prefix)) for event in batch]


async def _to_the_page(_request: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": "/"})


def _placed(value: str, prefix: str) -> str:
    """A path, or a path in angle brackets; what is neither, or leads elsewhere, stays as it is."""
    mark = "<" if value.startswith("<") else ""
    path = value.removeprefix("<")
    return f"{mark}{prefix}{path}" if path.startswith("/") and path[1:2] != "/" else value
