"""Headers that every answer has, whoever makes it."""

from collections.abc import MutableMapping
from typing import Final

_ALWAYS: Final = {
    "Server": "PixelPipe",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

# What is no page runs nothing, loads nothing and is shown in no other page.
_ELSE: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

# Pictures are made to be shown on other sites. Browsers draw one that is opened alone with styles
# of their own.
PICTURE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def add_rate_limit(headers: MutableMapping[str, str], policy: str, limit: str) -> None:
    """Add a policy, and how the client stands by it, to those that are there.

    The fields are lists (RFC 9651, section 3.1) after draft-ietf-httpapi-ratelimit-headers.
    """
    for name, member in (("RateLimit-Policy", policy), ("RateLimit", limit)):
        there = headers.get(name)
        headers[name] = f"{there}, {member}" if there else member


def protect(headers: MutableMapping[str, str], status: int) -> None:
    """Complete the headers of an answer; what it says itself stands, except in an error.

    Args:
        headers: Of the answer.
        status: Its status; an error is never kept by a cache.
    """
    headers.update(_ALWAYS)
    for name, value in _ELSE.items():
        headers.setdefault(name, value)
    if status >= 400:  # noqa: PLR2004 - where errors begin
        headers["Cache-Control"] = "no-store"
