"""`/healthz` and `/readyz`: is the server alive, and can it work?"""

from aiohttp import web

from pixelpipe.server.context import RUNTIME


async def healthz(_request: web.Request) -> web.Response:
    """200 for as long as the loop turns."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """200 when jobs can be worked on, else 503; the facts either way."""
    facts = request.app[RUNTIME].ready()
    return web.json_response(facts, status=200 if facts["ready"] else 503)
