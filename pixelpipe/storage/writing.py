"""A blob written to a new file, and hashed on the way where its digest is not sure."""

import hashlib
import os
from io import FileIO
from pathlib import Path

from pixelpipe.errors import WrongDigestError
from pixelpipe.jobs.ports import Digest
from pixelpipe.storage.puts import Put

_PIECE_BYTES = 1024 * 1024


def check_digest(found: str, sha256: str) -> None:
    """Refuse a digest that is not the one that was told.

    Raises:
        WrongDigestError: It is not.
    """
    if found != sha256:
        raise WrongDigestError(f"bytes that are not those of {sha256}")


def write_file(path: Path, put: Put, *, sync: bool) -> None:
    """Write a new file; with `sync` its bytes are on the disk on return.

    Raises:
        WrongDigestError: They are not those of the digest that was told.
        OSError: It could not be written; some of it may be there.
    """
    with path.open("xb", buffering=0) as file:
        if put.digest is Digest.UNCHECKED:
            check_digest(_write_hashed(file, put.content), put.sha256)
        else:
            _write_all(file, put.content)
        if sync:
            os.fdatasync(file.fileno())


def _write_hashed(file: FileIO, content: memoryview) -> str:
    """The digest of what was written: who handed it over may change it while it is read."""
    digest = hashlib.sha256()
    for start in range(0, len(content), _PIECE_BYTES):
        piece = bytes(content[start : start + _PIECE_BYTES])
        digest.update(piece)
        _write_all(file, memoryview(piece))
    return digest.hexdigest()


def _write_all(file: FileIO, content: memoryview) -> None:
    written = 0
    while written < len(content):
        written += file.write(content[written:])
