"""Signatures of messages, by the Standard Webhooks specification, and the secrets behind them."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

from pixelpipe.kept_secrets import WEBHOOK_SECRETS


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
    """The keys in `given`; see `SecretKind.parse`."""
    return WEBHOOK_SECRETS.parse(given)


def load_secrets(given: str | None, folder: Path) -> tuple[bytes, ...]:
    """The keys to sign with; see `SecretKind.load`."""
    return WEBHOOK_SECRETS.load(given, folder)
