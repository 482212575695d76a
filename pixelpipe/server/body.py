"""The body of an upload as it arrives: counted as it comes off the wire, and in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from pixelpipe.errors import MalformedRequestError, UploadTooLargeError, UploadTooSlowError

# A body has this long to begin, and has to keep up this average from then on: room in shared
# memory is not held for a client that went to sleep.
GRACE_S = 30.0
MIN_BYTES_PER_S = 16384


class Body:
    """Reads the body of a request.

    All that the client sends counts, also what is passed over: what comes before the first part of
    a form, between its parts or behind the last.

    Args:
        request: Whose body it is.
        most_bytes: How long it may be.
        limit: Of the time; every byte buys some for the next.
        timeout_s: How long the whole of it may take at most.
    """

    def __init__(
        self, request: web.Request, most_bytes: int, limit: asyncio.Timeout, timeout_s: float
    ) -> None:
        self._content = request.content
        self._most_bytes = most_bytes
        self._limit = limit
        self._start = asyncio.get_running_loop().time()
        self._timeout_s = timeout_s

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it, in pieces as they come."""
        while chunk := await self.read_any():
            yield chunk

    async def read_any(self) -> bytes:
        """What has come; empty at the end."""
        return self._counted(await self._content.readany())

    def _counted(self, chunk: bytes) -> bytes:
        come_bytes = self._content.total_bytes
        if come_bytes > self._most_bytes:
            raise UploadTooLargeError(
                f"The body is longer than the {self._most_bytes} bytes that are allowed.",
                limit_bytes=self._most_bytes,
            )
        allowed_s = min(GRACE_S + come_bytes / MIN_BYTES_PER_S, self._timeout_s)
        self._limit.reschedule(self._start + allowed_s)
        return chunk


@asynccontextmanager
async def body_in_time(
    request: web.Request, most_bytes: int, timeout_s: float
) -> AsyncIterator[Body]:
    """The body of the request, to be read for as long as it keeps coming.

    Args:
        request: Whose body it is.
        most_bytes: How long it may be.
        timeout_s: How long it may take at most.

    Raises:
        UploadTooLargeError: It is longer.
        UploadTooSlowError: It takes longer, or does not keep up with `MIN_BYTES_PER_S`.
        MalformedRequestError: It ends early, or its chunks are broken.
    """
    try:
        async with asyncio.timeout(min(GRACE_S, timeout_s)) as limit:
            yield Body(request, most_bytes, limit, timeout_s)
    except TimeoutError:
        raise UploadTooSlowError(
            f"The upload came too slowly; it has to keep up {MIN_BYTES_PER_S} bytes a second, and "
            f"to be whole after {timeout_s:g} seconds."
        ) from None
    except web.RequestPayloadError as error:
        raise MalformedRequestError(
            "The body is broken: it ends early, or its chunks are wrong."
        ) from error
