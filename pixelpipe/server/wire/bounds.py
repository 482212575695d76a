"""The bounds of connections, as the settings have them."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from pixelpipe.config import MIB
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.guards.clients import counted, is_trusted_proxy


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of the connections.

    Attributes:
        connections: Most that may be open.
        client_connections: Most that one client may have open.
        header_timeout_s: How long the headers of a request may take.
        keepalive_s: How long a connection may be idle between requests.
        write_timeout_s: How long a client may read nothing of what it is sent.
        late_bytes: How much of a body is thrown away that comes after the answer.
        client: By a connection's address, the client that it counts for; None if for no one.
    """

    connections: int
    client_connections: int
    header_timeout_s: float
    keepalive_s: float
    write_timeout_s: float
    late_bytes: int
    client: Callable[[str], str | None]


def bounds_of(app: web.Application, connections: int) -> Bounds:
    """The bounds that the settings of `app` ask for.

    Args:
        app: The application.
        connections: Most that may be open.
    """
    settings = app[RUNTIME].settings

    def client(address: str) -> str | None:
        return None if is_trusted_proxy(app, address) else counted(address)

    return Bounds(
        connections=connections,
        client_connections=settings.client_connections,
        header_timeout_s=settings.header_timeout_s,
        keepalive_s=settings.keepalive_s,
        write_timeout_s=settings.write_timeout_s,
        late_bytes=2 * max(settings.max_upload_bytes, 32 * MIB),
        client=client,
    )
