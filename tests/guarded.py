"""A server that asks for keys, and clients that show all sorts of things."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession, DummyCookieJar

from pixelpipe.auth.doorkeeper import Doorkeeper
from pixelpipe.auth.identity import Identity, Means
from pixelpipe.runtime import Runtime
from pixelpipe.server.app import make_app
from pixelpipe.server.guards.door import DOOR
from tests.api_keys import Held
from tests.http_jobs import Json, made, own_photo, specs
from tests.serving import BoundedServer

LATER_S = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Guarded:
    """The server, and a client that shows nothing and keeps no cookies."""

    url: str
    client: ClientSession
    keeper: Doorkeeper

    def as_one(self, held: Held) -> ClientSession:
        """A client that shows the key each time."""
        return ClientSession(self.url, headers=held.header, cookie_jar=DummyCookieJar())

    async def job(self, held: Held, *names: str) -> Json:
        """A job of the key's, which has ended."""
        async with self.as_one(held) as client:
            return await made(client, own_photo(), specs(*(names or ("a",))))

    def link(self, held: Held, path: str, expires_s: int = LATER_S) -> str:
        """The query of a link."""
        return self.keeper.link_query(path, Identity(held.key, Means.KEY), expires_s)

    def session(self, held: Held, expires_s: int = LATER_S) -> dict[str, str]:
        """The header with the cookie of a session."""
        return {"Cookie": f"pixelpipe_session={self.keeper.session_cookie(held.key, expires_s)}"}


@asynccontextmanager
async def guarded(runtime: Runtime) -> AsyncIterator[Guarded]:
    """A server over `runtime`, on a real port."""
    app = make_app(runtime)
    server = BoundedServer(app)
    await server.start_server()
    url = str(server.make_url("/"))
    try:
        async with ClientSession(url, cookie_jar=DummyCookieJar()) as client:
            yield Guarded(url, client, app[DOOR].keeper)
    finally:
        await server.close()
