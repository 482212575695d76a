"""Where webhooks may point: what a client may ask for, and which addresses are public."""

import re
from collections.abc import Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

from yarl import URL

from pixelpipe.recipes.mistakes import Mistake, invalid_spec

Address = IPv4Address | IPv6Address

_URL_CHARS = 2048
_NAME_CHARS = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# The last label of a name is none of these: the system would read the host as an address.
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_AUTHORITY_END = re.compile(r"[/?#]")

# The registries of special-purpose addresses (RFC 6890), spelt out: Python's own tables differ
# between its releases, and take some of these for public.
_CLOSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own services, seen from its machines
        "169.254.0.0/16",  # link-local; the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_OPEN_V6 = IPv6Network("2000::/3")  # global unicast: all that was ever given out
_CLOSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, among them Teredo, which hides an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which hides an IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


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


def is_public(address: Address) -> bool:
    """Whether the address is one of a machine out there: global, unicast, no way back inside."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(address.packed[-4:]))
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


def host_of(url: str) -> str:
    """The host, for the log and for counting; empty if the URL has none."""
    try:
        return URL(url).raw_host or ""
    except ValueError:
        return ""


def _mistakes(url: str, *, allow_private: bool) -> Iterator[str]:
    """What is wrong, each on condition that nothing before it is."""
    schemes = ("https", "http") if allow_private else ("https",)
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
        yield f"must be {wanted}, such as https://example.com/hook"
    if "@" in _AUTHORITY_END.split(url)[2]:
        yield "must not contain a user name or a password"
    if "#" in url:
        yield "must not have a fragment (the part from # on)"
    if not parsed.port:
        yield "must have a port from 1 to 65535, or none"
    yield from _host_mistakes(parsed.raw_host or "", allow_private=allow_private)


def _host_mistakes(host: str, *, allow_private: bool) -> Iterator[str]:
    last = host.removesuffix(".").rpartition(".")[2]
    try:
        address = ip_address(host)
    except ValueError:
        readable = (
            len(host) <= _NAME_CHARS and _NAME.fullmatch(host) and not _NUMBER.fullmatch(last)
        )
        public = last != "localhost"
    else:
        readable = "%" not in host
        public = is_public(address)
    if not readable:
        yield "must have a host that is a name, or an IP address in its usual form"
    if not public and not allow_private:
        yield "must lead to a public address"
