"""The writer of one node: its writes one after the other, each of them recorded once."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog
from pydantic_core import from_json

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.jobs.consequences import references
from pixelpipe.jobs.model import Blob, Event
from pixelpipe.jobs.records import MOST_POISONS, Entry, Outcome, Record, RefusedError
from pixelpipe.scaleout.redis_batch import Argument, arguments_of, outcome_of
from pixelpipe.scaleout.redis_read_scripts import COUNTERS
from pixelpipe.scaleout.redis_server import RedisServer
from pixelpipe.scaleout.redis_write_scripts import SESSION_KEPT_S, SETTLE, WITHDRAW, WRITE

# Jobs whose blobs are known to be referred to, so that they are not looked for again.
_JOBS_KNOWN = 2_000
# While a sweep removes a blob, who wants it waits: so often, for so long.
_LOOKS = 40
_LOOK_S = 0.05
# A write may come to Redis so much later than it was sent.
_LATE_S = 60.0
_NOTHING: frozenset[str] = frozenset()

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A write that may have been recorded or not, for its answer did not come."""

    number: int
    records: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What WRITE says.

    Attributes:
        again: Nothing was recorded: blobs were removed, so many by now, or one is just now.
        outcomes: What came of each record.
        forgot: Whether Redis has lost an earlier write.
    """

    again: int | None = None
    outcomes: Sequence[Sequence[str]] = ()
    forgot: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """What is asked of the store of blobs.

    Attributes:
        present: Which of these blobs are there, as whoever put or saw one last knows, or as the
            store says.
        remove: Removes a blob; on return it is gone, or was not there.
        doubt: Called when others may have removed what was put or seen so far: from now on only
            what is put or seen later is sure to be there.
    """

    present: Callable[[Collection[Blob]], Awaitable[Sequence[bool]]]
    remove: Callable[[str], Awaitable[None]]
    doubt: Callable[[], None] = lambda: None


class RedisWriter:
    """Brings steps into the journal in Redis.

    Args:
        server: Where.
        store: Asked for the blobs that steps refer to.
        owner: Whose new jobs are; of all that write, only this one may be called so.
    """

    def __init__(self, server: RedisServer, store: Store, owner: str) -> None:
        self._server = server
        self._store = store
        self._owner = owner
        self._turn = asyncio.Lock()
        self._number = 0
        self._sent_s = -math.inf
        self._unsettled: _Sent | None = None
        self._removals: int | None = None
        self._last_id = 0
        self._held: OrderedDict[str, set[str]] = OrderedDict()

    async def write(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        """Record steps; see `Journal.write`."""
        if not records:
            return []
        async with self._turn:
            known = await self._settle(records)
            fresh = [record for record in records if id(record) not in known]
            outcomes = iter(await self._record(fresh) if fresh else ())
        return [known[id(each)] if id(each) in known else next(outcomes) for each in records]

    async def _settle(self, again: Sequence[Entry]) -> Mapping[int, Outcome]:
        """What came of those that were sent before, without an answer, if they were recorded.

        New jobs among them that do not come again were refused to whoever sent them.
        """
        sent = self._unsettled
        if sent is None:
            return {}
        reply = await self._server.run(SETTLE, self._owner, sent.number)
        said = _Answer(**from_json(reply)).outcomes if reply else ()
        wanted = {id(record) for record in again}
        outcomes = self._outcomes(sent.records, said)
        orphans = [
            record
            for record in sent.records
            if isinstance(record, Record)
            and record.new
            and id(record) not in wanted
            # Who has sent a key comes back with it, and may have been told of the job by now.
            and record.key is None
        ]
        if said and orphans:
            about = [part for each in orphans for part in (each.job.id, each.job.epoch)]
            await self._server.run(WITHDRAW, len(orphans), *about)
        self._unsettled = None
        return {id(record): each for record, each in zip(sent.records, outcomes, strict=False)}

    async def _record(self, records: Sequence[Entry]) -> Sequence[Outcome]:
        """Record them for the first time."""
        blobs = self._unknown(records)
        arguments = arguments_of(records, self._owner)
        for _ in range(_LOOKS):
            if self._removals is None:
                await self._learn()
            answer = await self._send(records, await self._looked_for(blobs), arguments)
            if answer.again is None:
                return self._outcomes(records, answer.outcomes)
            await asyncio.sleep(_LOOK_S if answer.again == self._removals else 0)
            self._removals = None
        raise StorageUnavailableError("A blob is being removed for too long.")

    async def _learn(self) -> None:
        """How many blobs were removed so far; what is looked for from now on is there after it."""
        last_id, removals = await self._server.run(COUNTERS)
        self._last_id = max(self._last_id, int(last_id))
        self._removals = int(removals)
        self._store.doubt()

    async def _send(
        self, records: Sequence[Entry], found: Mapping[str, bool], arguments: list[Argument]
    ) -> _Answer:
        number = self._number + 1
        looked_for = [part for sha256, there in found.items() for part in (sha256, int(there))]
        assert self._removals is not None
        # From here on it may be recorded, whatever becomes of us.
        self._number, self._unsettled = number, _Sent(number, records)
        # Who was idle for longer is forgotten, and nothing is lost by that.
        remembered = time.monotonic() - self._sent_s < SESSION_KEPT_S - _LATE_S
        self._sent_s = time.monotonic()
        reply = await self._server.run(
            WRITE,
            self._owner,
            number,
            self._last_id,
            self._removals,
            MOST_POISONS,
            len(found),
            *looked_for,
            *arguments,
        )
        self._unsettled = None
        answer = _Answer(**from_json(reply))
        if answer.again is not None:
            self._number -= 1
        if answer.forgot and remembered:
            _log.error("Redis has lost steps that it had recorded: it was restarted, or emptied")
        return answer

    async def _looked_for(self, blobs: Collection[Blob]) -> Mapping[str, bool]:
        """Which of the blobs are in the store, by digest."""
        found = await self._store.present(blobs) if blobs else ()
        return dict(zip((blob.sha256 for blob in blobs), found, strict=True))

    def _unknown(self, records: Sequence[Entry]) -> Collection[Blob]:
        """The blobs that some of the jobs may not refer to yet."""
        unknown: dict[str, Blob] = {}
        for record in records:
            if isinstance(record, Record):
                held = _NOTHING if record.new else self._held.get(record.job.id, _NOTHING)
                blobs = references(record)
                unknown |= {sha: blob for sha, blob in blobs.items() if sha not in held}
        return unknown.values()

    def _outcomes(
        self, records: Sequence[Entry], said: Sequence[Sequence[str]]
    ) -> Sequence[Outcome]:
        """What is said of the records; of none of them if nothing is."""
        outcomes = []
        for record, about in zip(records, said, strict=bool(said)):
            outcomes.append(outcome_of(record, about))
            self._remember(record, outcomes[-1])
        return outcomes

    def _remember(self, record: Entry, outcome: Outcome) -> None:
        """Keep in mind what the job refers to by now."""
        if isinstance(outcome, Event):
            self._last_id = max(self._last_id, outcome.id)
        if not isinstance(record, Record):
            return
        if isinstance(outcome, RefusedError):
            self._held.pop(record.job.id, None)
            return
        self._held.setdefault(record.job.id, set()).update(references(record))
        self._held.move_to_end(record.job.id)
        if len(self._held) > _JOBS_KNOWN:
            self._held.popitem(last=False)
