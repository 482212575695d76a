"""Uploads on their way into the arena."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pixelpipe.config import MIB
from pixelpipe.engine.arena import Lease, Region
from pixelpipe.engine.pace import Pace, come_back_s
from pixelpipe.errors import MemoryFullError, UploadTooLargeError

_GROWTH_BYTES = MIB
# Until it is known better.
_FIRST_UPLOADS_PER_S = 1.0


class Upload:
    """Bytes of one upload, received straight into a lease of the arena; hashed on the way."""

    def __init__(self, room: "UploadRoom", lease: Lease, limit_bytes: int) -> None:
        self._room = room
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
            await self._room.region.back(self._held)
            return
        larger = await self._room.take(self._held.size + more)
        larger.view(0, self.size_bytes)[:] = self.view
        self.release()
        self._lease = larger


def too_large(limit_bytes: int) -> UploadTooLargeError:
    """The error for an upload over the limit."""
    return UploadTooLargeError(
        f"The upload is larger than the {limit_bytes} bytes that are allowed.",
        limit_bytes=limit_bytes,
    )


class UploadRoom:
    """The part of the arena that uploads share.

    Args:
        region: That part.
        most_bytes: Of one upload.
        clock: Seconds, never going back.
    """

    def __init__(
        self, region: Region, most_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.region = region
        self._limit_bytes = min(most_bytes, region.size)
        self._pace = Pace(_FIRST_UPLOADS_PER_S, clock)
        region.notify(self._given_back)

    @asynccontextmanager
    async def receive(self, declared_bytes: int | None) -> AsyncIterator[Upload]:
        """Room for an upload of at most `declared_bytes`, or of an unknown number.

        Leaving gives the room back unless it was taken over.

        Raises (on entering):
            UploadTooLargeError: More is declared than allowed.
            MemoryFullError: No room at this moment.
        """
        limit = self._limit_bytes
        if declared_bytes is not None and declared_bytes > limit:
            raise too_large(limit)
        first = min(_GROWTH_BYTES, limit) if declared_bytes is None else declared_bytes
        upload = Upload(self, await self.take(first), limit)
        try:
            yield upload
        finally:
            upload.release()

    async def take(self, size_bytes: int) -> Lease:
        """A lease whose pages exist.

        Raises:
            MemoryFullError: No room at this moment.
        """
        lease = self.region.take(size_bytes)
        if lease is None:
            raise MemoryFullError(
                f"The {self.region.size} bytes that uploads in flight share are in use; try again "
                "later.",
                # As long as an upload stays, by Little's law: those that are there now have gone.
                retry_after_s=come_back_s(self._pace.seconds_for(len(self.region.leases))),
            )
        self._pace.begin(whole=True)
        try:
            await self.region.back(lease)
        except BaseException:
            lease.release()
            raise
        return lease

    def _given_back(self) -> None:
        self._pace.took(1)
        if not self.region.leases:
            self._pace.end()
