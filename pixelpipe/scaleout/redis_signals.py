"""What nodes hear of one another: events that others recorded, and who wants what stopped.

Both are streams in Redis, read from where one was: a connection that fails loses nothing.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.exceptions import RedisError

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.model import Event
from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.scaleout.redis_layout import Script
from pixelpipe.scaleout.redis_server import RedisServer, meaning_of
from pixelpipe.scaleout.redis_texts import event_of

# Less than the connection waits for an answer: silence for longer means that it is dead.
_BLOCK_MS = 2_000
BATCH = 100
"""Of events or hits that come together."""
_BACKOFF_FIRST_S = 0.05
_BACKOFF_MOST_S = 1.0

_log = structlog.get_logger(__name__)

REQUEST_CANCEL = Script(
    """
local id = text()
local state, ended = unpack(call('HMGET', p .. 'job:' .. id, 'state', 'ended'))
if not state or ended then return 0 end
call('SADD', p .. 'cancels', id)
notify('cancel', id)
return 1
"""
)
"""Note that a job is to be stopped, and tell everybody. Argument: its id. Gives 1 if it is open."""

CANCELS = Script(
    """
local wanted = {}
for i = 1, number() do wanted[i] = call('SISMEMBER', p .. 'cancels', text()) end
return wanted
""",
    "no-writes",
)
"""Which jobs are to be stopped. Arguments: how many, and their ids. Gives 1 for each that is."""

HIT = Script("return call('XADD', p .. 'hits', 'MAXLEN', '~', 10000, '*', 'about', text())")
"""Tell those who answer of a request that was counted. Argument: whose, and by what rate."""

NOW = Script(
    """
local function newest(name)
  return (call('XREVRANGE', p .. name, '+', '-', 'COUNT', 1)[1] or {'0-0'})[1]
end
return {newest('notices'), newest('hits'), call('GET', p .. 'last-event') or '0'}
""",
    "no-writes",
)
"""The ids of the newest notice, the newest hit and the newest event."""

_KINDS = frozenset(Kind)
_Entry = tuple[bytes, dict[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Moment:
    """What was the newest.

    Attributes:
        notice: The notice's id; of those that follow it RedisSignals.notices tells.
        hit: Likewise.
        event: Likewise.
    """

    notice: str
    hit: str
    event: int


class RedisSignals:
    """Listens, and asks for jobs to be stopped.

    Args:
        server: Where.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def request_cancel(self, job_id: str) -> bool:
        """Have a job stopped, by whoever runs it now or takes it later; until it ends.

        Returns:
            Whether there is anything to stop: it is there, and has not ended.

        Raises:
            StorageFailedError: It could not be noted.
        """
        return bool(await self._server.run(REQUEST_CANCEL, job_id))

    async def hit(self, about: str) -> None:
        """Tell all who answer, this one among them, of a request that was counted.

        Raises:
            StorageFailedError: They may not hear of it.
        """
        await self._server.run(HIT, about)

    async def now(self) -> Moment:
        """Where those begin who want what is to come.

        Raises:
            StorageFailedError: It could not be found out.
        """
        notice, hit, event = await self._server.run(NOW)
        return Moment(notice.decode(), hit.decode(), int(event))

    async def events(self, after: int) -> AsyncGenerator[Sequence[Event], None]:
        """Events with ids above `after`, whoever records them, in order, as they come.

        Never ends; while Redis is away it waits for it.
        """
        async for entries in self._follow("events", f"{after}-0"):
            yield [_event(entry) for entry in entries]

    async def notices(self, after: str) -> AsyncGenerator[Notice, None]:
        """What nodes, this one among them, tell behind the notice `after`, as it comes.

        A CANCEL is only told while the job is still to be stopped. Notices are kept for an hour.
        Never ends; likewise.
        """
        async for entries in self._follow("notices", after):
            told = [notice for _, fields in entries if (notice := _notice(fields))]
            stopped = [notice.about for notice in told if notice.kind is Kind.CANCEL]
            still = await self._still_wanted(stopped) if stopped else frozenset()
            for notice in told:
                if notice.kind is not Kind.CANCEL or notice.about in still:
                    yield notice

    async def hits(self, after: str) -> AsyncGenerator[Sequence[str], None]:
        """What is told of requests behind the hit `after`, as it comes; likewise.

        Only the newest few thousand are kept.
        """
        async for entries in self._follow("hits", after):
            yield [fields[b"about"].decode() for _, fields in entries]

    async def _still_wanted(self, job_ids: Sequence[str]) -> frozenset[str]:
        wanted: Sequence[int] = await _patiently(
            lambda: self._server.run(CANCELS, len(job_ids), *job_ids)
        )
        return frozenset(job_id for job_id, yes in zip(job_ids, wanted, strict=True) if yes)

    async def _follow(self, name: str, after: str) -> AsyncGenerator[Sequence[_Entry], None]:
        key, position = self._server.key(name), after

        async def read() -> Any:  # noqa: ANN401 - as redis-py gives it
            words = ("XREAD", "COUNT", BATCH, "BLOCK", _BLOCK_MS, "STREAMS", key, position)
            return await self._server.command(*words)

        while True:
            for _, entries in await _patiently(read) or ():
                position = entries[-1][0].decode()
                yield entries


async def _patiently(read: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what it gives
    """What `read` gives, however long Redis is away."""
    backoff_s = 0.0
    while True:
        try:
            answer = await read()
        except (RedisError, OSError, StorageFailedError) as error:
            if not backoff_s:
                why = error if isinstance(error, StorageFailedError) else meaning_of(error)
                _log.warning("nothing is heard of other nodes", error=str(why))
            backoff_s = min(_BACKOFF_MOST_S, backoff_s * 2 or _BACKOFF_FIRST_S)
            await asyncio.sleep(random.uniform(backoff_s / 2, backoff_s))  # noqa: S311 - jitter
        else:
            if backoff_s:
                _log.info("other nodes are heard again")
            return answer


def _notice(fields: dict[bytes, bytes]) -> Notice | None:
    """What was told; None if it is of a kind that only a later version knows."""
    kind = fields[b"kind"].decode()
    return Notice(Kind(kind), fields[b"about"].decode()) if kind in _KINDS else None


def _event(entry: _Entry) -> Event:
    event_id, fields = entry
    names = (b"type", b"job", b"seq", b"tenant", b"data")
    return event_of([event_id, *(fields[name] for name in names)])
