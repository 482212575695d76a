"""Delivers what is in the outbox, at least once each, or gives it up after the last attempt."""

import asyncio
import contextlib
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import aiohttp
import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import Delivery, Outbox
from pixelpipe.jobs.views import place_links
from pixelpipe.webhooks.attempt import Outcome, Verdict, attempt
from pixelpipe.webhooks.lanes import ENOUGH, Lanes
from pixelpipe.webhooks.targets import host_of

_MIN, _HOUR = 60.0, 3600.0
SCHEDULE_S = (
    *(5.0, 5 * _MIN, 30 * _MIN, 2 * _HOUR, 5 * _HOUR),
    *(10 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
)
_JITTER = 0.1
PAUSE_S = 2.0  # after trouble with the outbox
HELD_MOST = ENOUGH + 500
CROWDED_S = 30.0
# Looked again after so long at the latest: while due messages are on their way, when the next
# one is due cannot be told; and the clock on the wall may be set.
_LOOK_SOON_S, _LOOK_LATEST_S = 1.0, 60.0

_log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Courier:
    """Sends the messages in an outbox. It alone takes messages out.

    A message leaves the outbox only once it was delivered or given up: whatever comes in between,
    it is sent again, under the same id.

    Args:
        outbox: Where they are.
        session: Calls the webhooks; see `open_session`. It is not closed here.
        keys: To sign with.
        links_root: What the links in messages are below, as `place_links` takes it.
        schedule_s: How long after each failed attempt the next one follows, give or take a tenth;
            no further attempt after the last.
        clock: The time now, in UTC.
    """

    def __init__(  # noqa: PLR0913 - the last two are for tests
        self,
        outbox: Outbox,
        session: aiohttp.ClientSession,
        keys: Sequence[bytes],
        *,
        links_root: str = "",
        schedule_s: Sequence[float] = SCHEDULE_S,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._outbox = outbox
        self._session = session
        self._keys = keys
        self._links_root = links_root
        self._schedule_s = tuple(schedule_s)
        self._clock = clock
        self._lanes = Lanes()
        self._sends: set[asyncio.Task[None]] = set()
        self._notes: dict[str, asyncio.Task[None]] = {}
        self._noted: set[str] = set()
        self._more = False
        self._look_at_s = 0.0
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()
        self._round: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what is in the outbox."""
        self._round = asyncio.create_task(self._deliver_all())

    def wake(self) -> None:
        """There is a new message in the outbox."""
        # Where many wait already, a look for each new one would read them all over again.
        self._look_in(_LOOK_SOON_S if self._lanes.plenty else 0.0)

    async def close(self) -> None:
        """Stop. What is not delivered by now stays in the outbox, to be sent at the next start."""
        self._closing.set()
        stopping = [*self._sends, *([self._round] if self._round else [])]
        for task in stopping:
            task.cancel()
        for ended in await asyncio.gather(*stopping, return_exceptions=True):
            if isinstance(ended, Exception):
                _complain("the courier met a defect", ended)
        # What was delivered a moment ago is noted, else it would be sent again.
        await asyncio.gather(*self._notes.values())

    @property
    def _held(self) -> int:
        """Messages that wait, that are on their way, and whose outcome is not written yet."""
        return len(self._lanes) + len(self._notes)

    def _look_in(self, seconds: float) -> None:
        self._look_at_s = min(self._look_at_s, asyncio.get_running_loop().time() + seconds)
        self._woken.set()

    async def _deliver_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            self._send_waiting()
            if self._held >= ENOUGH:
                self._look_at_s = max(self._look_at_s, loop.time() + _LOOK_SOON_S)
            elif loop.time() >= self._look_at_s or (self._more and not self._lanes.plenty):
                await self._look()
                self._send_waiting()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._look_at_s):
                    await self._woken.wait()

    async def _look(self) -> None:
        """Fetch what is due, and find out when to look again."""
        self._look_at_s = math.inf  # From here on, whoever wakes us has it lowered.
        self._more = False
        self._noted.clear()
        now = self._clock()
        try:
            await self._fetch(now)
            next_due_at = await self._outbox.next_due_at()
        except Exception as error:  # noqa: BLE001 - the courier must live on, whatever it was
            _complain("webhooks cannot be looked up", error)
            self._more = False
            self._look_in(PAUSE_S)
            return
        wait_s = _LOOK_LATEST_S if next_due_at is None else (next_due_at - now).total_seconds()
        self._look_in(min(wait_s, _LOOK_LATEST_S) if wait_s > 0 else _LOOK_SOON_S)

    async def _fetch(self, now: datetime) -> None:
        # Those that are held are due as well, and for longer: they are found again.
        found = await self._outbox.due(now, HELD_MOST)
        # What was noted while we looked is not as it was found.
        known = self._noted | self._notes.keys()
        fresh = [d for d in found if d.id not in known and d.id not in self._lanes]
        crowded = [d for d in fresh[: HELD_MOST - self._held] if not self._lanes.add(d)]
        full = len(found) == HELD_MOST
        self._more = full or bool(crowded)
        if full and crowded:
            # Too many for one host hide the others behind them: they step back.
            due_at = now + timedelta(seconds=CROWDED_S)
            await asyncio.gather(
                *(self._outbox.postpone(d.id, d.attempts, due_at) for d in crowded)
            )
            self._look_in(0.0)

    def _send_waiting(self) -> None:
        while (delivery := self._lanes.take()) is not None:
            task = asyncio.create_task(self._send(delivery))
            self._sends.add(task)
            task.add_done_callback(self._sends.discard)

    async def _send(self, delivery: Delivery) -> None:
        try:
            message = replace(delivery, body=place_links(delivery.body, self._links_root))
            outcome = await attempt(self._session, message, self._keys, self._clock())
        except Exception:  # noqa: BLE001 - one message must not be tried without end
            _log.exception("a webhook could not be called", message=delivery.id)
            outcome = Outcome(Verdict.FAILED, "a defect")
        finally:
            self._lanes.leave(delivery)
            self._woken.set()
        # Known by one or the other at any moment: it is not taken up a second time.
        self._notes[delivery.id] = asyncio.create_task(self._note(delivery, outcome))

    async def _note(self, delivery: Delivery, outcome: Outcome) -> None:
        attempts = delivery.attempts + 1
        over = outcome.verdict is not Verdict.FAILED or attempts > len(self._schedule_s)
        pause_s = 0.0 if over else self._delay_s(attempts, outcome)
        _report(delivery, outcome, attempts, None if over else pause_s)
        if over:
            await self._insist(partial(self._outbox.close, delivery.id))
        else:
            due_at = self._clock() + timedelta(seconds=pause_s)
            await self._insist(partial(self._outbox.postpone, delivery.id, attempts, due_at))
            self._look_in(pause_s)
        self._noted.add(delivery.id)
        del self._notes[delivery.id]

    def _delay_s(self, attempts: int, outcome: Outcome) -> float:
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret
        return max(self._schedule_s[attempts - 1] * jitter, outcome.not_before_s)

    async def _insist(self, note: Callable[[], Awaitable[None]]) -> None:
        """Write to the outbox until it is written, or until the courier is closed."""
        while True:
            try:
                await note()
            except Exception as error:  # noqa: BLE001 - as above
                _complain("a webhook's state cannot be written", error)
            else:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), PAUSE_S)
            if self._closing.is_set():
                return


def _complain(what: str, error: Exception) -> None:
    if isinstance(error, StorageFailedError):
        _log.warning(what, error=str(error))
    else:
        _log.error(what, exc_info=error)


def _report(delivery: Delivery, outcome: Outcome, attempts: int, again_in_s: float | None) -> None:
    log = _log.bind(
        message=delivery.id,
        host=host_of(delivery.url),
        attempts=attempts,
        reason=outcome.reason,
    )
    if outcome.verdict is Verdict.DELIVERED:
        log.info("webhook delivered")
    elif again_in_s is None:
        log.warning("webhook given up")
    else:
        log.info("webhook failed", again_in_s=round(again_in_s, 1))
