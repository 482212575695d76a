"""How objects go, and how those are found that nobody knows of.

The journal decides, in a transaction, and only notes here what may go: to ask a store there would
keep every writer waiting. What it noted is looked at soon after, and removed, many in one request,
if the store itself says that it is older than the grace. That guards what other processes do at
the same time, who know nothing of our notes:

- Who stores a blob that is there already renews it if it is older than half of the grace, and
  refers to it within a quarter of it (`Presence.holds` knows it for no longer; after that it is
  stored, and so renewed, again). So when a journal finds no reference, any that is about to come is
  to a blob younger than three quarters of the grace.
- What the journal said is acted upon within an eighth of the grace. A blob that is older than the
  grace then was older than seven eighths when the journal spoke: no reference to it can have been
  on its way.
- What is younger waits until it is old enough, and the journal is asked again.

Between the look at an object's age and its removal somebody may still renew it. Our own process
puts nothing while it goes (`Presence.removing`); where there are others, `objects_turns` keeps them
away, and its age is looked at once more then.

An end between the journal's word and the removal, or between storing and the first reference,
leaves an object that nobody knows of. So at the start all objects are listed, slowly and beside the
work, and the journal is asked about them like about all others.
"""

import asyncio
import heapq
import re
import secrets
import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.scaleout.objects_place import NotThereError, Place
from pixelpipe.scaleout.objects_presence import Presence
from pixelpipe.scaleout.objects_turns import Turns
from pixelpipe.scaleout.objects_watch import StoreClock

ROOT = "blobs"
_TOGETHER = 1000
_ASKED_AT_ONCE = 16
_GATHER_S = 0.5
_PAUSE_S = 0.5
_AGAIN_S = 30.0
# The store may leave off fractions of a second.
_SLACK_S = 2.0
_KEY = re.compile(rf"{ROOT}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}})")

_log = structlog.get_logger(__name__)


def key_of(sha256: str) -> str:
    """What a blob's object is called; in a folder of files it would lie at the same place."""
    return f"{ROOT}/{sha256[:2]}/{sha256}"


