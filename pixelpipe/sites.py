"""Hosts, origins, networks and paths, as settings and requests write them.

What cannot be read is a ValueError, whose words go behind the name of a setting.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import quote

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ANY = "*"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_NAME_CHARS = 253
_MAX_PORT = 65535
_SHOWN_CHARS = 60
_REMEMBERED = 1024  # the same few come with every request

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:@/?#\s]+))(?::([0-9]{0,5}))?")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]+)", re.ASCII | re.IGNORECASE)
_OBJECTS = frozenset({"s3", "gs", "az"})
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}", re.ASCII)
# No part of it is `.` or `..`, and nothing needs an escape.
_BELOW = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~@+=-]+)*/?", re.ASCII)
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")


@dataclass(frozen=True, slots=True)
class Authority:
    """A host, lower case and without brackets or a final dot, and the port if one is given."""

    host: str
    port: int | None

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, not a name."""
        return address_of(self.host) is not None

    def origin(self, scheme: str) -> str:
        """The origin of this scheme, its default port left out as browsers do."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = self.port is None or self.port == _DEFAULT_PORTS.get(scheme)
        return f"{scheme}://{host}" if default else f"{scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StorageUrl:
    """Where blobs are kept.

    Attributes:
        scheme: `file`, `s3`, `gs` or `az`.
        bucket: Or container; empty for a folder.
        path: Within it, or the folder, without the first slash and the last.
    """

    scheme: str
    bucket: str
    path: str


@dataclass(frozen=True, slots=True)
class HostNames:
    """Names that are answered to.

    Attributes:
        exact: These.
        below: Any name that ends in one of these, each of which begins with a dot.
        every: Any name at all.
    """

    exact: frozenset[str] = frozenset()
    below: tuple[str, ...] = ()
    every: bool = False

    def has(self, host: str) -> bool:
        """Whether `host`, lower case, is one of them."""
        return self.every or host in self.exact or host.endswith(self.below)


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """Where clients find the server: its origin, the host in it, and the path below that."""

    origin: str
    authority: Authority
    path: str


@lru_cache(maxsize=_REMEMBERED)
def address_of(text: str) -> Address | None:
    """The IP address that `text` spells in its usual form, an IPv4 one that IPv6 wraps as itself.

    None if it is none. A zone (`%eth0`), which says nothing to others, is left out.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


@lru_cache(maxsize=_REMEMBERED)
def read_authority(text: str) -> Authority:
    """`host` or `host:port`, as in the header Host.

    Raises:
        ValueError: It is neither.
    """
    found = _AUTHORITY.fullmatch(text)
    if not found or (found[3] and int(found[3]) > _MAX_PORT):
        raise ValueError(f"must be a host, with a port or without, not {_shown(text)}")
    port = int(found[3]) if found[3] else None
    if found[1] is None:
        return Authority(_host_name(found[2]), port)
    address = address_of(found[1]) if ":" in found[1] else None
    if address is None:
        raise ValueError(f"must be a host, with a port or without, not {_shown(text)}")
    return Authority(str(address), port)


def read_origin(text: str) -> str:
    """An origin as browsers write it, in its one spelling.

    Raises:
        ValueError: It is none, or has a path.
    """
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError(f"must be origins such as https://app.example.com, not {_shown(text)}")
    return read_authority(found[2]).origin(found[1].lower())


def read_origins(text: str) -> frozenset[str]:
    """Origins with commas between, or `*`.

    Raises:
        ValueError: One of them is none.
    """
    return frozenset(ANY if part == ANY else read_origin(part) for part in _parts(text))


def read_hosts(text: str) -> HostNames:
    """Names with commas between: `example.com`, `*.example.com` (all below it), or `*`.

    Raises:
        ValueError: One of them is none, or has a port.
    """
    exact, below, every = set(), [], False
    for part in _parts(text):
        if part == ANY:
            every = True
        elif part.startswith("*."):
            below.append("." + _host_name(part[2:]))
        else:
            exact.add(_plain_host(part))
    return HostNames(frozenset(exact), tuple(below), every)


def read_networks(text: str) -> tuple[Network, ...]:
    """IP addresses and networks (`10.0.0.0/8`) with commas between.

    Raises:
        ValueError: One of them is none.
    """
    return tuple(map(_network, _parts(text)))


def read_public_url(text: str) -> PublicUrl:
    """An http or https URL of nothing but host, port and path.

    Raises:
        ValueError: It is none.
    """
    wanted = f"must be a URL such as https://img.example.com, not {_shown(text)}"
    found = _ORIGIN.match(text)
    if found is None or found[1].lower() not in _DEFAULT_PORTS:
        raise ValueError(wanted)
    try:
        authority, path = read_authority(found[2]), read_path(text[found.end() :])
    except ValueError:
        raise ValueError(wanted) from None
    return PublicUrl(authority.origin(found[1].lower()), authority, path)


def link_path(public_url: str | None, base_path: str) -> str:
    """What stands before the paths of links, as settings say it.

    A proxy that takes a part of the path away shows in the public URL alone.
    """
    return (read_public_url(public_url).path if public_url else "") or read_path(base_path)


def link_root(public_url: str | None, base_path: str) -> str:
    """`link_path`, with the public URL's origin before it if that is known."""
    origin = read_public_url(public_url).origin if public_url else ""
    return origin + link_path(public_url, base_path)


def read_path(text: str) -> str:
    """A path of plain segments, without a slash at its end; empty for the root.

    Raises:
        ValueError: It is none.
    """
    path = text.removesuffix("/")
    if path and not _PATH.fullmatch(path):
        raise ValueError(f"must be a path such as /images, not {_shown(text)}")
    return path


def read_storage_url(text: str) -> StorageUrl:
    """Where blobs are kept: `file:///folder`, or `s3`, `gs` or `az`, a bucket and a path.

    Raises:
        ValueError: It is none, or has more in it, such as a key, which belongs elsewhere.
    """
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    named = scheme in _OBJECTS and _BUCKET.fullmatch(host)
    if not (named or (scheme == "file" and not host and path)) or not _BELOW.fullmatch(
        slash + path
    ):
        raise ValueError(
            "must be a URL such as file:///srv/pixelpipe, s3://bucket/prefix, gs://bucket/prefix "
            "or az://container/prefix, without keys and options"
        )
    return StorageUrl(scheme, host, path.rstrip("/"))


def _parts(text: str) -> Iterator[str]:
    return (part for part in map(str.strip, text.split(",")) if part)


def _plain_host(text: str) -> str:
    address = address_of(text.removeprefix("[").removesuffix("]"))
    return _host_name(text) if address is None else str(address)


def _host_name(text: str) -> str:
    name = text.removesuffix(".")
    if len(name) > _MAX_NAME_CHARS or not _NAME.fullmatch(name):
        raise ValueError(f"must be host names without a port, not {_shown(text)}")
    return name.lower()


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"must be IP addresses or networks, not {_shown(text)}") from None


def _shown(text: str) -> str:
    return repr(text[:_SHOWN_CHARS])


def redis_url(host: str | None, port: int, password: str | None) -> str | None:
    """The URL of the Redis at `host`; None without a host."""
    if not host:
        return None
    name = f"[{host}]" if ":" in host else host
    login = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{login}{name}:{port}"
