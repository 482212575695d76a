"""Whether the object storage is there, is ours, and what time it is there.

A journal that did not know the blobs would take all of them for such as nobody refers to, and
remove them. So an object says whose they are, by an id that is kept with the journal; whoever finds
another one there keeps away. To read it is also the cheapest way to know that the store answers.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import structlog
from obstore.exceptions import AlreadyExistsError

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.scaleout.objects_place import NotThereError, ObjectStorageError, Place

OWNER = "owner"
_CLOCK = "clock"
_SET_ANEW_S = 600.0
_LOOK_S, _LOOK_IN_TROUBLE_S = 5.0, 0.5
_PATIENCE_S = 4.0

_log = structlog.get_logger(__name__)


class StoreClock:
    """How long ago something was, as the store's own clock has it.

    Machines do not agree on the time; what the store is given now tells what it takes for now.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._ahead_s = 0.0
        self._set_at: float | None = None

    async def age_s(self, last_modified: datetime) -> float:
        """Seconds since then; the store may leave off fractions, so it is less by up to 1 s.

        Raises:
            StorageUnavailableError: The store could not be asked.
        """
        if self._set_at is None or time.monotonic() - self._set_at > _SET_ANEW_S:
            await self._set()
        return time.time() + self._ahead_s - last_modified.timestamp()

    async def _set(self) -> None:
        with self._place.asked():
            before = time.time()
            await self._place.quick.put_async(_CLOCK, b"what time it is", use_multipart=False)
            found = await self._place.quick.head_async(_CLOCK)
        # Never further ahead than the store: what is young must not be taken for old.
        self._ahead_s = found["last_modified"].timestamp() - before - 1.0
        self._set_at = time.monotonic()


class Watch:
    """Looks at the store from time to time.

    Args:
        place: Where.
        owner: The id of the journal whose blobs are there.
    """

    def __init__(self, place: Place, owner: str) -> None:
        self._place = place
        self._owner = owner
        self._task: asyncio.Task[None] | None = None
        self._away = False
        self._looked_at = 0.0
        self._ours = asyncio.Event()

    async def start(self) -> None:
        """Look for the first time, and go on with it.

        Raises:
            ObjectStorageError: The blobs there are another journal's.
        """
        # It may come up later than we do; nothing is accepted until then.
        with suppress(StorageUnavailableError):
            await self._look()
        self._task = asyncio.create_task(self._look_after())

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ours(self) -> None:
        """Return once the blobs there are known to be ours."""
        await self._ours.wait()

    def require(self) -> None:
        """Refuse while the store is known to be away: to ask would only take longer.

        Raises:
            StorageUnavailableError: It is.
        """
        if self.trouble is not None:
            raise self._place.away(self.trouble)

    @property
    def trouble(self) -> str | None:
        """Why the last look found nothing; one request that fails says little."""
        return (self._place.trouble or "no answer") if self._away else None

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_IN_TROUBLE_S)
            if self._place.trouble is None and time.monotonic() < self._looked_at + _LOOK_S:
                continue
            try:
                await self._look()
            except StorageUnavailableError:
                continue  # It was noted, and logged once.
            except ObjectStorageError as error:
                _log.error("the object storage cannot be used", error=str(error))
                await asyncio.sleep(_LOOK_S)
            except Exception:  # noqa: BLE001 - a defect; without us nobody sees it come back
                _log.exception("the object storage could not be looked at")

    async def _look(self) -> None:
        try:
            await self._look_once()
        except (StorageUnavailableError, ObjectStorageError):
            self._away = True
            raise
        finally:
            self._looked_at = time.monotonic()
        self._away = False

    async def _look_once(self) -> None:
        owner = await self._bounded(self._claimed if not self._ours.is_set() else self._found)
        if owner != self._owner:
            self._place.away("it is another journal's")
            raise ObjectStorageError(
                f"the blobs in {self._place.shown} belong to another journal, which its object "
                f"{OWNER!r} names: use another prefix; or, to have this journal take them over, "
                "and remove those that it does not know, remove that object"
            )
        self._ours.set()
        self._place.there()

    async def _bounded(self, ask: Callable[[], Awaitable[str]]) -> str:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await ask()
        except TimeoutError:
            raise self._place.away("no answer") from None
        except NotThereError:
            self._ours.clear()  # Somebody has removed it; it is made again.
            raise self._place.away("it was emptied") from None

    async def _claimed(self) -> str:
        """Whose it is, ours if it was nobody's."""
        try:
            with self._place.asked(conditional=True):
                await self._place.quick.put_async(
                    OWNER, self._owner.encode(), mode="create", use_multipart=False
                )
        except AlreadyExistsError:
            return await self._found()
        return self._owner

    async def _found(self) -> str:
        with self._place.asked():
            found = await self._place.quick.get_async(OWNER)
            content = await found.bytes_async()
        return bytes(content).decode(errors="replace")
