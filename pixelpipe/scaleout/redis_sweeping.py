"""How the journal in Redis forgets: jobs in portions, blobs some at a time."""

import asyncio
import secrets
import time
from collections.abc import Collection, Iterable
from itertools import islice

from pixelpipe.jobs.ports import Keep
from pixelpipe.scaleout.redis_forget_scripts import MARK, OVER, REMOVE, UNKNOWN, UNMARK, UNSURE
from pixelpipe.scaleout.redis_server import RedisServer
from pixelpipe.scaleout.redis_writing import Store

_PORTION = 50
_AT_ONCE = 8
_ASKED_TOGETHER = 1000
_BEGUN_WITHIN_S = 5.0
_ANY_BYTES = -1


async def remove_jobs(
    server: RedisServer, name: str, bound: str, limit_bytes: int | None, keep: Keep
) -> int:
    """Remove jobs, the first first, but for those in use.

    Args:
        server: Where.
        name: Which: those in `ended` or in `deleted`.
        bound: Only those before this moment, as of ZRANGE.
        limit_bytes: Only until all blobs fit; None for all of them.
        keep: Whether the job of this id is in use.

    Returns:
        How many.
    """
    removed = passed_over = 0
    limit = _ANY_BYTES if limit_bytes is None else limit_bytes
    while True:
        found = await _over(server, name, bound, passed_over)
        goners = [(job_id, since) for job_id, since in found if not keep(job_id.decode())]
        passed_over += len(found) - len(goners)
        about = [part for goner in goners for part in goner]
        count, enough = await server.run(REMOVE, limit, name, len(goners), *about)
        removed += count
        # Those that others removed meanwhile, or that were taken up again, are passed over as well.
        if enough or len(found) < _PORTION:
            return int(removed)


async def sweep(
    server: RedisServer, store: Store, suspects: Collection[str], bound: str, keep: Keep
) -> int:
    """Remove blobs that no job refers to; see `Journal.sweep`.

    Args:
        server: Where.
        store: What is removed from.
        suspects: Digests of blobs that may be there although no job ever referred to them.
        bound: Of the others only those that none refers to since this moment, as of ZRANGE.
        keep: Whether the blob of this digest is in use.

    Returns:
        How many.
    """
    sweep_of = _Sweep(server, store, keep)
    # Suspects that some job referred to once are left to the second round: none counts twice.
    later = frozenset(suspects)
    removed = passed_over = 0
    while found := await _over(server, "unused", bound, passed_over):
        unused = (sha256.decode() for sha256, _ in found)
        gone = await sweep_of.remove(sha256 for sha256 in unused if sha256 not in later)
        removed += gone
        passed_over += len(found) - gone
    unsure = {sha256.decode() for sha256 in await server.run(UNSURE)}
    return removed + await sweep_of.remove(sorted(later | unsure))


async def unknown(server: RedisServer, sha256s: Collection[str]) -> Collection[str]:
    """Those of the blobs that are in the store and that no job refers to, nor did lately."""
    left, found = iter(sha256s), list[bytes]()
    while portion := list(islice(left, _ASKED_TOGETHER)):
        found += await server.run(UNKNOWN, len(portion), *portion)
    return [sha256.decode() for sha256 in found]


async def _over(
    server: RedisServer, name: str, bound: str, passed_over: int
) -> list[tuple[bytes, bytes]]:
    """Some of them, each with its moment."""
    found: list[bytes] = await server.run(OVER, name, bound, passed_over, _PORTION)
    return list(zip(found[::2], found[1::2], strict=True))


class _Sweep:
    """Removes blobs, some at a time, unless they are in use or referred to.

    No job comes to refer to what is marked. A mark outlives us by its lease, and a removal has to
    be over by then, whatever it meets: who has stood still since he marked leaves the blob alone.
    """

    def __init__(self, server: RedisServer, store: Store, keep: Keep) -> None:
        self._server = server
        self._store = store
        self._keep = keep
        self._token = secrets.token_urlsafe(8)

    async def remove(self, sha256s: Iterable[str]) -> int:
        """Remove those that may go; gives how many did.

        Raises:
            StorageFailedError: Of some that is not known. They stay marked, and are swept again.
        """
        left, removed = iter(sha256s), 0
        while together := list(islice(left, _AT_ONCE)):
            done = await asyncio.gather(*map(self._remove, together), return_exceptions=True)
            for each in done:
                if isinstance(each, BaseException):
                    raise each
                removed += each
        return removed

    async def _remove(self, sha256: str) -> bool:
        began_s = time.monotonic()
        if not await self._server.run(MARK, sha256, self._token):
            return False
        if self._keep(sha256) or time.monotonic() - began_s > _BEGUN_WITHIN_S:
            await self._server.run(UNMARK, sha256, self._token, "kept")
            return False
        await self._store.remove(sha256)
        await self._server.run(UNMARK, sha256, self._token, "removed")
        return True
