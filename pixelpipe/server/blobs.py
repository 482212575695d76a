"""A stored blob as an answer: ETag, conditional and range requests, sendfile."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from pixelpipe.errors import RangeNotSatisfiableError
from pixelpipe.jobs.model import Blob
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.problems import problem_response
from pixelpipe.server.ranges import requested_range
from pixelpipe.server.wire.slow_readers import while_it_reads


async def send_blob(
    request: web.Request, path: Path, blob: Blob, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer a GET or HEAD with the blob, or with as much of it as was asked for.

    aiohttp's FileResponse would give the file's time as the ETag and compare `If-Range` with
    dates only; a blob's name is its digest, which is the better validator.

    Args:
        request: Whom to answer.
        path: The file that holds the blob.
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
    if wanted is None:
        return await send_file(
            request, path, range(size_bytes), web.StreamResponse(headers=headers)
        )
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size_bytes}"
    return await send_file(request, path, wanted, web.StreamResponse(status=206, headers=headers))


def _client_has(request: web.Request, sha256: str) -> bool:
    return any(tag.value in (sha256, "*") for tag in request.if_none_match or ())


async def send_file(
    request: web.Request, path: Path, wanted: range, response: web.StreamResponse
) -> web.StreamResponse:
    """Send the bytes `wanted` of the file as the body of `response`, by the kernel."""
    with await _open(path) as file:
        response.content_length = len(wanted)
        await response.prepare(request)
        if request.method != "HEAD":
            await _copy(request, file, wanted)
        await response.write_eof()
    return response


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
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has gone")
    loop = asyncio.get_running_loop()
    async with while_it_reads(transport, request.app[RUNTIME].settings.write_timeout_s):
        await loop.sendfile(transport, file, wanted.start, len(wanted))
