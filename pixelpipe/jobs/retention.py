"""What goes: ended jobs after a while, or when they take too much room, and then their blobs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.stores import Stores

TOMBSTONE_S = 600.0
# Longer is for ever; the calendar would run out of years.
_LONGEST_S = 50 * 365 * 86_400.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionLimits:
    """How long and how much.

    Attributes:
        retention_s: Ended jobs are kept for so long.
        storage_bytes: All blobs together; past it the oldest ended jobs go.
        every_s: How often that is looked after.
        tombstone_s: Deleted jobs are remembered for so long.
    """

    retention_s: float
    storage_bytes: int
    every_s: float
    tombstone_s: float = TOMBSTONE_S


class Retention:
    """Removes what nobody needs any more, over and over.

    Args:
        stores: What is kept.
        limits: How long and how much.
        live: Whether the job of this id is under way; these are never removed. It is asked in
            the journal's thread, and must not wait.
        sweeps_only: Whether another process sees to jobs that are old or too many; what is left
            are blobs that were stored here in vain.
    """

    def __init__(
        self,
        stores: Stores,
        limits: RetentionLimits,
        live: Callable[[str], bool],
        *,
        sweeps_only: bool = False,
    ) -> None:
        self._stores = stores
        self._limits = limits
        self._live = live
        every = (self._expire, self._evict, self._sweep)
        self._steps = every[2:] if sweeps_only else every
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._look_after())

    def soon(self) -> None:
        """Something was deleted: its blobs need not wait for the next round."""
        self._wanted.set()

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look_after(self) -> None:
        """One round; each step is tried although another failed, for the sweep is what makes room.

        Raises:
            StorageFailedError: The journal could not be written.
        """
        removed: dict[str, int] = {}
        failure: Exception | None = None
        for step in self._steps:
            try:
                removed[step.__name__.removeprefix("_")] = await step()
            except Exception as error:  # noqa: BLE001 - raised once all were tried
                # A defect tells more than the disk does.
                if failure is None or isinstance(failure, StorageFailedError):
                    failure = error
        if any(removed.values()):
            _log.info("removed", **removed)
        if failure is not None:
            raise failure

    async def _expire(self) -> int:
        now = datetime.now(UTC)
        return await self._stores.journal.expire(
            ended_before=now - _span(self._limits.retention_s),
            deleted_before=now - _span(self._limits.tombstone_s),
            keep=self._job_in_use,
        )

    async def _evict(self) -> int:
        return await self._stores.journal.evict(self._limits.storage_bytes, self._job_in_use)

    async def _sweep(self) -> int:
        stores, kept = self._stores, set[str]()
        suspects = frozenset(stores.suspects)

        def keep(sha256: str) -> bool:
            if not stores.in_use.reads(sha256):
                return False
            kept.add(sha256)
            return True

        # What becomes one while the sweep runs, perhaps again, is for the next.
        stores.suspects.clear()
        left = suspects
        try:
            swept = await stores.journal.sweep(suspects, keep)
            left = suspects & kept  # Nobody may read it any more, but it was passed over.
        finally:
            stores.suspects.update(left)
        return swept

    def _job_in_use(self, job_id: str) -> bool:
        return self._live(job_id) or self._stores.in_use.reads(job_id)

    async def _look_after(self) -> None:
        while True:
            self._wanted.clear()
            try:
                await self.look_after()
            except StorageFailedError as error:
                _log.warning("nothing could be removed", error=str(error))
            except Exception:  # noqa: BLE001 - without us the disk fills up; the next round is due
                _log.exception("what is old could not be looked after")
            try:
                await asyncio.wait_for(self._wanted.wait(), self._limits.every_s)
            except TimeoutError:
                continue


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=min(seconds, _LONGEST_S))
