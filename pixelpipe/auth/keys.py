"""API keys: what they are, how they are made, and how one is known again.

A key is 256 random bits, so its SHA-256 can be kept as it is: nobody guesses the bits, whatever a
guess costs. A slow, salted hash is for what people think up; here it would only make every request
dear, and more so those of an attacker's wrong keys.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_ID_BYTES = 6
_SECRET_BYTES = 32
_KEY = re.compile(r"pp_([0-9a-f]{12})_([0-9a-f]{64})")


class KeysError(Exception):
    """The keys cannot be used; the message says which, why, and what to do."""


class Scope(StrEnum):
    """What a key is good for."""

    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is kept: enough to know it again, not enough to use it.

    Attributes:
        id: No secret, never given twice.
        tenant: Whose jobs are its own: the id of the key that was the first with these jobs.
        name: What its owner calls it.
        sha256: Of the whole key, in hex.
        scopes: What it is good for; `admin` for everything, and for everybody's jobs.
        rate: Requests that it may make, such as `100/minute`; None for what the server says.
        created_at: When it was made.
        expires_at: When it ends; None for never.
    """

    id: str
    tenant: str
    name: str
    sha256: str
    scopes: frozenset[Scope]
    rate: str | None = None
    created_at: datetime
    expires_at: datetime | None = None

    @property
    def admin(self) -> bool:
        """Whether it is good for everything."""
        return Scope.ADMIN in self.scopes

    def allows(self, scope: Scope) -> bool:
        """Whether it is good for that."""
        return self.admin or scope in self.scopes

    def ended(self, now: datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now


def new_key(name: str, scopes: Iterable[Scope], now: datetime) -> tuple[ApiKey, str]:
    """A key to be kept, and its text, which is nowhere else and is to be shown once.

    It is the first of a tenant of its own, has no rate of its own and does not end.
    """
    key_id = secrets.token_hex(_ID_BYTES)
    text = f"pp_{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
    key = ApiKey(
        id=key_id,
        tenant=key_id,
        name=name,
        sha256=_digest(text),
        scopes=frozenset(scopes),
        created_at=now,
    )
    return key, text


class KeyRing:
    """The keys that are good, unless they have expired."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = {key.id: key for key in keys}

    def usable(self, now: datetime) -> bool:
        """Whether there is any key that has not expired."""
        return any(not key.ended(now) for key in self._keys.values())

    def get(self, key_id: str, now: datetime) -> ApiKey | None:
        """The key of this id, unless it has expired."""
        key = self._keys.get(key_id)
        return None if key is None or key.ended(now) else key

    def find(self, text: str, now: datetime) -> ApiKey | None:
        """The key that `text` is; None if it is none that is good.

        It takes as long for an id that is not known as for one that is.
        """
        found = _KEY.fullmatch(text)
        key = self.get(found[1], now) if found else None
        expected = key.sha256 if key else "0" * hashlib.sha256().digest_size * 2
        same = hmac.compare_digest(_digest(text), expected)
        return key if same else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
