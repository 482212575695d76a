"""Signatures of messages, by the Standard Webhooks specification, and the secrets behind them."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64
_NEW_BYTES = 32
_FILE = "webhook-secret"


class SecretError(ValueError):
    """There is no secret to sign with; the message says why, and shows none."""


def signed_headers(
    message_id: str, timestamp_s: int, body: bytes, keys: Sequence[bytes]
) -> dict[str, str]:
    """The headers by which the receiver knows who sent the message, and when.

    Args:
        message_id: The same at each attempt; the receiver drops what it has seen.
        timestamp_s: Of this attempt, in Unix time; the receiver drops what is old.
        body: Exactly as it is sent.
        keys: Each signs; several while an old one is being replaced.
    """
    content = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
    signatures = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(s).decode()}" for s in signatures),
    }


def parse_secrets(given: str) -> tuple[bytes, ...]:
    """The keys in `given`, which names at least one, separated by commas or spaces.

    Raises:
        SecretError: One of them is no secret; the message says which.
    """
    words = given.replace(",", " ").split()
    keys = tuple(_parse(word, number) for number, word in enumerate(words, 1))
    if not keys:
        raise SecretError("there is no webhook secret")
    return keys


def load_secrets(given: str | None, folder: Path) -> tuple[bytes, ...]:
    """The keys to sign with. Reads and writes files.

    Args:
        given: Secrets as set by the operator; without any, one is made and kept in `folder`.
        folder: Where the one that was made is found again.

    Raises:
        SecretError: A secret is none, given or kept, or the file cannot be read or written.
    """
    if given is not None and given.strip():
        return parse_secrets(given)
    path = folder / _FILE
    try:
        if not path.exists():
            _keep(path, _PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode())
        return parse_secrets(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SecretError(f"cannot keep a webhook secret in {path}: {error.strerror}") from error
    except ValueError as error:
        raise SecretError(f"the file {path} is damaged: {error}") from error


def _parse(word: str, number: int) -> bytes:
    try:
        key = base64.b64decode(word.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not word.startswith(_PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise SecretError(
            f"webhook secret {number} must be {_PREFIX} and then "
            f"{_LEAST_BYTES} to {_MOST_BYTES} bytes in base64"
        )
    return key


def _keep(path: Path, secret: str) -> None:
    """Write the file whole or not at all; only its owner may read it."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
