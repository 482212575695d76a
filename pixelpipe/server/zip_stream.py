"""A ZIP archive that is made while it is sent: stored as is, in constant memory.

Each entry is read twice, for its checksum and then for its bytes, so that its size and checksum
stand in front of them. The usual way, to put them behind (a data descriptor), costs one reading
less, but then nobody can tell where a stored entry ends who does not have the whole archive yet:
Java's ZipInputStream refuses such archives, and bsdtar guesses.
"""

import asyncio
import io
import stat
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO
from zlib import crc32

# stream-zip 0.0.84 leaves off the rest of an archive if a local header ends where a chunk does.
from stream_zip import (
    NO_COMPRESSION_32,
    NO_COMPRESSION_64,
    MemberFile,
    Method,
    ZipIntegrityError,
    stream_zip,
)

from pixelpipe.jobs.ports import Stored

CHUNK_BYTES = 256 * 1024

# Past these an archive is zip64, well before anything in it has to be.
_MOST_PLAIN_BYTES = 2**31
_MOST_PLAIN_ENTRIES = 0xFFFF

_MODE = stat.S_IFREG | 0o644
_FIRST = datetime(1980, 1, 1, tzinfo=UTC)
_LAST = datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive.

    Attributes:
        name: What it is called there; unique in the archive.
        content: Its bytes, or where they are stored.
        size_bytes: How many there are.
    """

    name: str
    content: Stored | bytes
    size_bytes: int

    def open(self) -> BinaryIO:
        """A reader of the bytes."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open()


async def chunks(entries: Sequence[Entry], modified: datetime) -> AsyncGenerator[bytes, None]:
    """The archive, in pieces of 1 to `CHUNK_BYTES` bytes, a few of which are in memory.

    The same entries and time give the same bytes. Threads of the loop open the files, one after
    the other; closing the generator, at any moment, closes the one that is open.

    Args:
        entries: What goes in, in this order.
        modified: The time that all entries bear, in UTC, in steps of 2 s, from 1980 on.

    Raises:
        OSError: A file cannot be read, is not `size_bytes` long, or changes meanwhile. What was
            yielded until then is no archive.
    """
    making = _Making(entries, modified)
    loop = asyncio.get_running_loop()
    try:
        while chunk := await loop.run_in_executor(None, making.next):
            yield chunk
    finally:
        # A thread that reads for somebody who has gone reads on; closing waits for it, and comes
        # about even if nobody waits for that.
        await asyncio.shield(loop.run_in_executor(None, making.close))


def archive_size_bytes(entries: Sequence[Entry]) -> int:
    """How long the archive of these entries is, exactly."""
    method = _method(entries)
    empty: Iterator[MemberFile] = (
        (entry.name, _FIRST, _MODE, method(0, crc32(b"")), ()) for entry in entries
    )
    around_bytes = sum(map(len, stream_zip(empty, extended_timestamps=False)))
    return around_bytes + _content_bytes(entries)


class _Making:
    """The chunks of an archive, asked for by one thread at a time, which need not be the same."""

    def __init__(self, entries: Sequence[Entry], modified: datetime) -> None:
        self._members = _members(entries, min(max(modified.astimezone(UTC), _FIRST), _LAST))
        # Times of the extended kind end in 2038.
        self._chunks = iter(stream_zip(self._members, CHUNK_BYTES, extended_timestamps=False))
        self._lock = threading.Lock()

    def next(self) -> bytes:
        """The next chunk; empty at the end."""
        with self._lock:
            try:
                return next(self._chunks, b"")
            except ZipIntegrityError as error:
                raise OSError("a file changed while it was read") from error

    def close(self) -> None:
        """Close the open file, once nobody reads it."""
        with self._lock:
            self._members.close()


def _members(entries: Sequence[Entry], modified: datetime) -> Generator[MemberFile, None, None]:
    method = _method(entries)
    for entry in entries:
        with entry.open() as file:
            checksum = 0
            for block in _blocks(file, entry):
                checksum = crc32(block, checksum)
            file.seek(0)
            kind = method(entry.size_bytes, checksum)
            yield entry.name, modified, _MODE, kind, _blocks(file, entry)


def _blocks(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The bytes of the file, once it has said that they are as many as they should be."""
    left_bytes = entry.size_bytes
    while block := file.read(min(left_bytes, CHUNK_BYTES)):
        left_bytes -= len(block)
        yield block
    if left_bytes or file.read(1):
        raise OSError(f"the file of {entry.name!r} is not {entry.size_bytes} bytes long")


def _method(entries: Sequence[Entry]) -> Callable[[int, int], Method]:
    """Gives the kind of an entry by its size and checksum; the same in all of an archive."""
    plain = len(entries) <= _MOST_PLAIN_ENTRIES and _content_bytes(entries) <= _MOST_PLAIN_BYTES
    return NO_COMPRESSION_32 if plain else NO_COMPRESSION_64


def _content_bytes(entries: Sequence[Entry]) -> int:
    return sum(entry.size_bytes for entry in entries)
