"""What the handlers find in the application."""

from aiohttp import web

from pixelpipe.runtime import Runtime
from pixelpipe.server.outgoing import Outgoing
from pixelpipe.server.sse import Streams

RUNTIME: web.AppKey[Runtime] = web.AppKey("runtime", Runtime)
STREAMS: web.AppKey[Streams] = web.AppKey("streams", Streams)
OUTGOING: web.AppKey[Outgoing] = web.AppKey("outgoing", Outgoing)
