"""Hosts, origins, networks and paths as settings and requests write them."""

import pytest
from pydantic import ValidationError

from pixelpipe.config import Settings
from pixelpipe.settings_mistakes import SettingsError, read_settings
from pixelpipe.sites import (
    Authority,
    link_path,
    link_root,
    read_authority,
    read_hosts,
    read_origin,
    read_path,
    read_public_url,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", None),
        ("LocalHost:3000", "localhost", 3000),
        ("localhost.", "localhost", None),
        ("img.example.com:443", "img.example.com", 443),
        ("my_service:8080", "my_service", 8080),
        ("example.com:", "example.com", None),
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:3000", "::1", 3000),
        ("[0:0:0:0:0:0:0:1]", "::1", None),
        ("[::ffff:127.0.0.1]", "127.0.0.1", None),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
    ],
)
def test_an_authority_has_a_host_in_one_spelling(text: str, host: str, port: int | None) -> None:
    assert read_authority(text) == Authority(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":3000",
        "a b",
        "a/b",
        "user@host",
        "host:port",
        "host:65536",
        "host:1:2",
        "[::1",
        "::1",
        "[::1%25eth0]",
        "[127.0.0.1]",
        "[fe80::1%eth0]",
        "host#",
        "host?x",
        "host\\x",
        "a..b",
        ".a",
        "bücher.example",
        "a" * 254,
        "localhost,evil.example",
        "localhost\u2028",
        "\uff11\uff12\uff17.0.0.1",
    ],
)
def test_what_is_no_authority_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_authority(text)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "127.0.0.01", "a.b", "1"])
def test_a_strange_spelling_of_an_address_is_a_name(host: str) -> None:
    """Browsers write addresses in their usual form; whatever else comes may be looked up."""
    assert not read_authority(host).is_address


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://App.Example.com", "https://app.example.com"),
        ("HTTPS://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_an_origin_has_one_spelling(text: str, origin: str) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", "null", "*", "app.example.com", "https://", "https://a/", "https://a b", "https://u@a"],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_origin(text)


@pytest.mark.parametrize(
    ("hosts", "yes", "no"),
    [
        ("", [], ["", "a"]),
        ("a.example", ["a.example"], ["example", "b.a.example", "a.example.evil"]),
        ("*.example.com", ["a.example.com", "b.a.example.com"], ["example.com", "aexample.com"]),
        (" A.example. ,b.example,", ["a.example", "b.example"], ["c.example"]),
        ("*", ["anything.at.all"], []),
        ("[::1]", ["::1"], ["::2"]),
    ],
)
def test_host_names_are_those_that_are_listed(hosts: str, yes: list[str], no: list[str]) -> None:
    names = read_hosts(hosts)
    assert [names.has(host) for host in yes + no] == [True] * len(yes) + [False] * len(no)


def test_a_public_url_is_an_origin_and_a_path() -> None:
    public = read_public_url("https://Example.com:8443/pictures/")
    assert (public.origin, public.authority.host, public.path) == (
        "https://example.com:8443",
        "example.com",
        "/pictures",
    )


@pytest.mark.parametrize(
    "text",
    ["/", "example.com", "ftp://a", "https://", "https://a/b?c", "https://a/#b", "https://u:p@a"],
)
def test_what_is_no_public_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a URL"):
        read_public_url(text)


@pytest.mark.parametrize(
    ("text", "path"), [("", ""), ("/", ""), ("/a", "/a"), ("/a/", "/a"), ("/a-b/c.d/", "/a-b/c.d")]
)
def test_a_path_has_no_slash_at_its_end(text: str, path: str) -> None:
    assert read_path(text) == path


@pytest.mark.parametrize(
    "text", ["a", "//a", "/a//b", "/..", "/a/../b", "/./a", "/a b", "/a?b", "/{x}", "/%61", "/a\n"]
)
def test_what_is_no_plain_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a path"):
        read_path(text)


@pytest.mark.parametrize(
    ("public_url", "base_path", "path", "root"),
    [
        (None, "", "", ""),
        (None, "/b", "/b", "/b"),
        ("https://a", "", "", "https://a"),
        ("https://a", "/b", "/b", "https://a/b"),
        ("https://a/p", "", "/p", "https://a/p"),
        ("https://a/p/", "/b", "/p", "https://a/p"),
    ],
)
def test_links_are_below_what_clients_see(
    public_url: str | None, base_path: str, path: str, root: str
) -> None:
    assert link_path(public_url, base_path) == path
    assert link_root(public_url, base_path) == root


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HOSTS", "a,http://b", "must be host names without a port, not 'http://b'"),
        ("HOSTS", "a:80", "must be host names without a port, not 'a:80'"),
        ("CORS_ORIGINS", "https://a/", "must be origins such as https://app.example.com"),
        ("CORS_ORIGINS", "null", "must be origins such as https://app.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "must be IP addresses or networks, not '10.0.0.1/8'"),
        ("TRUSTED_PROXIES", "localhost", "must be IP addresses or networks, not 'localhost'"),
        ("PUBLIC_URL", "img.example.com", "must be a URL such as https://img.example.com"),
        ("BASE_PATH", "images", "must be a path such as /images, not 'images'"),
    ],
)
def test_a_setting_that_cannot_be_read_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"PIXELPIPE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        read_settings({})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"PIXELPIPE_{name} {words}")


def test_settings_that_are_given_and_empty_are_none() -> None:
    empty = dict.fromkeys(("hosts", "cors_origins", "trusted_proxies", "public_url"), "")
    assert Settings.model_validate(empty | {"base_path": "/"}).base_path == ""
    with pytest.raises(ValidationError):
        Settings(base_path="x")
