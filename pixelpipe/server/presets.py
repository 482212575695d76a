"""`GET /api/presets`: the bundles of variants that can be asked for by name."""

from aiohttp import web

from pixelpipe.server.context import RUNTIME


async def presets(request: web.Request) -> web.Response:
    """All presets with their variants."""
    return web.json_response({"presets": request.app[RUNTIME].presets.listing()})
