"""Where webhooks may point."""

from ipaddress import ip_address

import pytest

from pixelpipe.errors import InvalidSpecError
from pixelpipe.outbound.addresses import is_public
from pixelpipe.webhooks.targets import check_url, host_of

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "2001:200::1",
    "2003::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1::127.0.0.1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_out_there_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def _detail(url: str, *, allow_private: bool = False) -> str:
    with pytest.raises(InvalidSpecError) as caught:
        check_url(url, allow_private=allow_private)
    (error,) = caught.value.extensions["errors"]
    assert error["pointer"] == "/webhook"
    assert caught.value.status == 422
    return str(error["detail"])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/",
        "HTTPS://Example.COM/Hook",
        "https://example.com:8443/hook?job=1&key=a%2Fb@c/d",
        "https://example.com./hook",
        "https://a_b.example-1.com/",
        "https://4chan.org/",
        "https://exämple.de/ä",
        "https://intranet/",
        "https://8.8.8.8/hook",
        "https://[2606:4700:4700::1111]:8443/hook",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_a_url_of_the_public_web_is_allowed_as_it_is(url: str) -> None:
    assert check_url(url, allow_private=False) == url
    assert check_url(url, allow_private=True) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "an absolute https URL"),
        ("example.com/hook", "an absolute https URL"),
        ("/hook", "an absolute https URL"),
        ("//example.com/hook", "an absolute https URL"),
        ("http://example.com/", "an absolute https URL"),
        ("ftp://example.com/", "an absolute https URL"),
        ("file:///etc/passwd", "an absolute https URL"),
        ("javascript:alert(1)", "an absolute https URL"),
        ("https:example.com", "an absolute https URL"),
        ("https:///hook", "an absolute https URL"),
        ("https://:443/", "its host or its port cannot be read"),
        ("https://[::1/", "its host or its port cannot be read"),
        ("https://[x]/", "its host or its port cannot be read"),
        ("https://example.com:99999/", "its host or its port cannot be read"),
        ("https://example.com:http/", "its host or its port cannot be read"),
        ("https://example.com:0/", "a port from 1 to 65535"),
        ("https://example.com/a b", "without spaces"),
        (" https://example.com/", "without spaces"),
        ("https://example.com/\n", "without spaces, backslashes and control"),
        ("https://example.com/\r\nHost: x", "without spaces, backslashes and control"),
        ("https://example.com\\@127.0.0.1/", "without spaces, backslashes"),
        ("https://example.com/\ud800", "without spaces, backslashes and control"),
        ("https://user@example.com/", "a user name or a password"),
        ("https://user:secret@example.com/", "a user name or a password"),
        ("https://@example.com/", "a user name or a password"),
        ("https://example.com?a#@b", "a fragment"),
        ("https://example.com/#", "a fragment"),
        ("https://example.com/#part", "a fragment"),
        ("https://example.com/" + "a" * 2029, "at most 2048 characters long, not 2049"),
        ("https://example..com/", "a name, or an IP address"),
        ("https://.example.com/", "a name, or an IP address"),
        ("https://-example.com/", "a name, or an IP address"),
        ("https://" + "a" * 64 + ".com/", "a name, or an IP address"),
        ("https://" + "a." * 127 + "com/", "a name, or an IP address"),
        ("https://a%00b/", "a name, or an IP address"),
        ("https://127%2E0.0.1/", "a name, or an IP address"),
        ("https://2130706433/", "a name, or an IP address"),
        ("https://017700000001/", "a name, or an IP address"),
        ("https://0x7f000001/", "a name, or an IP address"),
        ("https://0x7f.1/", "a name, or an IP address"),
        ("https://0X7F.0x1/", "a name, or an IP address"),
        ("https://127.1/", "a name, or an IP address"),
        ("https://127.0.0.01/", "a name, or an IP address"),
        ("https://127.0.0.1./", "a name, or an IP address"),
        ("https://1.2.3.4.5/", "a name, or an IP address"),
        ("https://[fe80::1%25eth0]/", "a name, or an IP address"),
    ],
)
def test_what_is_no_plain_https_url_is_refused_in_plain_words(url: str, words: str) -> None:
    assert words in _detail(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.0.0.1:8443/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fd00:ec2::254]/",
        "https://localhost/",
        "https://LocalHost./",
        "https://a.localhost/",
    ],
)
def test_what_leads_inside_is_refused_unless_allowed(url: str) -> None:
    assert _detail(url) == "must lead to a public address"
    assert check_url(url, allow_private=True) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/hook", "http://receiver/", "http://a.com"])
def test_plain_http_is_allowed_where_private_addresses_are(url: str) -> None:
    assert check_url(url, allow_private=True) == url


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://127.1/", "http:///x"]
)
def test_allowing_private_addresses_allows_no_more(url: str) -> None:
    _detail(url, allow_private=True)
    assert "an absolute https or http URL" in _detail("ftp://a.com/", allow_private=True)


def test_the_host_shows_nothing_of_path_and_query() -> None:
    assert host_of("https://User:pw@Example.com:8443/secret?token=1") == "example.com"
    assert host_of("https://[::1") == ""
    assert host_of("nothing") == ""
