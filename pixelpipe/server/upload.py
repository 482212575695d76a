"""An upload: the request's body, chunk by chunk, straight into shared memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import HttpVersion11, web

from pixelpipe.engine.uploads import Upload
from pixelpipe.errors import (
    EmptyBodyError,
    EncodedBodyError,
    MalformedRequestError,
    UploadTooSlowError,
)
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.form import Form, next_chunk, text
from pixelpipe.server.names import source_name

# A body has this long to begin, and has to keep up this average from then on: room in shared
# memory is not held for a client that went to sleep.
GRACE_S = 30.0
MIN_BYTES_PER_S = 16384

# A form is longer than its file by boundaries, headers and fields.
_FORM_EXTRA_BYTES = 65536


@dataclass(slots=True)
class Received:
    """What a request brought.

    Attributes:
        upload: The image, in the arena.
        fields: The other form fields and the query parameters, by name.
        file_name: The file part's name, as the client gave it.
        receive_ms: How long the body took.
    """

    upload: Upload
    fields: dict[str, str]
    file_name: str | None = None
    receive_ms: float = 0.0

    @property
    def name(self) -> str:
        """The source's name, fit to be shown."""
        return source_name(self.fields.get("name", self.file_name))


async def expect_continue(_request: web.Request) -> None:
    """Leave `Expect: 100-continue` to `received`, which answers it once there is room."""


@asynccontextmanager
async def received(
    request: web.Request, allowed: Collection[str], *, stored: bool = True
) -> AsyncIterator[Received]:
    """The request's image and fields; leaving gives the image's memory back unless it was taken.

    Args:
        request: A multipart form with one `file` part, or the image itself as the body. Fields
            come as form fields or query parameters, in any order.
        allowed: Names that fields may have, besides `name`.
        stored: Whether the image is to be stored.

    Raises:
        EmptyBodyError: No image, or one of no bytes.
        MalformedRequestError: Broken multipart; a field that is unknown, given twice or too long.
        EncodedBodyError: The body is compressed.
        UploadTooLargeError, MemoryFullError, StorageFullError, ShuttingDownError: As
            `JobService.receive`.
        UploadTooSlowError: The body does not keep up with `MIN_BYTES_PER_S`.
    """
    _refuse_encoded(request)
    fields = _Fields({*allowed, "name"})
    for name, value in request.query.items():
        fields.add(name, value)
    runtime = request.app[RUNTIME]
    start = time.perf_counter()
    declared = _declared_bytes(request, runtime.settings.max_upload_bytes)
    async with runtime.service.receive(declared, stored=stored) as upload:
        await _send_continue(request)
        result = Received(upload, fields.values)
        await _read_in_time(request, result, fields)
        if not upload.size_bytes:
            raise EmptyBodyError("The image has no bytes.")
        result.receive_ms = (time.perf_counter() - start) * 1000
        yield result


@dataclass(slots=True)
class _Fields:
    """Fields as they turn up, each known and given once."""

    allowed: Collection[str]
    values: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        self.check(name)
        self.values[name] = value

    def check(self, name: str) -> None:
        if name not in self.allowed:
            known = ", ".join(sorted(self.allowed))
            raise MalformedRequestError(f"There is no field {name[:80]!r}; there are {known}.")
        if name in self.values:
            raise MalformedRequestError(f"The field {name!r} is given more than once.")


def _refuse_encoded(request: web.Request) -> None:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise EncodedBodyError(
            f"The body has Content-Encoding: {encoding[:40]}; send the image's bytes as they are."
        )


def _declared_bytes(request: web.Request, max_upload_bytes: int) -> int | None:
    """A bound on the image's size, as far as the request gives one.

    A form a little over the limit may hold a file just within it.
    """
    length = request.content_length
    if length is None:
        return None
    if length == 0:
        raise EmptyBodyError("The request has no body; send an image.")
    if _is_form(request) and length <= max_upload_bytes + _FORM_EXTRA_BYTES:
        return min(length, max_upload_bytes)
    return length


def _is_form(request: web.Request) -> bool:
    return request.content_type.startswith("multipart/")


async def _send_continue(request: web.Request) -> None:
    """Ask for the body, now that there is room for it."""
    expects = request.headers.get("Expect", "").lower() == "100-continue"
    if expects and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # as in aiohttp: the answer proper has not begun


async def _read_in_time(request: web.Request, result: Received, fields: _Fields) -> None:
    """Read the body for as long as it keeps coming."""
    try:
        async with asyncio.timeout(GRACE_S) as limit:
            intake = _Intake(result.upload, limit)
            if _is_form(request):
                await _read_form(Form(request), intake, result, fields)
            else:
                await _read_raw(request, intake)
    except TimeoutError:
        raise UploadTooSlowError(
            f"The upload came too slowly; it has to keep up {MIN_BYTES_PER_S} bytes a second."
        ) from None


class _Intake:
    """Takes in the image's bytes, each of which buys time for the next."""

    def __init__(self, upload: Upload, limit: asyncio.Timeout) -> None:
        self._upload = upload
        self._limit = limit
        self._start = asyncio.get_running_loop().time()

    async def write(self, chunk: bytes) -> None:
        await self._upload.write(chunk)
        earned_s = self._upload.size_bytes / MIN_BYTES_PER_S
        self._limit.reschedule(self._start + GRACE_S + earned_s)


async def _read_raw(request: web.Request, intake: _Intake) -> None:
    try:
        async for chunk in request.content.iter_any():
            await intake.write(chunk)
    except web.RequestPayloadError as error:
        raise MalformedRequestError("The body is broken: it ends early.") from error


async def _read_form(form: Form, intake: _Intake, result: Received, fields: _Fields) -> None:
    """Take in the file, and the fields before and after it."""
    seen_file = False
    while part := await form.next_part():
        if part.name != "file":
            name = part.name or ""
            fields.check(name)  # before its text is read
            fields.add(name, await text(part))
            continue
        if seen_file:
            raise MalformedRequestError("The form has more than one file; send one a request.")
        seen_file, result.file_name = True, part.filename
        while not part.at_eof():
            await intake.write(await next_chunk(part))
    if not seen_file:
        raise EmptyBodyError("The form has no file; the image goes into a part named 'file'.")
