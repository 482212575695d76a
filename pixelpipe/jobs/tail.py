"""The end of the journal, to which others write as well: each event is announced once, in order."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.ports import Journal

_BATCH = 500
_BATCH_BYTES = 1024 * 1024
# A notice may be lost.
_LOOK_S = 1.0
_REST_S = 0.02

_log = structlog.get_logger(__name__)


class Tail:
    """Reads what other processes have recorded, and puts what was recorded here in its place.

    Args:
        journal: What is read.
        on_events: Called with each event, once, in order.
    """

    def __init__(self, journal: Journal, on_events: Callable[[Sequence[Event]], None]) -> None:
        self._journal = journal
        self._on_events = on_events
        self._position = 0
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with what is recorded from now on.

        Raises:
            StorageFailedError: The journal cannot be read.
        """
        self._position = await self._journal.last_event_id()
        self._reading = asyncio.create_task(self._read_on())

    async def close(self) -> None:
        """Announce nothing more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def catch_up(self) -> None:
        """Announce what is in the journal by now.

        Raises:
            StorageFailedError: The journal cannot be read.
        """
        while await self._read_some():
            pass

    def look(self) -> None:
        """There is something new in the journal."""
        self._news.set()

    def hear(self, events: Sequence[Event]) -> None:
        """There is something new in the journal: these, where it is known what.

        Args:
            events: In the journal's order, and all that it has from the first of them to the last.
        """
        if not events or events[0].id > self._position + 1:
            self.look()
        elif fresh := [event for event in events if event.id > self._position]:
            self._hand_on(fresh)

    def announce(self, events: Sequence[Event]) -> None:
        """Take in what was recorded here: at once where nothing of others comes before it."""
        if events[0].id == self._position + 1:
            self._hand_on(events)
        else:
            self.look()

    def _hand_on(self, events: Sequence[Event]) -> None:
        self._position = events[-1].id
        self._on_events(events)

    async def _read_on(self) -> None:
        complained = False
        while True:
            self._news.clear()
            try:
                await self.catch_up()
            except StorageFailedError as error:
                if not complained:
                    _log.warning("what others recorded cannot be read", error=str(error))
                complained = True
            else:
                complained = False
            # Else each write of each process would be read by itself; nobody sees the difference.
            await asyncio.sleep(_REST_S)
            try:
                await asyncio.wait_for(self._news.wait(), _LOOK_S)
            except TimeoutError:
                continue

    async def _read_some(self) -> bool:
        """Whether there may be more."""
        found = await self._journal.events(self._position, None, _BATCH, _BATCH_BYTES)
        # Meanwhile some of them may have been recorded, and announced, here.
        fresh = [event for event in found if event.id > self._position]
        if fresh:
            self._hand_on(fresh)
        return bool(found)
