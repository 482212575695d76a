"""API keys: known again, and kept so that nobody else can use them."""

import hashlib
import re
from datetime import timedelta

import pytest

from pixelpipe.auth.keys import KeyRing, Scope
from tests.api_keys import NOW, make_key


def test_a_key_is_256_random_bits_behind_an_id() -> None:
    one, other = make_key(), make_key()
    assert re.fullmatch(rf"pp_{one.key.id}_[0-9a-f]{{64}}", one.text)
    assert one.text[-64:] != other.text[-64:]
    assert one.key.id != other.key.id


def test_what_is_kept_is_the_digest() -> None:
    held = make_key()
    assert held.key.sha256 == hashlib.sha256(held.text.encode()).hexdigest()
    assert held.text[-64:] not in repr(held.key)


def test_a_key_is_found_by_its_text() -> None:
    one, other = make_key(), make_key()
    ring = KeyRing([one.key, other.key])
    assert ring.find(one.text, NOW) == one.key
    assert ring.find(other.text, NOW) == other.key


def test_any_changed_character_makes_it_no_key() -> None:
    held = make_key()
    ring = KeyRing([held.key])
    for place, char in enumerate(held.text):
        changed = held.text[:place] + ("0" if char != "0" else "1") + held.text[place + 1 :]
        assert ring.find(changed, NOW) is None


@pytest.mark.parametrize(
    "text",
    ["", "pp_", "pp__", "x" * 10_000, "pp_\udcff_\ud800", "Ä", "pp_000000000000_" + "0" * 64],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert KeyRing([make_key().key]).find(text, NOW) is None


def test_the_id_of_one_key_with_the_secret_of_another_is_no_key() -> None:
    one, other = make_key(), make_key()
    mixed = f"pp_{one.key.id}_{other.text[-64:]}"
    assert KeyRing([one.key, other.key]).find(mixed, NOW) is None


def test_an_id_that_is_not_known_is_compared_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("pixelpipe.auth.keys.hmac.compare_digest", compare)
    KeyRing([]).find(make_key().text, NOW)
    KeyRing([]).find("nothing like a key", NOW)
    assert [len(expected) for _, expected in compared] == [64, 64]


def test_a_key_that_has_expired_is_none() -> None:
    held = make_key(expires_at=NOW)
    ring = KeyRing([held.key])
    before = NOW - timedelta(microseconds=1)
    assert ring.find(held.text, before) == held.key
    assert ring.get(held.key.id, before) == held.key
    assert ring.usable(before)
    assert ring.find(held.text, NOW) is None
    assert ring.get(held.key.id, NOW) is None
    assert not ring.usable(NOW)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_allows_its_scopes_and_admin_all(scope: Scope) -> None:
    assert make_key(scopes=[scope]).key.allows(scope)
    assert make_key(scopes=[Scope.ADMIN]).key.allows(scope)
    others = [other for other in Scope if other not in {scope, Scope.ADMIN}]
    assert not make_key(scopes=others).key.allows(scope)
