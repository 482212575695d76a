"""The arena: one shared segment for the life of the server, handed out in leases.

The server owns the segment and all bookkeeping (`Arena`); workers see it through a `Window`, in
which only what their current job was granted can be touched. This is the only module that knows
`SharedMemory`.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable, Collection, Iterable
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

from pixelpipe.engine import pages
from pixelpipe.engine.freelist import FreeList
from pixelpipe.engine.pages import MIB, page_aligned
from pixelpipe.errors import MemoryFullError

_SLICE_BYTES = 16 * MIB


class LeaseLeakError(RuntimeError):
    """Leases were still out when the arena closed; a defect."""


class Lease:
    """A page-aligned range of the arena, its holder's until it is released.

    Attributes:
        offset: Where it starts in the segment, in bytes.
        size: Its length in bytes, whole pages.
    """

    __slots__ = ("_held", "_region", "offset", "size")

    def __init__(self, region: "Region", offset: int, size: int) -> None:
        self._region = region
        self._held = True
        self.offset = offset
        self.size = size

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + self.size

    def view(self, start: int = 0, size: int | None = None) -> memoryview:
        """The bytes from `start`, `size` of them or all; writable, nothing copied."""
        size = self.size - start if size is None else size
        if not self._held or start < 0 or start + size > self.size:
            raise ValueError("outside the lease")
        return self._region.view(self.offset + start, size)

    def extend(self, more: int) -> bool:
        """Grow in place by `more` bytes (rounded up to pages), if the room behind is free."""
        more = page_aligned(more)
        if not self._region.extend(self, more):
            return False
        self.size += more
        return True

    def release(self) -> None:
        """Give the range back.

        Raises:
            ValueError: That was done already.
        """
        if not self._held:
            raise ValueError("released twice")
        self._held = False
        self._region.give(self)


class Region:
    """A part of the arena with leases of its own, so that one use cannot starve another.

    Pages below `backed_end` are really there; above it the segment is still a hole.
    """

    def __init__(self, segment: SharedMemory, fd: int, start: int, size: int) -> None:
        self._segment = segment
        self._fd = fd
        self._free = FreeList(start, start + size)
        self._start = start
        self._backed_end = start
        self._peak = start
        # A page must not be punched while another call counts on it as backed.
        self._backing = asyncio.Lock()
        self._out: set[Lease] = set()
        self._on_give: list[Callable[[], None]] = []
        self.size = size

    @property
    def leases(self) -> Collection[Lease]:
        """Those that are out."""
        return self._out

    def notify(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever room is given back."""
        self._on_give.append(callback)

    def take(self, size_bytes: int) -> Lease | None:
        """A lease of at least `size_bytes`, not yet backed; None when there is no room."""
        size = page_aligned(size_bytes)
        offset = self._free.take(size)
        if offset is None:
            return None
        self._peak = max(self._peak, offset + size)
        lease = Lease(self, offset, size)
        self._out.add(lease)
        return lease

    def take_all(self, sizes_bytes: Iterable[int]) -> list[Lease] | None:
        """A lease of each of these sizes, or None when there is no room for all of them."""
        taken: list[Lease] = []
        for size_bytes in sizes_bytes:
            lease = self.take(size_bytes)
            if lease is None:
                # Nobody hears of it: room that was there before is no news.
                for given_up in taken:
                    self._put_back(given_up)
                return None
            taken.append(lease)
        return taken

    async def back(self, lease: Lease) -> None:
        """Make sure that the lease's pages exist, so that touching them cannot be SIGBUS.

        Raises:
            MemoryFullError: /dev/shm is full.
        """
        if lease.end <= self._backed_end:
            return
        async with self._backing:
            start, more = self._backed_end, lease.end - self._backed_end
            if more <= 0:
                return
            try:
                await asyncio.to_thread(os.posix_fallocate, self._fd, start, more)
            except OSError as error:
                raise MemoryFullError(
                    f"The system has no {more} bytes of shared memory left; try again later."
                ) from error
            self._backed_end = start + more

    def extend(self, lease: Lease, more: int) -> bool:
        """Lengthen the range behind `lease`, for `Lease.extend`."""
        if not self._free.extend(lease.end, more):
            return False
        self._peak = max(self._peak, lease.end + more)
        return True

    def give(self, lease: Lease) -> None:
        """Take the range of a released lease back."""
        self._put_back(lease)
        self._tell()

    def _tell(self) -> None:
        for callback in self._on_give:
            callback()

    def view(self, offset: int, size: int) -> memoryview:
        """Bytes of the segment."""
        return _bytes_of(self._segment)[offset : offset + size]

    async def trim(self, keep_bytes: int) -> None:
        """Give pages above the highest use since the last call back, but for `keep_bytes`.

        Slice by slice, for a slice cannot be leased while it is punched.
        """
        low, self._peak = max(self._peak, self._start + keep_bytes), self._free.top
        while await self._punch_above(low):
            pass

    async def _punch_above(self, low: int) -> bool:
        """Punch the highest backed slice; whether it could be and was."""
        async with self._backing:
            end = self._backed_end
            start = max(low, end - _SLICE_BYTES)
            if start >= end or not self._free.take_range(start, end - start):
                return False
            self._backed_end = start
            try:
                await asyncio.to_thread(pages.punch_hole, self._fd, start, end - start)
            finally:
                self._free.give(start, end - start)
                self._tell()
        return True

    def _put_back(self, lease: Lease) -> None:
        self._out.remove(lease)
        self._free.give(lease.offset, lease.size)


