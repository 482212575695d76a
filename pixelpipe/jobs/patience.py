"""Trouble with the storage, met with patience."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from pixelpipe.errors import StorageFailedError, StorageFullError, StorageUnavailableError
from pixelpipe.jobs.ports import BlobStore, Digest, Space

STORE_ATTEMPTS = 3
_STORE_BACKOFF_S = 0.1
_LEAST_ROOM_BACKOFF_S = 0.5
_MOST_ROOM_BACKOFF_S = 30.0
# Nobody tells when a storage that was away is back, and to look for it costs little.
_MOST_AWAY_BACKOFF_S = 4.0

_Result = TypeVar("_Result")


async def patiently(operation: Callable[[], Awaitable[_Result]]) -> _Result:
    """Do something with the storage; trouble is tried again, with backoff and jitter.

    Raises:
        StorageFullError: At once.
        StorageFailedError: The last attempt failed as well.
    """
    for attempt in range(1, STORE_ATTEMPTS):
        try:
            return await operation()
        except StorageFullError:
            raise
        except StorageFailedError:
            most = _STORE_BACKOFF_S * 2**attempt
            await asyncio.sleep(random.uniform(most / 2, most))  # noqa: S311 - jitter
    return await operation()


async def put_patiently(blobs: BlobStore, sha256: str, content: memoryview, digest: Digest) -> bool:
    """Store a blob; see `BlobStore.put` and `patiently`."""
    return await patiently(partial(blobs.put, sha256, content, digest))


async def put_when_room(blobs: BlobStore, space: Space, sha256: str, content: memoryview) -> None:
    """Store what a worker made as `put_patiently`, and wait for as long as that cannot be done.

    The storage may have room, but not enough for this blob: attempts get rarer and rarer.
    """
    most = 2 * _LEAST_ROOM_BACKOFF_S
    while True:
        await space.room()
        try:
            await put_patiently(blobs, sha256, content, Digest.UNCHECKED)
        except StorageFullError:
            most = await _wait(most, _MOST_ROOM_BACKOFF_S)
        except StorageUnavailableError:
            most = await _wait(most, _MOST_AWAY_BACKOFF_S)
        else:
            return


async def read_patiently(blobs: BlobStore, sha256: str, target: memoryview) -> None:
    """Read a blob; see `BlobStore.read_into` and `patiently`.

    While the storage is away it is waited for: what was accepted is not failed for that.
    """
    most = 2 * _LEAST_ROOM_BACKOFF_S
    while True:
        try:
            await patiently(partial(blobs.read_into, sha256, target))
        except StorageUnavailableError:
            most = await _wait(most, _MOST_AWAY_BACKOFF_S)
        else:
            return


async def _wait(most_s: float, ever_s: float) -> float:
    """Wait for at most so long; gives what is the most for the next time."""
    most_s = min(most_s, ever_s)
    await asyncio.sleep(random.uniform(most_s / 2, most_s))  # noqa: S311 - jitter
    return 2 * most_s
