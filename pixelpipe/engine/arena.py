"""The arena: one shared segment for the life of the server, handed out in leases.

The server owns the segment and all bookkeeping (`Arena`); workers see it through a `Window`, in
which only what their current job was granted can be touched. This is the only module that knows
`SharedMemory`.

The segment has no name for longer than it takes to make it: it is handed to workers as a
descriptor, and its memory goes with the last process that has it, whoever was killed before.
"""

import asyncio
import ctypes
import mmap
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from multiprocessing import reduction, resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Protocol

from pixelpipe.engine import pages
from pixelpipe.engine.freelist import FreeList
from pixelpipe.engine.pages import MIB, page_aligned
from pixelpipe.engine.spans import Span, Spans
from pixelpipe.errors import MemoryFullError

_SLICE_BYTES = 16 * MIB
# Takes less than a millisecond to fill with zeros.
_AT_ONCE_BYTES = MIB
_BLOCK_BYTES = 512  # of st_blocks


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
    """A part of the arena with leases of its own, so that one use cannot starve another."""

    def __init__(self, segment: SharedMemory, fd: int, start: int, size: int) -> None:
        self._segment = segment
        self._fd = fd
        self._free = FreeList(start, start + size)
        self._start = start
        self._end = start + size
        # What has no pages behind it: nobody may touch that, or it would be SIGBUS.
        self._holes = Spans([(start, self._end)])
        # What nobody has had a lease of since the last trim; what is leased now counts as well.
        self._unused = Spans([(start, self._end)])
        # Of two calls at once that find the system nearly full, one at least gets its pages.
        self._backing = asyncio.Lock()
        self._out: set[Lease] = set()
        self._on_give: list[Callable[[], None]] = []
        self.size = size

    @property
    def leases(self) -> Collection[Lease]:
        """Those that are out."""
        return self._out

    @property
    def backed_bytes(self) -> int:
        """How much of it has pages behind it."""
        return self.size - sum(end - start for start, end in self._holes)

    def notify(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever room is given back."""
        self._on_give.append(callback)

    def take(self, size_bytes: int) -> Lease | None:
        """A lease of at least `size_bytes`, not yet backed; None when there is no room."""
        size = page_aligned(size_bytes)
        offset = self._free.take(size)
        if offset is None:
            return None
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
        holes = self._holes.within(lease.offset, lease.end)
        if sum(end - start for start, end in holes) <= _AT_ONCE_BYTES:
            self._fill_at_once(holes)
            return
        async with self._backing:
            for start, end in self._holes.within(lease.offset, lease.end):
                await self._fill(start, end)

    def _fill_at_once(self, holes: Iterable[Span]) -> None:
        """In a rush of uploads, each would else wait for a thread behind all those before it."""
        for start, end in holes:
            try:
                os.posix_fallocate(self._fd, start, end - start)
            except OSError as error:
                raise _no_memory(end - start) from error
            self._holes.remove(start, end)

    async def _fill(self, start: int, end: int) -> None:
        filling = asyncio.ensure_future(
            asyncio.to_thread(os.posix_fallocate, self._fd, start, end - start)
        )
        # A caller who is cancelled leaves the pages there; they are given back some day, if known.
        filling.add_done_callback(partial(self._filled, start, end))
        try:
            await asyncio.shield(filling)
        except OSError as error:
            raise _no_memory(end - start) from error

    def _filled(self, start: int, end: int, filling: asyncio.Future[None]) -> None:
        if not filling.cancelled() and filling.exception() is None:
            self._holes.remove(start, end)

    def extend(self, lease: Lease, more: int) -> bool:
        """Lengthen the range behind `lease`, for `Lease.extend`."""
        return self._free.extend(lease.end, more)

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
        """Give back pages that were not used since the last call, but for the lowest `keep_bytes`.

        Slice by slice, for a slice cannot be leased while it is punched.
        """
        unused, self._unused = self._unused, Spans([(self._start, self._end)])
        for start, end in unused.within(self._start + keep_bytes, self._end):
            for slice_start in range(start, end, _SLICE_BYTES):
                await self._punch(slice_start, min(end, slice_start + _SLICE_BYTES))

    async def _punch(self, start: int, end: int) -> None:
        """Punch what of the range is free and has pages."""
        idle = Spans(self._free.within(start, end))
        for hole in self._holes.within(start, end):
            idle.remove(*hole)
        for span in list(idle):
            await self._punch_free(span)

    async def _punch_free(self, span: Span) -> None:
        start, end = span
        # It may have been leased while another was punched.
        if not self._free.take_range(start, end - start):
            return
        # Before it is free again: whoever gets it then has it filled.
        self._holes.add(start, end)
        try:
            await asyncio.to_thread(pages.punch_hole, self._fd, start, end - start)
        finally:
            self._free.give(start, end - start)
            self._tell()

    def _put_back(self, lease: Lease) -> None:
        self._out.remove(lease)
        self._unused.remove(lease.offset, lease.end)
        self._free.give(lease.offset, lease.size)


@dataclass(frozen=True, slots=True)
class Segment:
    """The arena's memory as a worker is given it, by its descriptor.

    Attributes:
        name: What it is called, in `/proc/<pid>/maps` for instance; it cannot be opened by that.
        size: Its length in bytes.
        fd: The descriptor; the receiver's own, to be closed by it.
    """

    name: str
    size: int
    fd: int

    def __reduce__(self) -> tuple[Callable[..., "Segment"], tuple[str, int, object]]:
        # Only while a child is started; the descriptor goes along.
        return _received, (self.name, self.size, reduction.DupFd(self.fd))


class _Sent(Protocol):
    """A descriptor on its way to another process."""

    def detach(self) -> int:
        """Take it; it is ours now."""


def _received(name: str, size: int, descriptor: _Sent) -> Segment:
    return Segment(name, size, descriptor.detach())


class Arena:
    """The owner's side: the segment and its two regions.

    Args:
        size_bytes: Length of the whole segment.
        uploads_bytes: How much of it uploads in flight may take; the rest is for work.
    """

    def __init__(self, size_bytes: int, uploads_bytes: int) -> None:
        uploads = page_aligned(uploads_bytes)
        self.size = page_aligned(size_bytes)
        # Who removes it if we are killed before its name is gone has to be there before it.
        resource_tracker.ensure_running()
        self._segment = SharedMemory(create=True, size=self.size)
        self.name = self._segment.name
        self._fd = os.open(f"/dev/shm/{self.name}", os.O_RDWR | os.O_CLOEXEC)  # noqa: S108 - the segment
        self._segment.unlink()
        self.uploads = Region(self._segment, self._fd, 0, uploads)
        self.work = Region(self._segment, self._fd, uploads, self.size - uploads)

    @property
    def segment(self) -> Segment:
        """The segment, for a `Window`."""
        return Segment(self.name, self.size, self._fd)

    @property
    def backed_bytes(self) -> int:
        """How much of it has pages behind it."""
        return os.fstat(self._fd).st_blocks * _BLOCK_BYTES

    @property
    def leases(self) -> list[Lease]:
        """All that are out."""
        return [*self.uploads.leases, *self.work.leases]

    async def trim(self, keep_bytes: int = 64 * MIB) -> None:
        """Give idle pages back to the system; each region keeps some, so that they stay warm."""
        await self.uploads.trim(keep_bytes)
        await self.work.trim(keep_bytes)

    def close(self) -> None:
        """Let go of the segment.

        Raises:
            LeaseLeakError: A lease was still out.
        """
        left = [(lease.offset, lease.size) for lease in self.leases]
        os.close(self._fd)
        self._segment.close()
        if left:
            raise LeaseLeakError(f"leases left at the end: {left}")


class Window:
    """A worker's side: the segment, closed but for what is granted.

    Attributes:
        buffer: The whole segment.
    """

    def __init__(self, segment: Segment) -> None:
        self._mapping = mmap.mmap(segment.fd, segment.size)
        self.buffer = memoryview(self._mapping)
        os.close(segment.fd)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._mapping))
        self._grants: dict[tuple[int, int], int] = {}
        pages.protect(self._address, page_aligned(segment.size), pages.NO_ACCESS)

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


def _no_memory(size_bytes: int) -> MemoryFullError:
    return MemoryFullError(
        f"The system has no {size_bytes} bytes of shared memory left; try again later."
    )


def _bytes_of(segment: SharedMemory) -> memoryview:
    view = segment.buf
    assert view is not None, "the segment is closed"
    return view