class Arena:
    """The owner's side: the segment and its two regions.

    Args:
        size_bytes: Length of the whole segment.
        uploads_bytes: How much of it uploads in flight may take; the rest is for work.
    """

    def __init__(self, size_bytes: int, uploads_bytes: int) -> None:
        uploads = page_aligned(uploads_bytes)
        self.size = page_aligned(size_bytes)
        # It would start once the segment is there, and a kill in between leave that behind.
        resource_tracker.ensure_running()
        self._segment = SharedMemory(create=True, size=self.size)
        self._fd = os.open(f"/dev/shm/{self.name}", os.O_RDWR | os.O_CLOEXEC)  # noqa: S108 - the segment
        self.uploads = Region(self._segment, self._fd, 0, uploads)
        self.work = Region(self._segment, self._fd, uploads, self.size - uploads)

    @property
    def name(self) -> str:
        """The segment's name, for `Window`."""
        return self._segment.name

    @property
    def leases(self) -> list[Lease]:
        """All that are out."""
        return [*self.uploads.leases, *self.work.leases]

    async def trim(self, keep_bytes: int = 64 * MIB) -> None:
        """Give idle pages back to the system; each region keeps some, so that they stay warm."""
        await self.uploads.trim(keep_bytes)
        await self.work.trim(keep_bytes)

    def close(self) -> None:
        """Remove the segment.

        Raises:
            LeaseLeakError: A lease was still out.
        """
        left = [(lease.offset, lease.size) for lease in self.leases]
        os.close(self._fd)
        self._segment.unlink()
        self._segment.close()
        if left:
            raise LeaseLeakError(f"leases left at the end: {left}")


class Window:
    """A worker's side: the segment, closed but for what is granted."""

    def __init__(self, name: str) -> None:
        self._segment = SharedMemory(name)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        self._grants: dict[tuple[int, int], int] = {}
        pages.protect(self._address, page_aligned(self._segment.size), pages.NO_ACCESS)

    @property
    def buffer(self) -> memoryview:
        """The whole segment."""
        return _bytes_of(self._segment)

    def grant(self, grants: dict[tuple[int, int], int]) -> None:
        """Open exactly these ranges, `(offset, size)` to access, and close all others."""
        for span in self._grants.keys() - grants.keys():
            self._set(span, pages.NO_ACCESS)
        for span, access in grants.items():
            if self._grants.get(span) != access:
                self._set(span, access)
        self._grants = dict(grants)

    def _set(self, span: tuple[int, int], access: int) -> None:
        offset, size = span
        pages.protect(self._address + offset, page_aligned(size), access)


def _bytes_of(segment: SharedMemory) -> memoryview:
    view = segment.buf
    assert view is not None, "the segment is closed"
    return view
