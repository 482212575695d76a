"""A photograph at a URL that a client names: asked for, redirects followed, not yet read."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import structlog
from yarl import URL

import pixelpipe
from pixelpipe.errors import (
    SourceUnavailableError,
    SourceUrlRefusedError,
    UnsupportedFormatError,
)
from pixelpipe.outbound.trouble import reason_of
from pixelpipe.outbound.urls import leads_inside, url_mistakes
from pixelpipe.recipes.mistakes import Mistake, invalid_spec

SOURCE_URL = "source_url"
MAX_REDIRECTS = 5
# A server that is not reached is told of no sooner: whether a name leads inside, nowhere, or to a
# port that is closed would show in the time.
FAILURE_S = 1.0

_SCHEMES = ("https", "http")
_EXAMPLE = "https://example.com/photo.jpg"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_IMAGE = re.compile(
    r"(text|audio|video|font|multipart|message)/(?!plain$).*|.*[/+](json|xml)"
    r"|application/(pdf|zip|gzip|javascript|ecmascript|x-javascript|x-www-form-urlencoded)"
)
_IMAGE = re.compile(r"image/.*")
_HEADERS = {
    "User-Agent": f"PixelPipe/{pixelpipe.__version__}",
    "Accept": "image/*",
    "Accept-Encoding": "identity",
}

_log = structlog.get_logger(__name__)


def check_source_url(url: str, *, allow_private: bool) -> None:
    """Refuse what is not fetched, as far as the URL alone tells.

    Raises:
        InvalidSpecError: It is no plain http or https URL; the one mistake, at `/source_url`.
        SourceUrlRefusedError: It leads inside.
    """
    detail = next(url_mistakes(url, _SCHEMES, _EXAMPLE), None)
    if detail is not None:
        raise invalid_spec([Mistake((SOURCE_URL,), detail)])
    if not allow_private and leads_inside(url):
        raise SourceUrlRefusedError("The URL has to lead to a public address.")


@asynccontextmanager
async def answering(
    session: aiohttp.ClientSession, url: str, *, allow_private: bool
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a GET, which may be an image; its body is to be read by the caller.

    Args:
        session: Of `open_session` with the same `allow_private`.
        url: One that `check_source_url` let pass.
        allow_private: Whether it may lead to addresses that are not public.

    Raises:
        SourceUrlRefusedError: It redirects too often, or to what is not fetched.
        SourceUnavailableError: No answer, or one without the photograph.
        UnsupportedFormatError: The answer says itself that it is no image.
    """
    for _ in range(MAX_REDIRECTS + 1):
        response = await _get(session, url, allow_private=allow_private)
        try:
            if response.status not in _REDIRECTS:
                _check_answer(response)
                yield response
                return
            url = _redirected(response, allow_private=allow_private)
        finally:
            response.close()
    raise SourceUrlRefusedError(f"The URL redirects more than {MAX_REDIRECTS} times.")


async def _get(
    session: aiohttp.ClientSession, url: str, *, allow_private: bool
) -> aiohttp.ClientResponse:
    """The answer's head. What kept it away is not told, and neither is how long that took."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        return await session.get(url, headers=_HEADERS, allow_redirects=False)
    except (aiohttp.ClientError, OSError) as error:
        reason = "timed out" if isinstance(error, TimeoutError) else reason_of(error)
        _log.info("source not fetched", host=URL(url).raw_host, reason=reason)
    if not allow_private:
        await asyncio.sleep(start + FAILURE_S - loop.time())
    raise SourceUnavailableError("The URL could not be fetched.")


def _redirected(response: aiohttp.ClientResponse, *, allow_private: bool) -> str:
    refusal = SourceUrlRefusedError("The URL redirects to where nothing is fetched from.")
    location = response.headers.get("Location", "")
    if not location or not location.isprintable() or "\\" in location:
        raise refusal
    try:
        following = str(response.url.join(URL(location)))
    except ValueError:
        raise refusal from None
    url = following.partition("#")[0]
    wrong = next(url_mistakes(url, _SCHEMES, _EXAMPLE), None)
    if wrong or (not allow_private and leads_inside(url)):
        raise refusal
    return url


def _check_answer(response: aiohttp.ClientResponse) -> None:
    if response.status != HTTPStatus.OK:
        raise SourceUnavailableError(f"The URL was answered with status {response.status}.")
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise SourceUnavailableError(
            "The URL was answered with an encoded body, although none was asked for."
        )
    kind = response.content_type
    if _NO_IMAGE.fullmatch(kind) and not _IMAGE.fullmatch(kind):
        raise UnsupportedFormatError(
            f"The URL was answered with {kind[:80]!r}, which is not an image."
        )
