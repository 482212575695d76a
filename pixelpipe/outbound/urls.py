"""URLs that clients name: plain ones only, which every program reads the same way."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from yarl import URL

from pixelpipe.outbound.addresses import is_public

_URL_CHARS = 2048
_NAME_CHARS = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# The last label of a name is none of these: the system would read the host as an address.
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_AUTHORITY_END = re.compile(r"[/?#]")


def url_mistakes(url: str, schemes: Sequence[str], example: str) -> Iterator[str]:
    """What is wrong with the URL as such, each on condition that nothing before it is.

    Args:
        url: As the client gave it.
        schemes: One of these it must have.
        example: A good one, to be shown.
    """
    wanted = f"an absolute {' or '.join(schemes)} URL"
    if len(url) > _URL_CHARS:
        yield f"must be at most {_URL_CHARS} characters long, not {len(url)}"
    if not url.isprintable() or " " in url or "\\" in url:
        yield f"must be {wanted} without spaces, backslashes and control characters"
    try:
        parsed = URL(url)
    except ValueError:
        yield f"must be {wanted}; its host or its port cannot be read"
        return
    if parsed.scheme not in schemes or not parsed.raw_host:
        yield f"must be {wanted}, such as {example}"
    if "@" in _AUTHORITY_END.split(url)[2]:
        yield "must not contain a user name or a password"
    if "#" in url:
        yield "must not have a fragment (the part from # on)"
    if not parsed.port:
        yield "must have a port from 1 to 65535, or none"
    if not _is_host(parsed.raw_host or ""):
        yield "must have a host that is a name, or an IP address in its usual form"


def leads_inside(url: str) -> bool:
    """Whether it can be told from the URL alone, which has no mistakes, that it is not public."""
    host = URL(url).raw_host or ""
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return _last_label(host) == "localhost"


def _is_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        named = len(host) <= _NAME_CHARS and _NAME.fullmatch(host) is not None
        return named and not _NUMBER.fullmatch(_last_label(host))
    return "%" not in host


def _last_label(host: str) -> str:
    return host.removesuffix(".").rpartition(".")[2]
