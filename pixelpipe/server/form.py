"""The parts of a multipart form, read one after the other, each within bounds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from pixelpipe.errors import EncodedBodyError, MalformedRequestError
from pixelpipe.server.body import Body

MAX_PARTS = 32
# A mark in a spec is the longest.
MAX_FIELD_BYTES = 192 * 1024

# Of one part.
MAX_HEADERS = 16
MAX_HEADER_BYTES = 8190

_CHUNK_BYTES = 65536
_PLAIN = frozenset({"", "identity", "binary", "8bit", "7bit"})


class Form:
    """A form as it arrives.

    Args:
        request: Whose body it is.
        body: That body.
    """

    def __init__(self, request: web.Request, body: Body) -> None:
        self._request = request
        self._body = body
        self._reader: MultipartReader | None = None
        self._parts = 0

    async def next_part(self) -> BodyPartReader | None:
        """The next part, or None at the end; what was not read of the last one is skipped.

        Raises:
            MalformedRequestError: Broken, nested, or of more than `MAX_PARTS` parts.
            EncodedBodyError: The part is compressed or otherwise encoded.
        """
        with _broken_is_malformed():
            part = await self._open().next()
            if part is None:
                await self._read_to_the_end()
                return None
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise MalformedRequestError(f"The form has more than {MAX_PARTS} parts.")
        if isinstance(part, MultipartReader):
            raise MalformedRequestError("A part of the form is itself multipart; send plain parts.")
        _refuse_encoded(part)
        return part

    def _open(self) -> MultipartReader:
        if self._reader is None:
            if self._request.content_type != "multipart/form-data":
                raise MalformedRequestError(
                    "Of multipart bodies, only multipart/form-data is read."
                )
            self._reader = MultipartReader(
                self._request.headers,
                cast("StreamReader", self._body),
                max_headers=MAX_HEADERS,
                max_field_size=MAX_HEADER_BYTES,
            )
        return self._reader

    async def _read_to_the_end(self) -> None:
        """Pass over what stands behind the last part, so that the connection can go on."""
        while await self._body.read_any():
            pass


async def next_chunk(part: BodyPartReader) -> bytes:
    """The next bytes of the part; it is at its end when `part.at_eof()` says so.

    Raises:
        MalformedRequestError: The form is broken.
    """
    with _broken_is_malformed():
        return await part.read_chunk(_CHUNK_BYTES)


async def text(part: BodyPartReader) -> str:
    """The value of a text field.

    Raises:
        MalformedRequestError: Not UTF-8, or longer than `MAX_FIELD_BYTES`.
    """
    value = bytearray()
    while not part.at_eof():
        value += await next_chunk(part)
        if len(value) > MAX_FIELD_BYTES:
            raise MalformedRequestError(
                f"The field {part.name!r} is longer than the {MAX_FIELD_BYTES} bytes allowed."
            )
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise MalformedRequestError(f"The field {part.name!r} is not UTF-8.") from None


def _refuse_encoded(part: BodyPartReader) -> None:
    for field in ("Content-Encoding", "Content-Transfer-Encoding"):
        encoding = part.headers.get(field, "").strip().lower()
        if encoding not in _PLAIN:
            raise EncodedBodyError(
                f"A part of the form has {field}: {encoding[:40]}; send its bytes as they are."
            )


@contextmanager
def _broken_is_malformed() -> Iterator[None]:
    """Say of what aiohttp's parser raises, whatever its type, that the form is broken."""
    try:
        yield
    except (
        ValueError,
        RuntimeError,
        AssertionError,
        HttpProcessingError,
        web.RequestPayloadError,
    ) as error:
        raise MalformedRequestError(
            "The multipart body is broken: it ends early or does not follow its boundary."
        ) from error
