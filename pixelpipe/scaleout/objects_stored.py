"""The bytes of a blob that is an object, in pieces or as a file."""

import asyncio
import io
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore
from obstore.exceptions import BaseError, PreconditionError

from pixelpipe.errors import StorageFailedError, StorageUnavailableError
from pixelpipe.jobs.ports import LINK_S, PIECE_BYTES
from pixelpipe.scaleout.objects_place import NotThereError, Place

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import BytesStream

_ATTEMPTS = 3
_BACKOFF_S = 0.2
_LOST = "The server's object storage does not hold what was stored there."


@dataclass(frozen=True, slots=True)
class StoredObject:
    """`jobs.ports.Stored` in an object.

    Attributes:
        place: Where the object is.
        key: Its name there.
        size_bytes: Its length.
        etag: What the store calls the bytes that were found right; no others are given.
        lost: Called when it turns out not to be there, or to be others.
    """

    place: Place
    key: str
    size_bytes: int
    etag: str | None
    lost: Callable[[], None]

    @property
    def path(self) -> Path | None:
        """None: it is no file."""
        return None

    def open(self) -> BinaryIO:
        """A file of it; see the port."""
        return io.BufferedReader(_ObjectFile(self), PIECE_BYTES)

    async def pieces(self, wanted: range) -> AsyncGenerator[bytes, None]:
        """The bytes `wanted`; see the port.

        A store cuts the connection of somebody whose client reads slowly; it is asked again then,
        for the rest.
        """
        at, attempts = wanted.start, 0
        while at < wanted.stop:
            attempts += 1
            try:
                stream = await self._stream(at, wanted.stop)
                while piece := await self._next(stream):
                    for start in range(0, len(piece), PIECE_BYTES):
                        yield piece[start : start + PIECE_BYTES]
                    at, attempts = at + len(piece), 0
            except StorageUnavailableError:
                if attempts == _ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(_BACKOFF_S / 2, _BACKOFF_S))  # noqa: S311 - jitter
                continue
            if at < wanted.stop and attempts == _ATTEMPTS:
                raise self._failed()

    async def link(self, headers: Mapping[str, str]) -> str | None:
        """A signed URL; see the port."""
        store: Any = self.place.quick  # of a kind that signs, or else it says so
        try:
            url = await obstore.sign_async(store, "GET", self.key, timedelta(seconds=LINK_S))
        except (BaseError, OSError, ValueError) as error:
            # Nor does every credential: a token cannot, and a role has to be allowed to.
            self.place.unsigned(error)
            return None
        if self.place.signer is not None and (own := self.place.signer.with_headers(url, headers)):
            return own
        # The object has its type, but no name: that is each job's own.
        wants_name = headers.get("Content-Disposition", "").startswith("attachment")
        return None if wants_name else url

    def read(self, wanted: range) -> bytes:
        """The bytes `wanted`, of a thread that may be kept waiting.

        Raises:
            StorageFailedError: They cannot be read, or are not what was stored.
        """
        try:
            with self.place.asked(conditional=True):
                found = obstore.get(
                    self.place.store,
                    self.key,
                    options={"range": (wanted.start, wanted.stop), "if_match": self.etag},
                )
                return bytes(found.bytes())
        except (NotThereError, PreconditionError):
            raise self._failed() from None

    async def _stream(self, start: int, stop: int) -> "BytesStream":
        try:
            with self.place.asked(conditional=True):
                found = await self.place.store.get_async(
                    self.key, options={"range": (start, stop), "if_match": self.etag}
                )
        except (NotThereError, PreconditionError):
            raise self._failed() from None
        if found.meta["size"] != self.size_bytes:
            raise self._failed()
        return found.stream(PIECE_BYTES // 2)

    async def _next(self, stream: "BytesStream") -> bytes:
        """The next of its pieces; empty at the end."""
        try:
            with self.place.asked():
                return bytes(await anext(stream))
        except StopAsyncIteration:
            return b""

    def _failed(self) -> StorageFailedError:
        self.lost()
        return StorageFailedError(_LOST)


class _ObjectFile(io.RawIOBase):
    """An object as a file; each read is a request."""

    def __init__(self, stored: StoredObject) -> None:
        super().__init__()
        self._stored = stored
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stored.size_bytes}
        self._at = base[whence] + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer)
        wanted = range(self._at, min(self._at + len(target), self._stored.size_bytes))
        if not wanted:
            return 0
        try:
            content = self._stored.read(wanted)
        except StorageFailedError as error:
            raise OSError(error.detail) from None
        target[: len(content)] = content
        self._at += len(content)
        return len(content)
