"""What is refused before a handler sees it, on every route."""

import asyncio
import re
from collections.abc import Collection

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware

from pixelpipe.errors import (
    EncodedBodyError,
    ExpectationFailedError,
    JobNotFoundError,
    MalformedRequestError,
    UploadTooLargeError,
    UploadTooSlowError,
    VariantNotFoundError,
)
from pixelpipe.recipes.spec import VARIANT_PATTERN
from pixelpipe.server.context import RUNTIME

# Of a request that is no upload.
SMALL_BODY_BYTES = 65536

# Ids are 22 of these characters; whoever makes others one day finds them let through.
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_NAME = re.compile(VARIANT_PATTERN)


@web.middleware
async def plausible(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what cannot be: ids and names that nothing has, and expectations that nobody meets.

    Raises:
        ExpectationFailedError, JobNotFoundError, VariantNotFoundError: That.
    """
    expected = request.headers.get("Expect")
    if expected and expected.lower() != "100-continue" and request.version >= HttpVersion11:
        raise ExpectationFailedError("Of expectations, only 100-continue is met.")
    job_id, name = map(request.match_info.get, ("job_id", "name"))
    if job_id is not None and not _JOB_ID.fullmatch(job_id):
        raise JobNotFoundError("There is no job of that id.")
    if name is not None and not _NAME.fullmatch(name):
        raise VariantNotFoundError("There is no variant of that name in any job.")
    return await handler(request)


def small_bodies(uploads: Collection[Handler]) -> Middleware:
    """A middleware that bounds the bodies of all requests but uploads, which bound their own.

    Most of them take no body at all; one that comes nevertheless is read, so that the connection
    can go on.

    Args:
        uploads: The handlers of uploads.
    """

    @web.middleware
    async def small_body(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.handler not in uploads:
            if request.can_read_body:
                await _read(request)
        else:
            refuse_encoded(request)
        return await handler(request)

    return small_body


def refuse_encoded(request: web.Request) -> None:
    """Refuse a compressed body.

    Raises:
        EncodedBodyError: It is one.
    """
    for field in request.headers.getall("Content-Encoding", ()):
        encoding = field.strip().lower()
        if encoding != "identity":
            raise EncodedBodyError(
                f"The body has Content-Encoding: {encoding[:40]}; send its bytes as they are."
            )


async def _read(request: web.Request) -> None:
    """Have the whole body in memory, where handlers find it.

    Raises:
        EncodedBodyError: It is compressed.
        UploadTooLargeError: It is over `SMALL_BODY_BYTES`.
        UploadTooSlowError: It does not come.
        MalformedRequestError: Its chunks are broken.
    """
    refuse_encoded(request)
    timeout_s = request.app[RUNTIME].settings.header_timeout_s
    if (request.content_length or 0) > SMALL_BODY_BYTES:
        raise _too_long()
    try:
        async with asyncio.timeout(timeout_s):
            await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_long() from None
    except TimeoutError:
        raise UploadTooSlowError(f"The body took longer than {timeout_s:g} seconds.") from None
    except web.RequestPayloadError as error:
        raise MalformedRequestError(
            "The body is broken: it ends early, or its chunks are wrong."
        ) from error


def _too_long() -> UploadTooLargeError:
    return UploadTooLargeError(
        f"This takes a body of at most {SMALL_BODY_BYTES} bytes, if any.",
        limit_bytes=SMALL_BODY_BYTES,
    )
