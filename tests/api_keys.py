"""API keys for tests."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pixelpipe.auth.keys import ApiKey, Scope, new_key
from pixelpipe.auth.keys_file import FILE, changing_keys

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
BOTH = (Scope.SUBMIT, Scope.READ)


@dataclass(frozen=True, slots=True)
class Held:
    """A key as its owner has it."""

    key: ApiKey
    text: str

    @property
    def header(self) -> dict[str, str]:
        """What a request shows it with."""
        return {"Authorization": f"Bearer {self.text}"}


def make_key(name: str = "key", scopes: Iterable[Scope] = BOTH, **changes: Any) -> Held:
    """A key that is nowhere yet."""
    key, text = new_key(name, scopes, NOW)
    return Held(replace(key, **changes), text)


def keep_keys(folder: Path, *held: Held) -> Path:
    """Put keys into the file in the data folder, beside those that are there."""
    path = folder / FILE
    with changing_keys(path) as keys:
        keys.extend(each.key for each in held)
    return path


def drop_key(folder: Path, held: Held) -> None:
    """Revoke a key."""
    with changing_keys(folder / FILE) as keys:
        keys.remove(held.key)
