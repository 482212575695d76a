"""What proxies say of a client, and when they are believed."""

from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from pixelpipe.server.guards.clients import counted
from pixelpipe.server.guards.proxies import Client, is_trusted, told_client
from pixelpipe.sites import read_authority

PROXIES = [ip_network(text) for text in ("10.0.0.0/8", "192.0.2.7", "fd00::/8")]
NOTHING = Client()


def _told(*headers: tuple[str, str]) -> Client:
    return told_client(CIMultiDict(headers), PROXIES)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        # The client wrote the first: only what the trusted proxies added counts.
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3, 192.0.2.7", "203.0.113.9"),
        ("203.0.113.9, 192.0.2.8, 10.1.2.3", "192.0.2.8"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("garbage, 203.0.113.9", None),
        ("unknown", None),
        ("203.0.113.9, unknown, 10.0.0.1", None),
        ("_hidden", None),
        ("203.0.113.999", None),
        ("203.0.113.9:port", None),
        ("localhost", None),
        ("", None),
        (" , ", None),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(value: str, address: str | None) -> None:
    assert _told(("X-Forwarded-For", value)).address == address


def test_header_lines_are_one_list() -> None:
    lines = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9")]
    assert _told(*lines).address == "203.0.113.9"
    forwarded = [("Forwarded", "for=198.51.100.1"), ("Forwarded", "for=203.0.113.9")]
    assert _told(*forwarded).address == "203.0.113.9"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=203.0.113.9", Client("203.0.113.9")),
        ('for="203.0.113.9:80"', Client("203.0.113.9")),
        ("FOR=203.0.113.9:80;PROTO=HTTPS", Client("203.0.113.9", "https")),
        ('for="[2001:db8::1]:80"', Client("2001:db8::1")),
        (
            'for=203.0.113.9;proto=https;host="img.example.com:8443";by=10.0.0.1',
            Client("203.0.113.9", "https", read_authority("img.example.com:8443")),
        ),
        (
            "for=203.0.113.9;proto=https;host=a.example, for=10.0.0.1;proto=http;host=b.example",
            Client("203.0.113.9", "https", read_authority("a.example")),
        ),
        (
            "for=198.51.100.1;proto=http, for=203.0.113.9;proto=https",
            Client("203.0.113.9", "https"),
        ),
        ("for=unknown;proto=https", Client(None, "https")),
        ("for=_x;proto=https", Client(None, "https")),
        ("proto=https", Client(None, "https")),
        ('for="203.0.113.9" ; proto=https', Client("203.0.113.9", "https")),
        ("for=203.0.113.9;;proto=https;", Client("203.0.113.9", "https")),
        (", for=203.0.113.9 ,,", Client("203.0.113.9")),
        ('for="203\\.0.113.9"', Client("203.0.113.9")),
        ('for="a, for=203.0.113.9', NOTHING),
        ("for=203.0.113.9;for=203.0.113.8", NOTHING),
        ("for=203.0.113.9;proto=gopher", NOTHING),
        ('for=203.0.113.9;host="a b"', NOTHING),
        ("for = 203.0.113.9", NOTHING),
        ("203.0.113.9", NOTHING),
        ("for=", NOTHING),
        ("for=203.0.113.9 proto=https", NOTHING),
        ("", NOTHING),
    ],
)
def test_forwarded_is_read_by_the_letter(value: str, expected: Client) -> None:
    assert _told(("Forwarded", value)) == expected


@pytest.mark.parametrize(
    ("addresses", "schemes", "hosts", "expected"),
    [
        ("203.0.113.9", "https", "a.example", ("203.0.113.9", "https", "a.example")),
        ("198.51.100.1, 203.0.113.9", "https", "a.example", ("203.0.113.9", "https", "a.example")),
        ("203.0.113.9, 10.0.0.1", "https, http", "a, b", ("203.0.113.9", "https", "a")),
        ("198.51.100.1, 203.0.113.9", "http, https", "b, a", ("203.0.113.9", "https", "a")),
        ("", "https", "a.example", (None, "https", "a.example")),
        ("203.0.113.9", "https, http", "a", (None, None, None)),
        ("203.0.113.9", "wss", "a", (None, None, None)),
        ("203.0.113.9", "https", "a/b", (None, None, None)),
    ],
)
def test_the_schemes_and_hosts_are_those_of_the_client(
    addresses: str, schemes: str, hosts: str, expected: tuple[str | None, ...]
) -> None:
    told = _told(
        ("X-Forwarded-For", addresses),
        ("X-Forwarded-Proto", schemes),
        ("X-Forwarded-Host", hosts),
    )
    host = told.authority and told.authority.host
    assert (told.address, told.scheme, host) == expected


@pytest.mark.parametrize(
    ("forwarded", "address", "expected"),
    [
        ("for=203.0.113.9", "203.0.113.9", "203.0.113.9"),
        ("for=198.51.100.1", "203.0.113.9", None),
        ("proto=https", "203.0.113.9", "203.0.113.9"),
        ("garbage", "203.0.113.9", None),
    ],
)
def test_of_two_accounts_that_differ_none_is_believed(
    forwarded: str, address: str, expected: str | None
) -> None:
    """Most proxies know one of the headers, and pass on what the client wrote into the other."""
    told = _told(("Forwarded", forwarded), ("X-Forwarded-For", address))
    assert told.address == expected


@pytest.mark.parametrize("length", [1_000, 8_000])
def test_a_long_header_costs_little(length: int) -> None:
    """Of each kind that could make a careless pattern go back and forth."""
    for value in ('for="' + "\\" * length, "for=" + "a" * length + " ", "a" * length, ";" * length):
        assert _told(("Forwarded", value)) == NOTHING


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.255.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("fd12::1", True),
        ("fd12::1%eth0", True),
        ("2001:db8::1", False),
        ("", False),
        ("name", False),
    ],
)
def test_proxies_are_trusted_by_address(address: str, *, trusted: bool) -> None:
    assert is_trusted(address, PROXIES) is trusted
    assert not is_trusted(address, ())


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
    ],
)
def test_who_has_a_network_counts_as_one(address: str, stands_for: str) -> None:
    assert counted(address) == stands_for
