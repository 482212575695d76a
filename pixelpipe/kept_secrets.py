"""Secrets to sign with: given by the operator, or made once and kept in a file."""

import base64
import binascii
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

_LEAST_BYTES, _MOST_BYTES = 24, 64
_NEW_BYTES = 32


class SecretError(ValueError):
    """There is no secret to sign with; the message says why, and shows none."""


@dataclass(frozen=True, slots=True)
class SecretKind:
    """What a secret is for.

    Attributes:
        name: What it is called in messages.
        prefix: How its text begins, before the base64 of 24 to 64 bytes.
        file: The file, in the data folder, of one that was made.
    """

    name: str
    prefix: str
    file: str

    def parse(self, given: str) -> tuple[bytes, ...]:
        """The keys in `given`, which names at least one, separated by commas or spaces.

        Raises:
            SecretError: One of them is no secret; the message says which.
        """
        words = given.replace(",", " ").split()
        keys = tuple(self._parse(word, number) for number, word in enumerate(words, 1))
        if not keys:
            raise SecretError(f"there is no {self.name}")
        return keys

    def load(self, given: str | None, folder: Path) -> tuple[bytes, ...]:
        """The keys to sign with. Reads and writes files.

        Args:
            given: Secrets as set by the operator; without any, one is made and kept in `folder`.
            folder: Where the one that was made is found again.

        Raises:
            SecretError: A secret is none, given or kept, or the file cannot be read or written.
        """
        if given is not None and given.strip():
            return self.parse(given)
        path = folder / self.file
        try:
            if not path.exists():
                write_private(path, self.made() + "\n")
            return self.parse(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SecretError(f"cannot keep a {self.name} in {path}: {error.strerror}") from error
        except ValueError as error:
            raise SecretError(f"the file {path} is damaged: {error}") from error

    def made(self) -> str:
        """A new one."""
        return self.prefix + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()

    def _parse(self, word: str, number: int) -> bytes:
        try:
            key = base64.b64decode(word.removeprefix(self.prefix), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not word.startswith(self.prefix) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
            raise SecretError(
                f"{self.name} {number} must be {self.prefix} and then "
                f"{_LEAST_BYTES} to {_MOST_BYTES} bytes in base64"
            )
        return key


WEBHOOK_SECRETS = SecretKind("webhook secret", "whsec_", "webhook-secret")
URL_SECRETS = SecretKind("URL secret", "urlsec_", "url-secret")


def write_private(path: Path, text: str) -> None:
    """Write the file whole or not at all; only its owner may read it.

    Root leaves it to whom the file before it, or else the folder, belongs to: a server that runs
    as somebody else has to be able to read it.

    Raises:
        OSError: It could not be written.
    """
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            owner = (path if path.exists() else path.parent).stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
