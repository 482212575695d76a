"""The parts of a multipart form (RFC 7578), read one after the other, each within bounds."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Self

from aiohttp import content_disposition_filename, parse_content_disposition, web
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from pixelpipe.errors import EncodedBodyError, MalformedRequestError
from pixelpipe.server.body import Body

MAX_PARTS = 32
# A mark in a spec is the longest.
MAX_FIELD_BYTES = 192 * 1024

# Of one part.
MAX_HEADERS = 16
MAX_HEADER_BYTES = 8190

# RFC 2046, 5.1.1
_MAX_BOUNDARY_CHARS = 70
# The bytes as they are: the names of files come in whatever encoding a client's system has.
_ANY_BYTES = "latin-1"
_PLAIN = frozenset({"", "identity", "binary", "8bit", "7bit"})


class _Found:
    """What is found in a form as it arrives: a part's beginning, pieces of it, None for its end.

    Raises:
        MalformedRequestError: The form is broken.
    """

    def __init__(self, body: Body, boundary: str) -> None:
        self._body = body
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=MAX_HEADER_BYTES,
            max_header_count=MAX_HEADERS,
            header_charset=_ANY_BYTES,
        )
        self._ready: Iterator[MultipartSegment | bytes | None] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MultipartSegment | bytes | None:
        with _broken_is_malformed():
            while True:
                for found in self._ready:
                    return found
                # What stands behind the last part is read too, so that the connection can go on.
                chunk = await self._body.read_any()
                if not chunk:
                    self._parser.close()
                    raise StopAsyncIteration
                self._ready = self._parser.parse(chunk)


class Part:
    """A part of a form.

    Attributes:
        name: Of its field; empty where it says none.
        file_name: As the client gave it, if it did.
    """

    def __init__(self, segment: MultipartSegment, found: _Found) -> None:
        self.name = _text(segment.name or "")
        self.file_name = _file_name(segment)
        self._found = found

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its content, in pieces as they come; to be asked for once.

        Raises:
            MalformedRequestError: The form is broken.
        """
        async for found in self._found:
            if not isinstance(found, bytes):
                return
            yield found

    async def text(self) -> str:
        """The value of a text field.

        Raises:
            MalformedRequestError: Not UTF-8, longer than `MAX_FIELD_BYTES`, or the form is broken.
        """
        value = bytearray()
        async for chunk in self.chunks():
            value += chunk
            if len(value) > MAX_FIELD_BYTES:
                raise MalformedRequestError(
                    f"The field {self.name!r} is longer than the {MAX_FIELD_BYTES} bytes allowed."
                )
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise MalformedRequestError(f"The field {self.name!r} is not UTF-8.") from None


async def parts(request: web.Request, body: Body) -> AsyncIterator[Part]:
    """The parts of a form as it arrives; what was not read of one is skipped before the next.

    Args:
        request: Whose body it is.
        body: That body.

    Raises:
        MalformedRequestError: No form, broken, nested, or of more than `MAX_PARTS` parts.
        EncodedBodyError: A part is compressed or otherwise encoded.
    """
    found = _Found(body, _boundary(request))
    count = 0
    async for segment in found:
        if not isinstance(segment, MultipartSegment):
            continue
        count += 1
        if count > MAX_PARTS:
            raise MalformedRequestError(f"The form has more than {MAX_PARTS} parts.")
        if (segment.content_type or "").startswith("multipart/"):
            raise MalformedRequestError("A part of the form is itself multipart; send plain parts.")
        _refuse_encoded(segment)
        yield Part(segment, found)


def _boundary(request: web.Request) -> str:
    # Programs send boundaries with characters that RFC 2045 has in quotes only, and no quotes.
    about = Message()
    about["Content-Type"] = request.headers.get("Content-Type", "")
    if about.get_content_type() != "multipart/form-data":
        raise MalformedRequestError("Of multipart bodies, only multipart/form-data is read.")
    boundary = str(about.get_boundary(""))
    if not (0 < len(boundary) <= _MAX_BOUNDARY_CHARS and boundary.isascii()):
        raise MalformedRequestError(
            f"multipart/form-data needs a boundary of 1 to {_MAX_BOUNDARY_CHARS} ASCII characters."
        )
    return boundary


def _file_name(segment: MultipartSegment) -> str | None:
    disposition = segment.header("Content-Disposition", "")
    if "filename*" in disposition:
        # RFC 7578 forbids it; clients send it all the same where a name is not ASCII.
        return content_disposition_filename(parse_content_disposition(disposition)[1])
    name: str | None = segment.filename
    return None if name is None else _text(name)


def _text(header: str) -> str:
    """What was meant by these bytes: UTF-8, or else something else that had few such letters."""
    return header.encode(_ANY_BYTES).decode(errors="replace")


def _refuse_encoded(segment: MultipartSegment) -> None:
    for field in ("Content-Encoding", "Content-Transfer-Encoding"):
        encoding = segment.header(field, "").strip().lower()
        if encoding not in _PLAIN:
            raise EncodedBodyError(
                f"A part of the form has {field}: {encoding[:40]}; send its bytes as they are."
            )


@contextmanager
def _broken_is_malformed() -> Iterator[None]:
    try:
        yield
    except (MultipartError, web.RequestPayloadError) as error:
        raise MalformedRequestError(
            "The multipart body is broken: it ends early or does not follow its boundary."
        ) from error
