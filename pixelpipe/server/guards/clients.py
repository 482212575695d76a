"""Who is at the other end of a request, and what it takes the server for."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network

from aiohttp import web

from pixelpipe.server.guards.proxies import Client, is_trusted, told_client
from pixelpipe.server.guards.site import SITE
from pixelpipe.sites import Authority, address_of, read_authority

_CLIENT: web.RequestKey[Client] = web.RequestKey("client", Client)

# Who has one IPv6 address has 2**64 of them: the least that a connection is given.
_IPV6_PREFIX_BITS = 64

# Most requests name the same few hosts.
read_host = lru_cache(maxsize=256)(read_authority)


def client_address(request: web.Request) -> str:
    """The client's IP address as limits count it (see `counted`).

    Of one behind a trusted proxy its own, not the proxy's; empty if the connection has gone.
    """
    return counted(_client(request).address or request.remote or "")


def client_scheme(request: web.Request) -> str:
    """`http` or `https`: what the client speaks, as far as is known."""
    return own_origin(request).partition(":")[0]


def own_origin(request: web.Request) -> str:
    """The origin that the client sees the server at, such as `https://img.example.com`.

    By the word of a trusted proxy; else the public one, if that is the host that was asked for;
    else what this very request came to.
    """
    told, public = _client(request), request.app[SITE].public
    authority = told.authority or asked_authority(request)
    if authority is None:
        return public.origin if public else f"{request.scheme}://"
    if told.scheme is None and public is not None and authority.host == public.authority.host:
        return public.origin
    return authority.origin(told.scheme or request.scheme)


def told_authority(request: web.Request) -> Authority | None:
    """The host and port that the client asked a trusted proxy for, if it says so."""
    return _client(request).authority


def asked_authority(request: web.Request) -> Authority | None:
    """The host and port that the request itself is for, by its target or else its header.

    None if it is an old one that does not say.

    Raises:
        ValueError: It cannot be read.
    """
    scheme, found, rest = request.raw_path.partition("://")
    if found and "/" not in scheme:
        return read_authority(rest.partition("/")[0].partition("?")[0])
    given = request.headers.getall("Host", ())
    if len(given) > 1:
        raise ValueError("the header Host is given more than once")
    return read_host(given[0]) if given else None


@lru_cache(maxsize=4096)
def counted(address: str) -> str:
    """What stands for a client in everything that is counted or shared out by client.

    Its IPv4 address, also if IPv6 wraps it; of an IPv6 address the network of 2**64 that it is in.
    """
    parsed = address_of(address)
    if parsed is None:
        return address
    if isinstance(parsed, IPv6Address) and not parsed.is_loopback:
        return str(IPv6Network((int(parsed), _IPV6_PREFIX_BITS), strict=False))
    return str(parsed)


def is_trusted_proxy(app: web.Application, address: str) -> bool:
    """Whether what comes from this address comes for others."""
    return is_trusted(address, app[SITE].proxies)


def _client(request: web.Request) -> Client:
    """What a trusted proxy says; found out once for a request."""
    if _CLIENT not in request:
        proxies = request.app[SITE].proxies
        trusted = is_trusted(request.remote or "", proxies)
        request[_CLIENT] = told_client(request.headers, proxies) if trusted else Client()
    return request[_CLIENT]
