"""Trouble with the storage, met with patience."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial

from pixelpipe.errors import StorageFailedError, StorageFullError
from pixelpipe.jobs.ports import BlobStore, Space

STORE_ATTEMPTS = 3
_STORE_BACKOFF_S = 0.1


async def patiently(operation: Callable[[], Awaitable[None]]) -> None:
    """Do something with the storage; trouble is tried again, with backoff and jitter.

    Raises:
        StorageFullError: At once.
        StorageFailedError: The last attempt failed as well.
    """
    for attempt in range(1, STORE_ATTEMPTS):
        try:
            await operation()
        except StorageFullError:
            raise
        except StorageFailedError:
            most = _STORE_BACKOFF_S * 2**attempt
            await asyncio.sleep(random.uniform(most / 2, most))  # noqa: S311 - jitter
        else:
            return
    await operation()


async def put_patiently(blobs: BlobStore, sha256: str, content: memoryview) -> None:
    """Store a blob; see `BlobStore.put` and `patiently`."""
    await patiently(partial(blobs.put, sha256, content))


async def put_when_room(blobs: BlobStore, space: Space, sha256: str, content: memoryview) -> None:
    """Store a blob as `put_patiently`, and wait for as long as there is no room for it."""
    while True:
        await space.room()
        try:
            await put_patiently(blobs, sha256, content)
        except StorageFullError:
            continue
        return


async def read_patiently(blobs: BlobStore, sha256: str, target: memoryview) -> None:
    """Read a blob; see `BlobStore.read_into` and `patiently`."""
    await patiently(partial(blobs.read_into, sha256, target))
