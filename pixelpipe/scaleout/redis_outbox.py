"""Messages to webhooks, in the journal's Redis."""

from collections.abc import Sequence
from datetime import datetime

from pixelpipe.jobs.ports import Delivery
from pixelpipe.jobs.texts import microseconds, moment_at
from pixelpipe.scaleout.redis_layout import Script
from pixelpipe.scaleout.redis_server import RedisServer

DUE = Script(
    """
local messages = {}
for _, id in ipairs(call('ZRANGEBYSCORE', p .. 'outbox', '-inf', text(), 'LIMIT', 0, text())) do
  local message = call('HMGET', p .. 'message:' .. id, 'url', 'body', 'attempts')
  local url, body, attempts = unpack(message)
  messages[#messages + 1] = {id, url, body, attempts, call('ZSCORE', p .. 'outbox', id)}
end
return messages
""",
    "no-writes",
)
"""Messages that are due. Arguments: the moment and a limit. Gives id, url, body, attempts, due."""

NEXT_DUE = Script("return call('ZRANGE', p .. 'outbox', 0, 0, 'WITHSCORES')[2]", "no-writes")
"""When the first message is due; nothing when there is none."""

POSTPONE = Script(
    """
local id, attempts, due = text(), text(), text()
if call('EXISTS', p .. 'message:' .. id) == 0 then return end
call('HSET', p .. 'message:' .. id, 'attempts', attempts)
call('ZADD', p .. 'outbox', due, id)
"""
)
"""Make a message due later. Arguments: its id, its attempts, and when; nothing if it is gone."""

CLOSE = Script(
    """
local id = text()
call('ZREM', p .. 'outbox', id)
call('DEL', p .. 'message:' .. id)
""",
    "allow-oom",
)
"""Forget a message. Argument: its id."""


class RedisOutbox:
    """`jobs.ports.Outbox` in Redis, in that of the journal."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """Messages to be sent by now; see the port."""
        found = await self._server.run(DUE, microseconds(now), limit)
        return [
            Delivery(name.decode(), url.decode(), body, int(attempts), moment_at(int(due)))
            for name, url, body, attempts, due in found
        ]

    async def next_due_at(self) -> datetime | None:
        """When the next one is due; see the port."""
        due = await self._server.run(NEXT_DUE)
        return None if due is None else moment_at(int(due))

    async def postpone(self, delivery_id: str, attempts: int, due_at: datetime) -> None:
        """Note failed attempts; see the port."""
        await self._server.run(POSTPONE, delivery_id, attempts, microseconds(due_at))

    async def close(self, delivery_id: str) -> None:
        """Forget a message; see the port."""
        await self._server.run(CLOSE, delivery_id)
