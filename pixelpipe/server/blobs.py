"""A stored blob as an answer: ETag, conditional and range requests, and how its bytes go out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from pixelpipe.errors import RangeNotSatisfiableError
from pixelpipe.jobs.model import Blob
from pixelpipe.jobs.ports import Stored
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.problems import problem_response
from pixelpipe.server.ranges import requested_range
from pixelpipe.server.redirection import may_redirect, redirection
from pixelpipe.server.wire.slow_readers import while_it_reads


async def send_blob(
    request: web.Request, stored: Stored, blob: Blob, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer a GET or HEAD with the blob, or with as much of it as was asked for.

    What a client has already, and a range that there is not, is answered before any byte is read.

    aiohttp's FileResponse would give the file's time as the ETag and compare `If-Range` with
    dates only; a blob's name is its digest, which is the better validator.

    Args:
        request: Whom to answer.
        stored: The blob's bytes.
        blob: Its length, and its digest, which is its strong ETag.
        headers: Content-Type, caching and the like.
    """
    etag, size_bytes = f'"{blob.sha256}"', blob.size_bytes
    headers = {**headers, "ETag": etag, "Accept-Ranges": "bytes"}
    if _client_has(request, blob.sha256):
        return web.Response(status=304, headers=headers)
    try:
        wanted = requested_range(
            request.headers.get("Range"), request.headers.get("If-Range"), etag, size_bytes
        )
    except RangeNotSatisfiableError as error:
        return problem_response(error.problem(), {"Content-Range": f"bytes */{size_bytes}"})
    if request.app[RUNTIME].settings.storage_redirect and may_redirect(request):
        url = await stored.link(headers)
        if url is not None:
            return redirection(url)
    if wanted is None:
        whole = range(size_bytes)
        return await send_stored(request, stored, whole, web.StreamResponse(headers=headers))
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size_bytes}"
    response = web.StreamResponse(status=206, headers=headers)
    return await send_stored(request, stored, wanted, response)


def _client_has(request: web.Request, sha256: str) -> bool:
    return any(tag.value in (sha256, "*") for tag in request.if_none_match or ())


async def send_stored(
    request: web.Request, stored: Stored, wanted: range, response: web.StreamResponse
) -> web.StreamResponse:
    """Send the bytes `wanted` as the body of `response`, from a file by the kernel.

    Raises:
        StorageFailedError: They cannot be read. Where some of the answer is out already it is cut.
    """
    response.content_length = len(wanted)
    if request.method == "HEAD":
        await response.prepare(request)
    elif stored.path is None:
        await _send_pieces(request, stored, wanted, response)
    else:
        with await _open(stored.path) as file:
            await response.prepare(request)
            await _copy(request, file, wanted)
    await response.write_eof()
    return response


async def _send_pieces(
    request: web.Request, stored: Stored, wanted: range, response: web.StreamResponse
) -> None:
    """Send them as they come; no more is asked for until the client has taken what there is."""
    async with aclosing(stored.pieces(wanted)) as pieces:
        piece = await anext(pieces, b"")  # What cannot be read is known before the answer begins.
        await response.prepare(request)
        while piece:
            async with _reading(request):
                await response.write(piece)
            piece = await anext(pieces, b"")


@asynccontextmanager
async def _reading(request: web.Request) -> AsyncIterator[asyncio.Transport]:
    """Around sending something; a client that reads nothing of it is cut off."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has gone")
    async with while_it_reads(transport, request.app[RUNTIME].settings.write_timeout_s):
        yield transport


async def _open(path: Path) -> BinaryIO:
    """Open the file off the loop; a client that leaves meanwhile leaves no file open."""
    opening = asyncio.create_task(asyncio.to_thread(path.open, "rb"))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opened: asyncio.Task[BinaryIO]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()


async def _copy(request: web.Request, file: BinaryIO, wanted: range) -> None:
    async with _reading(request) as transport:
        loop = asyncio.get_running_loop()
        await loop.sendfile(transport, file, wanted.start, len(wanted))
