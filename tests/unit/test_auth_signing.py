"""Links and sessions: good as they were given out, and in no other way."""

import base64
from pathlib import Path

import pytest
from multidict import MultiDict
from yarl import URL

from pixelpipe.auth.links import Link, link_query, read_link
from pixelpipe.auth.sessions import Session, read_session, session_cookie
from pixelpipe.auth.signing import Signer
from pixelpipe.errors import InvalidLinkError
from pixelpipe.kept_secrets import URL_SECRETS, SecretError

PATH = "/api/jobs/abc/variants/hero"
LINK = Link("0123456789ab", 2_000_000_000)
SESSION = Session("0123456789ab", 2_000_000_000)
NOW_S = 1_999_999_999.0
OLD, NEW = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def signer() -> Signer:
    return Signer([OLD])


def read(signer: Signer, query: str, path: str = PATH, now_s: float = NOW_S) -> Link:
    return read_link(signer, path, URL(f"http://h/?{query}").query, now_s)


def test_a_link_says_what_was_signed(signer: Signer) -> None:
    query = link_query(signer, PATH, LINK)
    assert read(signer, query) == LINK
    assert read(signer, query + "&download=1") == LINK
    assert read(signer, "download=1&" + query) == LINK


def test_any_changed_character_of_a_link_is_refused(signer: Signer) -> None:
    query = link_query(signer, PATH, LINK)
    for place in range(len(query)):
        if query[place] in "&=":
            continue
        changed = "A" if query[place] != "A" else "B"
        with pytest.raises(InvalidLinkError):
            read(signer, query[:place] + changed + query[place + 1 :])


def test_a_link_is_good_for_one_path(signer: Signer) -> None:
    query = link_query(signer, PATH, LINK)
    for path in ("/api/jobs/abc/variants/her", PATH + "/", PATH.upper(), "/api/jobs/abc"):
        with pytest.raises(InvalidLinkError):
            read(signer, query, path)


def test_a_link_ends(signer: Signer) -> None:
    query = link_query(signer, PATH, LINK)
    with pytest.raises(InvalidLinkError, match="expired"):
        read(signer, query, now_s=LINK.expires_s)


@pytest.mark.parametrize("name", ["expires", "key", "signature"])
def test_a_part_that_is_missing_or_given_twice_is_refused(signer: Signer, name: str) -> None:
    query = MultiDict(URL("?" + link_query(signer, PATH, LINK)).query)
    twice = MultiDict([*query.items(), (name, query[name])])
    del query[name]
    for given in (query, twice):
        with pytest.raises(InvalidLinkError):
            read_link(signer, PATH, given, NOW_S)


@pytest.mark.parametrize("junk", ["", "\udcff", "Ä", "=" * 43, "A" * 100_000])
def test_junk_is_no_signature(signer: Signer, junk: str) -> None:
    query = MultiDict(expires=str(LINK.expires_s), key=LINK.key_id, signature=junk)
    with pytest.raises(InvalidLinkError):
        read_link(signer, PATH, query, NOW_S)
    assert read_session(signer, f"{SESSION.key_id}.{SESSION.expires_s}.{junk}", NOW_S) is None


def test_a_session_says_what_was_signed(signer: Signer) -> None:
    cookie = session_cookie(signer, SESSION)
    assert read_session(signer, cookie, NOW_S) == SESSION
    assert read_session(signer, cookie, SESSION.expires_s) is None


def test_any_changed_character_of_a_session_ends_it(signer: Signer) -> None:
    cookie = session_cookie(signer, SESSION)
    for place, char in enumerate(cookie):
        changed = cookie[:place] + ("a" if char != "a" else "b") + cookie[place + 1 :]
        assert read_session(signer, changed, NOW_S) is None


def test_a_signature_is_worth_nothing_for_another_purpose(signer: Signer) -> None:
    signature = signer.sign("link", "a", "b")
    assert signer.verify(signature, "link", "a", "b")
    assert not signer.verify(signature, "session", "a", "b")


def test_fields_cannot_be_moved(signer: Signer) -> None:
    signature = signer.sign("link", "ab", "c")
    assert not signer.verify(signature, "link", "a", "bc")
    assert not signer.verify(signature, "link", "abc")
    assert not signer.verify(signature, "link", "ab", "c", "")


def test_the_first_secret_signs_and_all_verify() -> None:
    before, during, after = Signer([OLD]), Signer([NEW, OLD]), Signer([NEW])
    old, new = (s.sign("link", "x") for s in (before, during))
    assert during.verify(old, "link", "x")
    assert not after.verify(old, "link", "x")
    assert after.verify(new, "link", "x")
    assert not before.verify(new, "link", "x")


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    made = URL_SECRETS.load(None, tmp_path)
    assert URL_SECRETS.load(None, tmp_path) == made
    assert len(made[0]) == 32
    path = tmp_path / "url-secret"
    assert path.read_text().startswith("urlsec_")
    assert path.stat().st_mode & 0o777 == 0o600


def test_secrets_are_given_with_commas_between(tmp_path: Path) -> None:
    words = [f"urlsec_{base64.b64encode(secret).decode()}" for secret in (NEW, OLD)]
    assert URL_SECRETS.load(",".join(words), tmp_path) == (NEW, OLD)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SecretError, match="URL secret 2"):
        URL_SECRETS.load(f"{words[0]},whsec_{words[1][7:]}", tmp_path)
