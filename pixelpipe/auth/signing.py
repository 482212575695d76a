"""Signatures by which the server knows again what it gave out."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

# What was signed for one purpose is worth nothing for another.
Purpose = Literal["link", "session"]


class Signer:
    """HMAC-SHA256 with several secrets: the first signs, all verify.

    To replace a secret, put a new one before it, and drop the old one once all that it has signed
    is over.

    Args:
        secrets: At least one.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    def sign(self, purpose: Purpose, *fields: str) -> str:
        """The signature, of characters that are safe in URLs and cookies."""
        return _signature(self._secrets[0], purpose, fields)

    def verify(self, signature: str, purpose: Purpose, *fields: str) -> bool:
        """Whether it was signed here, for this and for nothing else.

        The texts are compared, not what they decode to: a text has one spelling.
        """
        given = signature.encode(errors="surrogatepass")
        signed = [_signature(secret, purpose, fields).encode() for secret in self._secrets]
        # All of them, so that it takes as long whichever secret it was.
        same = [hmac.compare_digest(given, expected) for expected in signed]
        return any(same)


def _signature(secret: bytes, purpose: str, fields: Sequence[str]) -> str:
    # Each with its length before it: what ends one field cannot begin the next.
    parts = [part.encode(errors="surrogatepass") for part in (purpose, *fields)]
    content = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    digest = hmac.new(secret, content, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