class Removal:
    """Removes what may go.

    Args:
        place: Where.
        presence: Has the notes of what may go.
        clock: Tells ages.
        turns: Keep other processes from storing what goes.
        grace_s: Nothing goes that was stored or renewed within this time.
    """

    def __init__(
        self, place: Place, presence: Presence, clock: StoreClock, turns: Turns, grace_s: float
    ) -> None:
        self._place = place
        self._presence = presence
        self._clock = clock
        self._turns = turns
        self._grace_s = grace_s
        self._asking = asyncio.Semaphore(_ASKED_AT_ONCE)
        self._noted = asyncio.Event()
        self._later: list[tuple[float, str]] = []
        self._due = asyncio.Event()
        self._listed = ""

    def note(self) -> None:
        """There is something that may go."""
        self._noted.set()

    async def run(self) -> None:
        """Remove, for ever."""
        while True:
            await self._noted.wait()
            await asyncio.sleep(_GATHER_S)
            self._noted.clear()
            while doomed := self._presence.doomed(_TOGETHER):
                await self._look_through(doomed)

    async def suspects(self, *, everything: bool) -> AsyncGenerator[Collection[str], None]:
        """Digests of objects that a journal has to be asked about; for ever.

        Args:
            everything: Whether to begin with all that there are. Else, and after that, they are
                those that were too young to go when it was last asked.
        """
        while everything:
            try:
                async for found in self._all():
                    yield found
                break
            except StorageFailedError as error:
                _log.warning("objects could not be listed", error=str(error))
            except Exception:  # noqa: BLE001 - a defect, as above
                _log.exception("objects could not be listed")
            await asyncio.sleep(_AGAIN_S)
        while True:
            await self._wait_for_due()
            now, due = time.monotonic(), set()
            while self._later and self._later[0][0] <= now:
                due.add(heapq.heappop(self._later)[1])
            if due:
                yield due

    async def _look_through(self, doomed: Sequence[str]) -> None:
        try:
            ages = await asyncio.gather(*(self._age_s(sha256) for sha256 in doomed))
            old = [s for s, age_s in zip(doomed, ages, strict=True) if age_s > self._oldest_s]
            await self._remove(old)
        except StorageFailedError as error:
            _log.warning("objects could not be removed", error=str(error))
            self._ask_again(doomed, _AGAIN_S)
        except Exception:  # noqa: BLE001 - a defect; without us the store fills up
            _log.exception("objects could not be removed")
            self._ask_again(doomed, _AGAIN_S)
        else:
            for sha256, age_s in zip(doomed, ages, strict=True):
                # Of those that are not there nothing is to be asked.
                if age_s <= self._oldest_s:
                    self._ask_again([sha256], self._oldest_s - age_s)
        # What was stored meanwhile is no longer among them; what is left may not go now.
        self._presence.spare(doomed)

    @property
    def _oldest_s(self) -> float:
        return self._grace_s + _SLACK_S

    async def _age_s(self, sha256: str) -> float:
        async with self._asking:
            try:
                with self._place.asked():
                    found = await self._place.store.head_async(key_of(sha256))
            except NotThereError:
                return float("inf")
            return await self._clock.age_s(found["last_modified"])

    async def _remove(self, old: Collection[str]) -> None:
        with self._presence.removing(old) as chosen, self._turns.removing(chosen) as free:
            going = await self._still_old(free) if self._turns.others else free
            keys = [key_of(sha256) for sha256 in going]
            try:
                with self._place.asked():
                    await self._place.store.delete_async(keys)
            except NotThereError:
                # Some stores mind, and leave the others.
                await asyncio.gather(*map(self._remove_one, keys))
        if going:
            _log.info("objects were removed", objects=len(going))

    async def _still_old(self, sha256s: Sequence[str]) -> Sequence[str]:
        ages = await asyncio.gather(*map(self._age_s, sha256s))
        return [s for s, age_s in zip(sha256s, ages, strict=True) if age_s > self._oldest_s]

    async def _remove_one(self, key: str) -> None:
        async with self._asking:
            try:
                with self._place.asked():
                    await self._place.store.delete_async(key)
            except NotThereError:
                return

    def _ask_again(self, sha256s: Collection[str], after_s: float) -> None:
        for sha256 in sha256s:
            heapq.heappush(self._later, (time.monotonic() + after_s, sha256))
        self._due.set()

    async def _wait_for_due(self) -> None:
        """Return when the first is due, or another one came."""
        self._due.clear()
        wait_s = self._later[0][0] - time.monotonic() if self._later else None
        try:
            await asyncio.wait_for(self._due.wait(), wait_s)
        except TimeoutError:
            return

    async def old(self) -> AsyncGenerator[Collection[str], None]:
        """Digests of all that are old enough to go, beginning anywhere; some come twice."""
        begin = key_of(secrets.token_hex(32))
        async for page in self._pages(begin):
            yield [sha256 for sha256, age_s in page.items() if age_s > self._oldest_s]
        async for page in self._pages(None):
            yield [sha256 for sha256, age_s in page.items() if age_s > self._oldest_s]
            if any(key_of(sha256) > begin for sha256 in page):
                return

    async def _all(self) -> AsyncGenerator[Collection[str], None]:
        """Digests of all that are old enough to go, from where it was broken off."""
        async for page in self._pages(self._listed or None):
            old = {sha256 for sha256, age_s in page.items() if age_s > self._oldest_s}
            for sha256 in page.keys() - old:
                self._ask_again([sha256], self._oldest_s - page[sha256])
            yield old
            self._listed = max(map(key_of, page), default=self._listed)

    async def _pages(self, behind: str | None) -> AsyncGenerator[Mapping[str, float], None]:
        """The age of each blob, by digest, a page at a time and in order."""
        pages = self._place.store.list(ROOT, offset=behind, chunk_size=_TOGETHER)
        while True:
            try:
                with self._place.asked():
                    found = await anext(pages)
            except StopAsyncIteration:  # A default for anext() comes to nothing here.
                return
            matches = [(_KEY.fullmatch(each["path"]), each["last_modified"]) for each in found]
            yield {
                match[2]: await self._clock.age_s(last_modified)
                for match, last_modified in matches
                if match
            }
            await asyncio.sleep(_PAUSE_S)
