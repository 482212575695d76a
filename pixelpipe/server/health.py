"""`/healthz` and `/readyz`: is the server alive, and can it work?"""

from aiohttp import web

from pixelpipe.auth.keys import Scope
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.guards.identity import known_identity


async def healthz(_request: web.Request) -> web.Response:
    """200 for as long as the loop turns."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """200 when jobs can be worked on, else 503; the facts, to those who may read, either way."""
    facts = request.app[RUNTIME].ready()
    identity = known_identity(request)
    if identity is None or not identity.allows(Scope.READ):
        facts = {"ready": facts["ready"]}
    return web.json_response(facts, status=200 if facts["ready"] else 503)
