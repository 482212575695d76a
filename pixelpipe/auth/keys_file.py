"""The file of the API keys: read by the server, changed by the command line."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from pixelpipe.auth.keys import ApiKey, KeysError, Scope
from pixelpipe.auth.rates import parse_rate
from pixelpipe.config import Settings
from pixelpipe.kept_secrets import write_private

FILE = "keys.json"


class _Record(BaseModel):
    """A key in the file."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    tenant: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[list[Scope], Field(min_length=1)]
    rate: str | None = None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None

    @field_validator("rate")
    @classmethod
    def _known_rate(cls, rate: str | None) -> str | None:
        if rate is not None:
            parse_rate(rate)
        return rate

    @classmethod
    def of(cls, key: ApiKey) -> "_Record":
        """The record of the key."""
        return cls(
            id=key.id,
            tenant=key.tenant,
            name=key.name,
            sha256=key.sha256,
            scopes=sorted(key.scopes),
            rate=key.rate,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )

    def key(self) -> ApiKey:
        """The key of the record."""
        return ApiKey(
            id=self.id,
            tenant=self.tenant,
            name=self.name,
            sha256=self.sha256,
            scopes=frozenset(self.scopes),
            rate=self.rate,
            created_at=self.created_at,
            expires_at=self.expires_at,
        )


class _Document(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    keys: list[_Record] = []

    @field_validator("keys")
    @classmethod
    def _ids_once(cls, keys: list[_Record]) -> list[_Record]:
        if len({record.id for record in keys}) < len(keys):
            raise ValueError("two keys have the same id")
        return keys


def keys_path(settings: Settings) -> Path:
    """Where the keys are."""
    return settings.keys_file or settings.data_dir / FILE


def read_keys(path: Path) -> Sequence[ApiKey]:
    """The keys in the file; none if it is not there. Reads files.

    Raises:
        KeysError: It cannot be read, or is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeysError(f"cannot read the keys in {path}: {error.strerror}") from error
    try:
        document = _Document.model_validate_json(content)
    except ValidationError as error:
        # Where and what, but not the value: it may be a key that somebody put there.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "".join(f"/{part}" for part in first["loc"])
        raise KeysError(
            f"the keys file {path} is damaged: {place} {first['msg']}".replace(":  ", ": ")
        ) from None
    return [record.key() for record in document.keys]


@contextmanager
def changing_keys(path: Path) -> Iterator[list[ApiKey]]:
    """Around a change of the keys: the list as it is left is written, unless something is raised.

    One at a time, and whole or not at all; where the path is a link, what it leads to. Reads and
    writes files.

    Raises:
        KeysError: The file cannot be read or written, or is damaged.
    """
    try:
        # Others may read the same file: it is no use to revoke a key in a copy of it.
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise KeysError(f"cannot use the folder {path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = list(read_keys(path))
        yield keys
        document = _Document(keys=[_Record.of(key) for key in keys])
        write_private(path, document.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise KeysError(f"cannot write the keys to {path}: {error.strerror}") from error
    finally:
        os.close(folder)
