"""Uploads on their way into the arena."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pixelpipe.config import MIB
from pixelpipe.engine.arena import Lease, Region
from pixelpipe.errors import MemoryFullError, UploadTooLargeError

_GROWTH_BYTES = MIB


class Upload:
    """Bytes of one upload, received straight into a lease of the arena; hashed on the way."""

    def __init__(self, region: Region, lease: Lease, limit_bytes: int) -> None:
        self._region = region
        self._lease: Lease | None = lease
        self._limit_bytes = limit_bytes
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def view(self) -> memoryview:
        """What has been received so far, in the arena."""
        return self._held.view(0, self.size_bytes)

    @property
    def sha256(self) -> str:
        """The digest of what has been received so far, in hexadecimal."""
        return self._digest.hexdigest()

    @property
    def _held(self) -> Lease:
        if self._lease is None:
            raise ValueError("the upload was taken over or released")
        return self._lease

    async def write(self, chunk: bytes) -> None:
        """Take in the next bytes.

        Raises:
            UploadTooLargeError: That is more than allowed.
            MemoryFullError: An upload of unknown length found no room to grow.
        """
        end = self.size_bytes + len(chunk)
        if end > self._limit_bytes:
            raise too_large(self._limit_bytes)
        if end > self._held.size:
            await self._grow(end - self._held.size)
        self._held.view(self.size_bytes, len(chunk))[:] = chunk
        self._digest.update(chunk)
        self.size_bytes = end

    def take_over(self) -> Lease:
        """Hand the lease to the caller, who releases it."""
        lease = self._held
        self._lease = None
        return lease

    def release(self) -> None:
        """Give the room back, unless it was taken over."""
        if self._lease is not None:
            self.take_over().release()

    async def _grow(self, more: int) -> None:
        more = max(more, min(_GROWTH_BYTES, self._limit_bytes - self._held.size))
        if self._held.extend(more):
            await self._region.back(self._held)
            return
        larger = await _take(self._region, self._held.size + more)
        larger.view(0, self.size_bytes)[:] = self.view
        self.release()
        self._lease = larger


async def _take(region: Region, size_bytes: int) -> Lease:
    lease = region.take(size_bytes)
    if lease is None:
        raise MemoryFullError(
            f"The {region.size} bytes that uploads in flight share are in use; try again later."
        )
    try:
        await region.back(lease)
    except BaseException:
        lease.release()
        raise
    return lease


def too_large(limit_bytes: int) -> UploadTooLargeError:
    """The error for an upload over the limit."""
    return UploadTooLargeError(
        f"The upload is larger than the {limit_bytes} bytes that are allowed.",
        limit_bytes=limit_bytes,
    )


@asynccontextmanager
async def receive(
    region: Region, declared_bytes: int | None, limit_bytes: int
) -> AsyncIterator[Upload]:
    """Room for an upload of at most `declared_bytes`, or of an unknown number.

    Leaving gives the room back unless it was taken over.

    Raises (on entering):
        UploadTooLargeError: More is declared than allowed.
        MemoryFullError: No room at this moment.
    """
    limit_bytes = min(limit_bytes, region.size)
    if declared_bytes is not None and declared_bytes > limit_bytes:
        raise too_large(limit_bytes)
    first = min(_GROWTH_BYTES, limit_bytes) if declared_bytes is None else declared_bytes
    upload = Upload(region, await _take(region, first), limit_bytes)
    try:
        yield upload
    finally:
        upload.release()
