"""The bytes of a blob that is a file."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import PIECE_BYTES


@dataclass(frozen=True, slots=True)
class StoredFile:
    """`jobs.ports.Stored` in a file."""

    path: Path

    def open(self) -> BinaryIO:
        """The file."""
        return self.path.open("rb")

    async def pieces(self, wanted: range) -> AsyncGenerator[bytes, None]:
        """The bytes `wanted`; see the port. The kernel sends them with less ado."""
        for start in range(wanted.start, wanted.stop, PIECE_BYTES):
            piece = range(start, min(start + PIECE_BYTES, wanted.stop))
            yield await asyncio.to_thread(self._read, piece)

    async def link(self, headers: Mapping[str, str]) -> str | None:
        """None: nobody but us can read the file."""
        del headers
        return None

    def _read(self, wanted: range) -> bytes:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(wanted.start)
                content = file.read(len(wanted))
        except OSError as error:
            raise StorageFailedError("The server could not read its storage.") from error
        if len(content) != len(wanted):
            raise StorageFailedError("The server's storage holds less than was stored.")
        return content
