"""Signatures of messages, and the secrets behind them."""

import base64
import hashlib
import hmac
import os
import stat
from pathlib import Path

import pytest

from pixelpipe.webhooks.signature import load_secrets, parse_secrets, signed_headers

# The example that the libraries of Standard Webhooks are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP_S = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def _secret(size_bytes: int, fill: int = 1) -> str:
    return "whsec_" + base64.b64encode(bytes([fill]) * size_bytes).decode()


def test_the_signature_is_that_of_the_published_example() -> None:
    assert signed_headers(MESSAGE_ID, TIMESTAMP_S, BODY, parse_secrets(SECRET)) == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_each_secret_signs() -> None:
    keys = parse_secrets(f"{_secret(32)},{SECRET}")
    headers = signed_headers(MESSAGE_ID, TIMESTAMP_S, BODY, keys)
    first, second = headers["webhook-signature"].split(" ")
    content = f"{MESSAGE_ID}.{TIMESTAMP_S}.".encode() + BODY
    digest = hmac.new(b"\x01" * 32, content, hashlib.sha256).digest()
    assert first == "v1," + base64.b64encode(digest).decode()
    assert second == SIGNATURE


@pytest.mark.parametrize("separator", [",", " ", ", ", "\n", " , "])
def test_secrets_are_separated_by_commas_or_spaces(separator: str) -> None:
    given = separator.join((_secret(24, 1), _secret(64, 2)))
    assert parse_secrets(given) == (b"\x01" * 24, b"\x02" * 64)


@pytest.mark.parametrize(
    "word",
    [
        _secret(23),
        _secret(65),
        _secret(32).removeprefix("whsec_"),
        "whsec_",
        "whsec_not-base64-not-base64-not-base64",
        "whsec_ÄÖÜ",
        _secret(32) + "=",
        "WHSEC_" + _secret(32).removeprefix("whsec_"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_shown(word: str) -> None:
    with pytest.raises(ValueError, match="webhook secret 2 must be whsec_ and then 24 to 64") as e:
        parse_secrets(f"{SECRET} {word}")
    assert word == "whsec_" or word not in str(e.value)
    assert SECRET not in str(e.value)


@pytest.mark.parametrize("given", ["", " ", ",", " , "])
def test_no_secret_at_all_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="no webhook secret"):
        parse_secrets(given)


def test_given_secrets_are_taken_and_nothing_is_kept(tmp_path: Path) -> None:
    assert load_secrets(SECRET, tmp_path) == parse_secrets(SECRET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [None, "", "  "])
def test_without_one_a_secret_is_made_once(tmp_path: Path, given: str | None) -> None:
    (key,) = load_secrets(given, tmp_path)
    assert len(key) == 32
    assert load_secrets(given, tmp_path) == (key,)
    (file,) = tmp_path.iterdir()
    assert file.name == "webhook-secret"
    assert parse_secrets(file.read_text()) == (key,)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_folder_has_a_secret_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert load_secrets(None, tmp_path / "a") != load_secrets(None, tmp_path / "b")


def test_a_write_that_was_interrupted_is_begun_anew(tmp_path: Path) -> None:
    leftover = tmp_path / "webhook-secret.new"
    leftover.write_text("whsec_ha")
    leftover.chmod(0o644)
    assert len(load_secrets(None, tmp_path)[0]) == 32
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_secret_that_cannot_be_kept_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(ValueError, match="No space left"):
            load_secrets(None, tmp_path)
    assert not (tmp_path / "webhook-secret").exists()
    assert load_secrets(None, tmp_path) == load_secrets(None, tmp_path)


@pytest.mark.parametrize("content", [b"", b"whsec_ha", b"\xff\xfe"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "webhook-secret").write_bytes(content)
    with pytest.raises(ValueError, match="webhook-secret is damaged"):
        load_secrets(None, tmp_path)
    assert (tmp_path / "webhook-secret").read_bytes() == content
