"""How the journal in Redis forgets: jobs in portions, blobs one by one."""

import secrets
from collections.abc import Callable, Collection

from pixelpipe.jobs.ports import Keep
from pixelpipe.scaleout.redis_forget_scripts import MARK, OVER, REMOVE, UNMARK
from pixelpipe.scaleout.redis_server import RedisServer
from pixelpipe.scaleout.redis_writing import Store

_PORTION = 50
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
        found = [job_id.decode() for job_id in await _over(server, name, bound, passed_over)]
        goners = [job_id for job_id in found if not keep(job_id)]
        passed_over += len(found) - len(goners)
        count, enough = await server.run(REMOVE, limit, len(goners), *goners)
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
    # Suspects that some job referred to once are left to the second round: none counts twice.
    later, token = frozenset(suspects), secrets.token_urlsafe(8)
    removed = passed_over = 0
    while found := await _over(server, "unused", bound, passed_over):
        for sha256 in map(bytes.decode, found):
            gone = sha256 not in later and await _remove_blob(server, store, (sha256, token), keep)
            removed += gone
            passed_over += not gone
    for sha256 in sorted(later):
        removed += await _remove_blob(server, store, (sha256, token), keep)
    return removed


async def _over(server: RedisServer, name: str, bound: str, passed_over: int) -> list[bytes]:
    found: list[bytes] = await server.run(OVER, name, bound, passed_over, _PORTION)
    return found


async def _remove_blob(
    server: RedisServer, store: Store, mark: tuple[str, str], keep: Callable[[str], bool]
) -> bool:
    """Remove a blob unless it is in use or referred to; `mark` is its digest and who removes it."""
    sha256, _ = mark
    if not await server.run(MARK, *mark):
        return False
    if keep(sha256):
        await server.run(UNMARK, *mark, "kept")
        return False
    outcome = "unsure"
    try:
        await store.remove(sha256)
        outcome = "removed"
    finally:
        await server.run(UNMARK, *mark, outcome)
    return True
