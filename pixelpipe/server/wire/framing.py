"""Requests of which it is in doubt where they end, or that are no HTTP at all.

Another program in front of the server might see other requests in the same bytes (request
smuggling). aiohttp's parser refuses most of that; what it lets pass is refused here.
"""

from typing import Any

from aiohttp import HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong

from pixelpipe.errors import (
    HeadersTooLargeError,
    MalformedRequestError,
    PixelPipeError,
)

# All of the request line and the headers together; a line may have MAX_LINE_BYTES.
MAX_HEAD_BYTES = 64 * 1024
MAX_LINE_BYTES = 8190
MAX_HEADERS = 128

_TOO_MANY = "Too many headers"
_HTTPS = "Received HTTPS"


def head_too_large() -> HeadersTooLargeError:
    """The error for headers over the limits."""
    return HeadersTooLargeError(
        f"The request line and the headers have more than {MAX_HEAD_BYTES} bytes together, or one "
        f"of them has more than {MAX_LINE_BYTES}, or there are more than {MAX_HEADERS} headers."
    )


def broken(error: HttpProcessingError) -> PixelPipeError:
    """What the client is told of what aiohttp's parser found."""
    if isinstance(error, LineTooLong) or error.message.startswith(_TOO_MANY):
        return head_too_large()
    if error.message.startswith(_HTTPS):
        return MalformedRequestError("This looks like HTTPS; plain HTTP is spoken here.")
    if isinstance(error, BadHttpMethod):
        return MalformedRequestError("This is no HTTP request, or one with an unknown method.")
    return MalformedRequestError("The request does not follow HTTP/1.1; the connection is closed.")


def doubt(message: Any) -> PixelPipeError | None:  # noqa: ANN401 - a class of aiohttp's parser
    """Why a request that the parser let pass is not served; None if it is.

    Args:
        message: An `aiohttp.http.RawRequestMessage`.
    """
    if message.version not in (HttpVersion10, HttpVersion11):
        return MalformedRequestError("Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    if message.method == "CONNECT":
        return MalformedRequestError("This server is no proxy; there is no CONNECT.")
    if sum(len(name) + len(value) for name, value in message.raw_headers) > MAX_HEAD_BYTES:
        return head_too_large()
    return _doubtful_length(message) or _doubtful_target(message)


def _doubtful_length(message: Any) -> PixelPipeError | None:  # noqa: ANN401 - as above
    coding = message.headers.get("Transfer-Encoding")
    if coding is None:
        return None
    if message.version == HttpVersion10 or "Content-Length" in message.headers:
        return MalformedRequestError("The length of the body is in doubt.")
    if coding.lower() != "chunked":
        return MalformedRequestError("Of transfer codings, only chunked is read.")
    return None


def _doubtful_target(message: Any) -> PixelPipeError | None:  # noqa: ANN401 - as above
    target: str = message.path
    if "#" in target:
        return MalformedRequestError("A fragment is no part of a request.")
    if target.startswith("/") or target == "*":
        return None
    scheme, _, rest = target.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].lower()
    host = message.headers.get("Host", authority).lower()
    if scheme.lower() not in ("http", "https") or authority != host:
        return MalformedRequestError("The request is for another host than its header says.")
    return None
