"""Where webhooks may point."""

from collections.abc import Iterator

from yarl import URL

from pixelpipe.outbound.urls import leads_inside, url_mistakes
from pixelpipe.recipes.mistakes import Mistake, invalid_spec


def check_url(url: str, *, allow_private: bool) -> str:
    """The URL as it came, if a webhook may be called there.

    A name is not looked up: what it leads to is checked whenever it is called.

    Args:
        url: As the client gave it.
        allow_private: Whether addresses that are not public, and plain http, are allowed.

    Raises:
        InvalidSpecError: It may not; the one mistake, at `/webhook`, says why.
    """
    detail = next(_mistakes(url, allow_private=allow_private), None)
    if detail is not None:
        raise invalid_spec([Mistake(("webhook",), detail)])
    return url


def host_of(url: str) -> str:
    """The host, for the log and for counting; empty if the URL has none."""
    try:
        return URL(url).raw_host or ""
    except ValueError:
        return ""


def _mistakes(url: str, *, allow_private: bool) -> Iterator[str]:
    schemes = ("https", "http") if allow_private else ("https",)
    yield from url_mistakes(url, schemes, "https://example.com/hook")
    if not allow_private and leads_inside(url):
        yield "must lead to a public address"
