"""An upload: the request's body, chunk by chunk, straight into shared memory."""

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from aiohttp import HttpVersion11, web

from pixelpipe.engine.uploads import Upload
from pixelpipe.errors import EmptyBodyError, MalformedRequestError
from pixelpipe.jobs.submission import Sender
from pixelpipe.outbound.fetch import SOURCE_URL
from pixelpipe.server.body import Body, body_in_time
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.form import Part, parts
from pixelpipe.server.marks import MARK, read_mark
from pixelpipe.server.names import source_name
from pixelpipe.server.quota import wants_place
from pixelpipe.server.sources import SOURCES, Sources, file_name

# A form is longer than its file by boundaries, headers and fields, a mark among them.
_FORM_EXTRA_BYTES = 256 * 1024


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
    def url(self) -> str | None:
        """Where the image was fetched from, if it did not come with the request."""
        return self.fields.get(SOURCE_URL)

    @property
    def name(self) -> str:
        """The source's name, fit to be shown."""
        return source_name(self.fields.get("name", self.file_name))


async def expect_continue(_request: web.Request) -> None:
    """Leave `Expect: 100-continue` to `received`, which answers it once there is room."""


@asynccontextmanager
async def received(
    request: web.Request, allowed: Collection[str], sender: Sender, *, stored: bool = True
) -> AsyncIterator[Received]:
    """The request's image and fields; leaving gives the image's memory back unless it was taken.

    Args:
        request: A multipart form with one `file` part, or the image itself as the body. Fields
            come as form fields or query parameters, in any order. Instead of the image there may
            be a field `source_url`.
        allowed: Names that fields may have, besides `name`.
        sender: Who sends it.
        stored: Whether the image is to be stored.

    Raises:
        EmptyBodyError: No image, or one of no bytes.
        MalformedRequestError: Broken multipart; a field that is unknown, given twice or too long.
        EncodedBodyError: The body is compressed.
        UploadTooLargeError, MemoryFullError, QueueFullError, StorageFullError,
            ShuttingDownError: As `JobService.receive`.
        UploadTooSlowError: The body does not keep up with `MIN_BYTES_PER_S`.
        SourceUrlRefusedError, SourceUnavailableError, UnsupportedFormatError, RateLimitedError,
            InvalidSpecError: As `Sources.fetch`.
    """
    wants_place(request, sender.client)
    sources = request.app[SOURCES]
    fields = _Fields({*allowed, "name"}, sources)
    for name, value in request.query.items():
        fields.add(name, value)
    room = partial(request.app[RUNTIME].service.receive, stored=stored, sender=sender)
    start = time.perf_counter()
    if SOURCE_URL not in fields.values or request.can_read_body:
        async with room(_declared_bytes(request)) as upload:
            await _send_continue(request)
            result = Received(upload, fields.values)
            await _read(request, result, fields)
            if _has_image(result):
                result.receive_ms = (time.perf_counter() - start) * 1000
                yield result
                return
    url = fields.values[SOURCE_URL]
    async with sources.fetch(url, sender.client, room) as upload:
        passed_ms = (time.perf_counter() - start) * 1000
        yield Received(upload, fields.values, file_name(url), passed_ms)


def _has_image(received: Received) -> bool:
    """Whether the image was in the body; it may be at a URL instead."""
    if received.url is None and not received.upload.size_bytes:
        raise EmptyBodyError("The image has no bytes.")
    if received.url is not None and received.upload.size_bytes:
        raise MalformedRequestError(f"Give either an image or {SOURCE_URL!r}, not both.")
    return received.url is None


@dataclass(slots=True)
class _Fields:
    """Fields as they turn up, each known and given once."""

    allowed: Collection[str]
    sources: Sources
    values: dict[str, str] = field(default_factory=dict)
    chars: int = 0

    def add(self, name: str, value: str) -> None:
        self.check(name)
        self.chars += len(value)
        if self.chars > _FORM_EXTRA_BYTES:
            raise MalformedRequestError(
                f"The fields are longer than the {_FORM_EXTRA_BYTES} characters allowed together."
            )
        if name == SOURCE_URL:
            self.sources.check(value)
        self.values[name] = value

    def check(self, name: str) -> None:
        if name not in self.allowed and name != SOURCE_URL:
            known = ", ".join(sorted(self.allowed))
            raise MalformedRequestError(
                f"There is no field {name[:80]!r}; the image goes into 'file'; the other "
                f"fields are {known}."
            )
        if name in self.values:
            raise MalformedRequestError(f"The field {name!r} is given more than once.")


def _declared_bytes(request: web.Request) -> int | None:
    """A bound on the image's size, as far as the request gives one.

    A form a little over the limit may hold a file just within it.
    """
    length = request.content_length
    if length is None:
        return None
    if length == 0:
        raise EmptyBodyError("The request has no body; send an image.")
    max_upload_bytes = request.app[RUNTIME].settings.max_upload_bytes
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


async def _read(request: web.Request, result: Received, fields: _Fields) -> None:
    """Read the body for as long as it keeps coming."""
    settings = request.app[RUNTIME].settings
    most_bytes = settings.max_upload_bytes + _FORM_EXTRA_BYTES
    async with body_in_time(request, most_bytes, settings.upload_timeout_s) as body:
        if _is_form(request):
            await _read_form(parts(request, body), result, fields)
        else:
            await _read_raw(body, result.upload)


async def _read_raw(body: Body, upload: Upload) -> None:
    async for chunk in body.chunks():
        await upload.write(chunk)


async def _read_form(form: AsyncIterator[Part], result: Received, fields: _Fields) -> None:
    """Take in the file, and the fields before and after it."""
    seen_file = False
    async for part in form:
        if part.name != "file":
            fields.check(part.name)  # before its text is read
            as_file = part.name == MARK and part.file_name is not None
            fields.add(part.name, await (read_mark(part) if as_file else part.text()))
            continue
        if seen_file:
            raise MalformedRequestError("The form has more than one file; send one a request.")
        seen_file, result.file_name = True, part.file_name
        async for chunk in part.chunks():
            await result.upload.write(chunk)
    if not seen_file and SOURCE_URL not in fields.values:
        raise EmptyBodyError("The form has no file; the image goes into a part named 'file'.")
