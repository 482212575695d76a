"""What the kernel does with pages: protection, holes. Linux, through the C library."""

import ctypes
import mmap
import os

PAGE_BYTES = mmap.PAGESIZE
MIB = 1024 * 1024

NO_ACCESS = 0
READ = mmap.PROT_READ
READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def page_aligned(size_bytes: int) -> int:
    """`size_bytes` rounded up to whole pages, at least one."""
    return max(1, -(-size_bytes // PAGE_BYTES)) * PAGE_BYTES


def protect(address: int, size_bytes: int, access: int) -> None:
    """Set the protection of whole pages (mprotect(2)).

    Raises:
        OSError: The kernel refused.
    """
    if _libc.mprotect(address, size_bytes, access):
        raise _last_error("mprotect")


def punch_hole(fd: int, offset: int, size_bytes: int) -> None:
    """Give the pages of a file's range back to the system; it reads as zeros (fallocate(2)).

    Raises:
        OSError: The kernel refused.
    """
    if _libc.fallocate(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, size_bytes):
        raise _last_error("fallocate")


def _last_error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
