"""Of several nodes the one that does what one does for all."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import Delivery, Outbox
from pixelpipe.scaleout.redis_layout import Script
from pixelpipe.scaleout.redis_server import RedisServer

_HELD_MS = 10_000
_RENEWED_S = 3.0

_log = structlog.get_logger(__name__)

LEAD = Script(
    """
local who, ms = text(), text()
local holder = call('GET', p .. 'leader')
if holder and holder ~= who then return 0 end
call('SET', p .. 'leader', who, 'PX', ms)
return 1
"""
)
"""Take or renew the lead. Arguments: who, and for how many milliseconds. Gives 1 if he has it."""

LEAVE = Script(
    "if call('GET', p .. 'leader') == text() then return call('DEL', p .. 'leader') end return 0"
)
"""Give the lead up. Argument: who."""


class Lead:
    """Whether this node leads; a node that falls silent is followed by another within 10 s.

    Args:
        server: Where that is settled.
    """

    def __init__(self, server: RedisServer) -> None:
        self._held = False
        self.on_gain: Callable[[], None] | None = None
        self._server = server
        self._who = secrets.token_urlsafe(16)
        self._until_s = 0.0
        self._seeking: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """Whether this node leads; one that stood still for long does not know, and does not."""
        return self._held and asyncio.get_running_loop().time() < self._until_s

    def start(self) -> None:
        """Seek the lead from now on."""
        self._seeking = asyncio.create_task(self._seek())

    async def close(self) -> None:
        """Give it up."""
        if self._seeking is not None:
            self._seeking.cancel()
            await asyncio.gather(self._seeking, return_exceptions=True)
        if self._held:
            self._held = False
            try:
                await self._server.run(LEAVE, self._who)
            except StorageFailedError as error:
                _log.info("the lead could not be given up; it ends by itself", error=str(error))

    async def _seek(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            until_s = loop.time() + _HELD_MS / 1000 - _RENEWED_S
            try:
                led = bool(await self._server.run(LEAD, self._who, _HELD_MS))
            except StorageFailedError:
                # Nobody else can have it for as long as it was given to us.
                led, until_s = self.held, self._until_s
            # Also if it was ours all along: what was due while we did not know was passed over.
            gained = led and not self.held
            self._held, self._until_s = led, until_s
            if gained and self.on_gain is not None:
                self.on_gain()
            await asyncio.sleep(_RENEWED_S)


class LedOutbox:
    """An outbox that is empty for all but the node that leads: a message is sent by one of them.

    Args:
        outbox: The messages.
        lead: Who leads.
    """

    def __init__(self, outbox: Outbox, lead: Lead) -> None:
        self._outbox = outbox
        self._lead = lead

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """Messages to be sent by now; see the port."""
        return await self._outbox.due(now, limit) if self._lead.held else []

    async def next_due_at(self) -> datetime | None:
        """When the next one is due; see the port."""
        return await self._outbox.next_due_at() if self._lead.held else None

    async def postpone(self, delivery_id: str, attempts: int, due_at: datetime) -> None:
        """Note failed attempts; see the port."""
        await self._outbox.postpone(delivery_id, attempts, due_at)

    async def close(self, delivery_id: str) -> None:
        """Forget a message; see the port."""
        await self._outbox.close(delivery_id)
