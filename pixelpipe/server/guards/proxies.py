"""What proxies say of a client: `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto`, `-Host`.

Only those of trusted proxies are believed, and of those headers only what such a proxy has added:
the client can send them as well. Where the two kinds contradict each other a proxy writes one and
passes the client's own on as the other, so neither is believed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from multidict import MultiMapping

from pixelpipe.sites import Authority, Network, address_of, read_authority

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"  # noqa: S105 - the word of RFC 9110
# Many proxies write an address with its port without the quotes that it needs.
_PART = re.compile(
    rf'\s*(?:({_TOKEN}+)=(?:"((?:[^"\\]|\\.)*)"|((?:{_TOKEN}|[\[\]:])+))\s*)?([;,]|$)'
)
_IPV4_AND_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_IN_BRACKETS = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")
_SCHEMES = ("http", "https")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, as far as is known.

    Attributes:
        address: Its IP address in its one spelling; None if it was not told.
        scheme: What it speaks: `http` or `https`; None if it was not told.
        authority: The host and port that it asks; None if it was not told.
    """

    address: str | None = None
    scheme: str | None = None
    authority: Authority | None = None


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Whether the address lies in one of the networks."""
    parsed = address_of(address) if trusted else None
    return parsed is not None and any(parsed in network for network in trusted)


def told_client(headers: MultiMapping[str], trusted: Sequence[Network]) -> Client:
    """The client as the headers tell of it, which a trusted proxy sent.

    It is the last one that is no trusted proxy itself; if all are, the first. What cannot be read
    tells nothing.
    """
    try:
        return _agreed(_client(_hops(headers), trusted), _client(_x_hops(headers), trusted))
    except ValueError:
        return Client()


def _client(hops: Sequence[Client], trusted: Sequence[Network]) -> Client:
    """A hop is believed if the one after it, who told of it, is a trusted proxy."""
    for hop in reversed(hops):
        if hop.address is None or not is_trusted(hop.address, trusted):
            return hop
    return hops[0] if hops else Client()


def _agreed(one: Client, other: Client) -> Client:
    for name in ("address", "scheme", "authority"):
        if None not in (getattr(one, name), getattr(other, name)) and (
            getattr(one, name) != getattr(other, name)
        ):
            raise ValueError(f"two values of {name}")
    return Client(
        one.address or other.address,
        one.scheme or other.scheme,
        one.authority or other.authority,
    )


def _hops(headers: MultiMapping[str]) -> list[Client]:
    """The elements of `Forwarded`, the client's first."""
    return [
        Client(
            _node(pairs["for"]) if "for" in pairs else None,
            _scheme(pairs["proto"]) if "proto" in pairs else None,
            read_authority(pairs["host"]) if "host" in pairs else None,
        )
        for pairs in _elements(", ".join(headers.getall("Forwarded", ())))
    ]


def _elements(text: str) -> Iterator[dict[str, str]]:
    pairs: dict[str, str] = {}
    place = 0
    while place < len(text):
        found = _PART.match(text, place)
        if found is None:
            raise ValueError("not a Forwarded header")
        name, quoted, plain, separator = found.groups()
        if name:
            _add(pairs, name.lower(), re.sub(r"\\(.)", r"\1", quoted) if plain is None else plain)
        place = found.end()
        if pairs and separator != ";":
            yield pairs
            pairs = {}
    if pairs:
        yield pairs


def _add(pairs: dict[str, str], name: str, value: str) -> None:
    if name in pairs:
        raise ValueError(f"{name} is given twice")
    pairs[name] = value


def _x_hops(headers: MultiMapping[str]) -> list[Client]:
    """The entries of `X-Forwarded-For`, with what the others say of them.

    A proxy adds its part to each of them, or replaces a scheme and a host by those of the client.
    """
    nodes = [_node(text) for text in _values(headers, "X-Forwarded-For")]
    schemes = [_scheme(text) for text in _values(headers, "X-Forwarded-Proto")]
    hosts = [read_authority(text) for text in _values(headers, "X-Forwarded-Host")]
    count = max(len(nodes), min(1, len(schemes) + len(hosts)))
    return [
        Client(node, scheme, host)
        for node, scheme, host in zip(
            nodes or [None], _spread(schemes, count), _spread(hosts, count), strict=False
        )
    ][:count]


def _spread(values: Sequence[_T], count: int) -> Sequence[_T | None]:
    if len(values) not in (0, 1, count):
        raise ValueError("not as many as there are proxies")
    return values if len(values) == count else [*values] * count or [None] * count


def _values(headers: MultiMapping[str], name: str) -> list[str]:
    return [part.strip() for part in ",".join(headers.getall(name, ())).split(",") if part.strip()]


def _node(text: str) -> str | None:
    """The address, without the port; None if the proxy keeps it to itself (section 6)."""
    if text.lower() == "unknown" or text.startswith("_"):
        return None
    found = _IPV4_AND_PORT.fullmatch(text) or _IN_BRACKETS.fullmatch(text)
    address = address_of(found[1] if found else text)
    if address is None:
        raise ValueError("not an address")
    return str(address)


def _scheme(text: str) -> str:
    if text.lower() not in _SCHEMES:
        raise ValueError("not a scheme")
    return text.lower()
