"""Runs the application on connections that are bounded."""

from typing import Any

from aiohttp import web

from pixelpipe.server.wire.bounds import Bounds
from pixelpipe.server.wire.connections import BoundedServer
from pixelpipe.server.wire.framing import MAX_HEADERS, MAX_LINE_BYTES

# How long a refused body is read, so that its sender sees the answer.
LINGER_S = 2.0


class Runner(web.AppRunner):
    """Runs an application on bounded connections."""

    def __init__(self, app: web.Application, bounds: Bounds, **options: Any) -> None:  # noqa: ANN401 - aiohttp's
        # A vanished client ends its handler at once; no body is inflated, not even one that is
        # refused and only drained.
        super().__init__(
            app,
            **options
            | {
                "handler_cancellation": True,
                "auto_decompress": False,
                "access_log": None,
                "keepalive_timeout": bounds.keepalive_s,
                "lingering_time": LINGER_S,
                "max_headers": MAX_HEADERS,
                "max_line_size": MAX_LINE_BYTES,
                "max_field_size": MAX_LINE_BYTES,
            },
        )
        self._bounds = bounds

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return BoundedServer(plain, self._bounds)
