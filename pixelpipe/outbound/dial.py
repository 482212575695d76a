"""Connections to strangers' servers, which cannot be lured to an address inside.

The address is checked where it is dialled: a check of the name before would be worth nothing,
since the name may lead elsewhere by the time of the call.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from pixelpipe.outbound.addresses import is_public
from pixelpipe.outbound.answers import BoundedConnector

TOTAL_S = 15.0
CONNECT_S = 5.0
# A lookup that is given up after CONNECT_S still holds its thread, for half a minute if the name's
# servers are silent: so many that one client, with a few calls at a time, cannot hold them all.
_LOOKUP_THREADS = 64
_READ_BYTES = 4096
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class RefusedTargetError(OSError):
    """The address is not public."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "not a public address")


@asynccontextmanager
async def open_session(
    *,
    allow_private: bool,
    total_s: float = TOTAL_S,
    connect_s: float = CONNECT_S,
    read_bytes: int = _READ_BYTES,
    resolver: AbstractResolver | None = None,
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose every call looks the name up and connects anew.

    Args:
        allow_private: Whether it may connect to addresses that are not public.
        total_s: For a whole call: until the answer's headers are there, or its body if it is read.
        connect_s: For looking up the name, connecting and TLS together.
        read_bytes: So much of an answer's body waits to be read, or twice that.
        resolver: Looks up names; the system's by default. It is closed at the end.
    """
    names = resolver or _SystemResolver()
    connector = BoundedConnector(
        resolver=names,
        use_dns_cache=False,
        force_close=True,
        limit=0,
        socket_factory=_socket if allow_private else _public_socket,
    )
    try:
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=total_s, connect=connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=read_bytes,
        ) as session:
            yield session
    finally:
        await names.close()


def _public_socket(target: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for this very target, which is what it will be connected to."""
    try:
        public = is_public(ip_address(target[4][0]))
    except ValueError:  # No address: connecting would look it up, unseen.
        public = False
    if not public:
        raise RefusedTargetError
    return _socket(target)


def _socket(target: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = target
    return socket.socket(family, kind, protocol)


class _SystemResolver(AbstractResolver):
    """The system's resolver, in threads of its own.

    Names whose servers do not answer would occupy those that the rest of the process shares.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of `host`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _look_up, host, port, family)

    async def close(self) -> None:
        """Forget lookups that have not begun; the others end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    try:
        found = socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except UnicodeError as error:  # A name that cannot be one, such as one with an empty label.
        raise OSError(errno.EINVAL, "not a name") from error
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=family,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for family, _, protocol, _, address in found
        if family in _FAMILIES
    ]
