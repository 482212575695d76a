"""What the handlers find in the application."""

from aiohttp import web

from pixelpipe.runtime import Runtime
from pixelpipe.server.sse import Streams

RUNTIME: web.AppKey[Runtime] = web.AppKey("runtime", Runtime)
STREAMS: web.AppKey[Streams] = web.AppKey("streams", Streams)
