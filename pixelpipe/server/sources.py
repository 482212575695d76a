"""Photographs that are fetched from a URL, instead of coming with the request."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from yarl import URL

from pixelpipe.config import Settings
from pixelpipe.engine.uploads import Upload
from pixelpipe.errors import (
    QueueFullError,
    RateLimitedError,
    SourceUnavailableError,
    SourceUrlRefusedError,
)
from pixelpipe.outbound.dial import open_session
from pixelpipe.outbound.fetch import answering, check_source_url
from pixelpipe.server.body import GRACE_S, MIN_BYTES_PER_S
from pixelpipe.server.context import RUNTIME

# What is fetched holds memory, a connection and a thread for the name, for others' slowness.
AT_ONCE = 64
AT_ONCE_PER_CLIENT = 8
_READ_BYTES = 65536

Room = Callable[[int | None], AbstractAsyncContextManager[Upload]]


class Sources:
    """Fetches photographs, a bounded number at a time.

    Args:
        session: Of `open_session`; None if nothing is fetched here at all.
        allow_private: Whether URLs may lead to addresses that are not public.
        timeout_s: For one photograph, from the first name that is looked up to the last byte.
    """

    def __init__(
        self, session: aiohttp.ClientSession | None, *, allow_private: bool, timeout_s: float
    ) -> None:
        self._session = session
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._fetching: Counter[str] = Counter()

    def check(self, url: str) -> None:
        """Refuse a URL that is not fetched, before anything else is done.

        Raises:
            SourceUrlRefusedError: It leads inside; or this server fetches nothing.
            InvalidSpecError: It is no plain http or https URL.
        """
        if self._session is None:
            raise SourceUrlRefusedError(
                "This server fetches nothing from URLs; send the image itself. Its operator can "
                "turn that on by PIXELPIPE_SOURCE_URLS."
            )
        check_source_url(url, allow_private=self._allow_private)

    @asynccontextmanager
    async def fetch(self, url: str, client: str, room: Room) -> AsyncIterator[Upload]:
        """The bytes at `url`; leaving gives their memory back unless it was taken over.

        Args:
            url: What to fetch.
            client: Whose fetch it counts as.
            room: Gives room for so many bytes, or an unknown number; asked once they begin to come.

        Raises:
            SourceUrlRefusedError, InvalidSpecError: As `check`; or it redirects to such a URL.
            SourceUnavailableError: It could not be fetched, or not in time.
            UnsupportedFormatError: The answer says itself that it is no image.
            UploadTooLargeError, MemoryFullError and so on: As `room`, and as writing to it.
            RateLimitedError, QueueFullError: The client, or all of them, fetch enough already.
        """
        self.check(url)
        assert self._session is not None
        async with AsyncExitStack() as held:
            with self._turn(client):
                try:
                    async with (
                        asyncio.timeout(self._timeout_s) as limit,
                        answering(self._session, url, allow_private=self._allow_private) as answer,
                    ):
                        upload = await held.enter_async_context(room(answer.content_length))
                        await self._take_in(answer, upload, limit)
                except TimeoutError:
                    raise SourceUnavailableError("The URL was answered too slowly.") from None
            yield upload

    @contextmanager
    def _turn(self, client: str) -> Iterator[None]:
        if self._fetching[client] >= AT_ONCE_PER_CLIENT:
            raise RateLimitedError(
                f"{AT_ONCE_PER_CLIENT} photographs are being fetched for you; try again later."
            )
        if self._fetching.total() >= AT_ONCE:
            raise QueueFullError("Too many photographs are being fetched; try again later.")
        self._fetching[client] += 1
        try:
            yield
        finally:
            self._fetching[client] -= 1
            if not self._fetching[client]:
                del self._fetching[client]

    async def _take_in(
        self, answer: aiohttp.ClientResponse, upload: Upload, limit: asyncio.Timeout
    ) -> None:
        """Read the body for as long as it keeps coming."""
        start, latest = asyncio.get_running_loop().time(), limit.when()
        assert latest is not None
        try:
            async for chunk in answer.content.iter_any():
                await upload.write(chunk)
                earned_s = GRACE_S + upload.size_bytes / MIN_BYTES_PER_S
                limit.reschedule(min(latest, start + earned_s))
        except aiohttp.ClientError:
            raise SourceUnavailableError("The URL's server broke its answer off.") from None
        if not upload.size_bytes:
            raise SourceUnavailableError("The URL was answered with no bytes.")


SOURCES: web.AppKey[Sources] = web.AppKey("sources", Sources)


async def open_sources(app: web.Application) -> AsyncIterator[None]:
    """Get ready to fetch, if the settings allow it; a cleanup context of the application."""
    async with fetching(app[RUNTIME].settings) as app[SOURCES]:
        yield


@asynccontextmanager
async def fetching(settings: Settings) -> AsyncIterator[Sources]:
    """Photographs from URLs, if the settings allow it."""
    async with AsyncExitStack() as closing:
        session = None
        if settings.source_urls:
            session = await closing.enter_async_context(
                open_session(
                    allow_private=settings.source_url_private,
                    total_s=settings.source_url_timeout_s,
                    read_bytes=_READ_BYTES,
                )
            )
        yield Sources(
            session,
            allow_private=settings.source_url_private,
            timeout_s=settings.source_url_timeout_s,
        )


def file_name(url: str) -> str | None:
    """What the photograph at the URL is called: the last part of its path."""
    return unquote(URL(url).raw_path.rpartition("/")[2]) or None
