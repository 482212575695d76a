"""Whatever is done, the journal in Redis shows what the plain one in memory does."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import pytest

from pixelpipe.jobs.model import Blob, Event, Job, JobState, TaskState
from pixelpipe.jobs.ports import Listing
from pixelpipe.jobs.records import Entry, Key, Outcome, Poison
from pixelpipe.scaleout.redis_server import RedisServer, open_redis
from tests.journals import (
    SOURCE,
    Stock,
    at,
    end,
    entry,
    finish,
    make_job,
    memory_stock,
    redis_stock,
    requeue,
    step,
)
from tests.redis_server import LiveRedis

TENANTS = ("one", "two")
BLOBS = [Blob(f"blob {number}", 10 + number) for number in range(6)]
STEPS = 120

_Deed = Callable[[Stock], Awaitable[Any]]


@dataclass
class _Play:
    """The same done to both, at random.

    Attributes:
        stocks: The two journals.
        choose: What is done next.
        jobs: As those who run them know them.
    """

    stocks: tuple[Stock, ...]
    choose: random.Random
    jobs: dict[str, Job] = field(default_factory=dict)
    second: int = 0

    async def both(self, do: _Deed) -> Any:
        """Do it to both, which have to answer alike."""
        first, second = [_plain(await do(stock)) for stock in self.stocks]
        assert first == second
        return first

    async def turn(self) -> None:
        """Something happens."""
        self.second += 1
        turns = [self.enter, self.go_on, self.go_on, self.finish, self.finish, self.again]
        turns += [self.claim, self.bury, self.forget, self.batch]
        await self.choose.choice(turns)()

    async def enter(self) -> None:
        """A new job, perhaps with a key or an id that another has."""
        await self.both(self.write(self.new()))

    def new(self) -> Entry:
        """Its record."""
        job_id = f"job {self.choose.randrange(self.second + 1)}"
        made = random.Random(job_id)  # What never changes of a job: an id may come again.
        job = make_job(
            job_id,
            *("large", "small", "other")[: made.randint(1, 3)],
            tenant=made.choice(TENANTS),
            created_at=at(made.randrange(5)),
            webhook=made.choice([None, "https://example.org"]),
        )
        name = self.choose.choice([None, f"key {self.choose.randrange(9)}"])
        self.jobs.setdefault(job_id, job)
        return entry(job, Key(job.tenant, name, job_id) if name else None)

    def any_job(self) -> Job:
        """One that may be there."""
        return self.choose.choice([*self.jobs.values(), make_job("nobody's")])

    async def go_on(self) -> None:
        """Something happens to a job."""
        job = self.any_job()
        if not job.ended:
            job.state = JobState.RUNNING
            index = self.choose.randrange(len(job.variants))
            job.variants[index].state = TaskState.RUNNING
            await self.both(self.write(step(job, index)))

    async def finish(self) -> None:
        """A job ends, with some variants made."""
        job = self.any_job()
        if not job.ended:
            for variant in job.variants:
                made = self.choose.random() < 0.7
                finish(variant, self.choose.choice(BLOBS) if made else None)
            await self.both(self.write(end(job, self.choose.randrange(50))))

    async def again(self) -> None:
        """What failed of a job is tried again."""
        job = self.any_job()
        if job.state in {JobState.PARTIAL, JobState.FAILED}:
            await self.both(self.write(requeue(job)))

    async def claim(self) -> None:
        """Somebody takes a job."""
        job, epoch = self.any_job(), self.choose.randrange(3)
        ended = self.choose.random() < 0.5
        if await self.both(lambda stock: stock.journal.claim(job.id, epoch, ended=ended)):
            job.epoch = epoch + 1

    async def bury(self) -> None:
        """A job is deleted."""
        job = self.any_job()
        await self.both(lambda stock: stock.journal.bury(job.id, at(self.second)))

    async def forget(self) -> None:
        """What is old goes, or what takes too much room; and what nobody needs."""
        kept = {job_id for job_id in self.jobs if self.choose.random() < 0.3}
        limit, before = self.choose.randrange(400), at(self.choose.randrange(60))
        evicting = self.choose.random() < 0.3
        if evicting:
            await self.both(lambda stock: stock.journal.evict(limit, kept.__contains__))
        await self.both(
            lambda stock: stock.journal.expire(
                ended_before=at(5), deleted_before=before, keep=kept.__contains__
            )
        )
        suspects = [blob.sha256 for blob in BLOBS if self.choose.random() < 0.3]
        await self.both(lambda stock: stock.journal.sweep(suspects, kept.__contains__))
        assert self.stocks[0].shelf.digests == self.stocks[1].shelf.digests
        for stock in self.stocks:
            stock.shelf.put(SOURCE.sha256, *(blob.sha256 for blob in BLOBS[:4]))

    async def batch(self) -> None:
        """Several things at once."""
        poison = Poison(f"bad {self.choose.randrange(3)}", at(self.second), at(self.second + 9))
        running = [step(job) for job in [*self.jobs.values()][:3] if not job.ended]
        await self.both(self.write(poison, self.new(), *running, self.new()))

    def write(self, *records: Entry) -> _Deed:
        """Write them."""
        return lambda stock: stock.write(*records)

    async def compare(self) -> None:
        """All that can be seen."""
        newest: int = await self.both(lambda stock: stock.journal.last_event_id())
        await self.both(lambda stock: stock.journal.events(0, None, 10_000))
        await self.both(lambda stock: stock.journal.events(newest // 2, [*self.jobs], 10, 900))
        await self.both(lambda stock: stock.journal.poisons())
        await self.both(_due)
        for job_id in self.jobs:
            await self.both(_get(job_id))
        for tenant in TENANTS:
            await self.both(_events_for(tenant, range(newest)))
            for number in range(9):
                await self.both(_keyed(tenant, f"key {number}"))
        for states in ((), (JobState.QUEUED,), (JobState.FAILED, JobState.PARTIAL)):
            for tenant_or_none in (None, *TENANTS):
                listing = Listing(
                    tenant=tenant_or_none, states=states, created_after=at(0), behind=(at(3), "k")
                )
                await self.both(_list(listing))


async def _due(stock: Stock) -> object:
    """Messages that are due at the same moment come in any order."""
    due = await stock.outbox.due(at(999), 1000)
    assert [each.due_at for each in due] == sorted(each.due_at for each in due)
    return sorted(due, key=attrgetter("id"))


def _get(job_id: str) -> _Deed:
    return lambda stock: stock.journal.get(job_id)


def _events_for(tenant: str, ids: range) -> _Deed:
    return lambda stock: stock.journal.tenant_events(tenant, ids, 20)


def _keyed(tenant: str, name: str) -> _Deed:
    return lambda stock: stock.journal.keyed(tenant, name)


def _list(listing: Listing) -> _Deed:
    return lambda stock: stock.journal.list(listing)


def _plain(answer: object) -> object:
    """An answer that can be compared: refusals are by what they say."""
    if isinstance(answer, Exception):
        return type(answer), answer.args
    if isinstance(answer, list | tuple):
        return [_plain(each) for each in answer]
    return answer


@pytest.mark.parametrize("seed", range(6))
async def test_the_same_is_seen_of_both(live_redis: LiveRedis, prefix: str, seed: int) -> None:
    async with open_redis(live_redis.url, prefix) as server:
        stocks = memory_stock(), redis_stock(server)
        play = _Play(stocks, random.Random(seed))
        for stock in stocks:
            stock.shelf.put(*(blob.sha256 for blob in BLOBS[:4]))
        for _ in range(STEPS):
            await play.turn()
        await play.compare()


async def _everything_goes(stock: Stock) -> None:
    for job_id in await stock.ids():
        job = await stock.get(job_id)
        if not job.ended:
            await stock.record(end(job))
        await stock.journal.bury(job_id, at(0))
    await stock.journal.expire(ended_before=at(999), deleted_before=at(999), keep=lambda _: False)
    await stock.journal.sweep([], lambda _: False)
    for delivery in await stock.outbox.due(at(999), 1000):
        await stock.outbox.close(delivery.id)


async def _left(server: RedisServer, prefix: str) -> set[str]:
    keys = [key.decode() for key in await server.command("KEYS", f"{prefix}*")]
    return {key.removeprefix(f"{prefix}:").partition(":")[0] for key in keys}


async def test_nothing_of_what_is_over_is_left(live_redis: LiveRedis, prefix: str) -> None:
    async with open_redis(live_redis.url, prefix) as server:
        stock = redis_stock(server)
        play = _Play((stock, memory_stock()), random.Random(7))
        for each in play.stocks:
            each.shelf.put(*(blob.sha256 for blob in BLOBS[:4]))
        for _ in range(STEPS):
            await play.turn()
        await _everything_goes(stock)
        left = await _left(server, prefix)
        forever = {"last-event", "referenced-bytes", "removals", "removed", "notices", "session"}
        assert left - forever <= {"events", "poisons-since", "poisons-until"}
        assert await server.command("XLEN", server.key("events")) == 0
        assert await server.command("GET", server.key("referenced-bytes")) == b"0"
        refused: list[Outcome] = [*await stock.write(step(replace(make_job("a"), epoch=0)))]
        assert not isinstance(refused[0], Event)
