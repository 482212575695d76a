"""What every journal shows of one tenant, and of all of them."""

from itertools import product

import pytest

from pixelpipe.jobs.model import EventType, JobState
from pixelpipe.jobs.ports import Listing
from tests.journals import Stock, at, entry, make_job, step

TENANTS = ("", "t", "tenant", "z")


async def _fill(stock: Stock) -> None:
    """Jobs 0 to 11, of each tenant in turn, a second apart; each third is running."""
    for number in range(12):
        job = make_job(f"{number:02}", tenant=TENANTS[number % 4], created_at=at(number))
        await stock.enter(job)
        if number % 3 == 0:
            job.state = JobState.RUNNING
            await stock.record(step(job))


async def test_an_event_says_whose_it_is(stock: Stock) -> None:
    (written,) = await stock.write(entry(make_job("a", tenant="x")))
    assert written is not None
    (read,) = await stock.journal.events(0, None, 10)
    assert read == written
    assert read.tenant == "x"


@pytest.mark.parametrize("tenant", [*TENANTS, "nobody"])
async def test_the_events_of_a_tenant_are_his_own(stock: Stock, tenant: str) -> None:
    await _fill(stock)
    every = await stock.journal.events(0, None, 100)
    his = [event for event in every if event.tenant == tenant]
    newest = await stock.journal.last_event_id()
    assert await stock.journal.tenant_events(tenant, range(newest + 1), 100) == his
    for start, stop in product((0, 1, 5, newest), (0, 1, 6, newest, newest + 1, newest + 9)):
        found = await stock.journal.tenant_events(tenant, range(start, stop), 100)
        assert found == [event for event in his if start <= event.id < stop]


async def test_the_events_of_a_tenant_come_in_bounded_batches(stock: Stock) -> None:
    await _fill(stock)
    ids = range(100)
    every = await stock.journal.tenant_events("t", ids, 100)
    assert len(every) == 4
    assert await stock.journal.tenant_events("t", ids, 2) == every[:2]
    sizes = [len(event.data) for event in every]
    assert await stock.journal.tenant_events("t", ids, 9, sum(sizes[:3])) == every[:3]
    assert await stock.journal.tenant_events("t", ids, 9, 1) == every[:1]


async def test_the_events_of_a_deleted_job_are_still_its_tenants(stock: Stock) -> None:
    await stock.finished(make_job("a", tenant="t"))
    await stock.journal.bury("a", at(1))
    found = await stock.journal.tenant_events("t", range(100), 10)
    assert [event.type for event in found] == [EventType.JOB_ACCEPTED, EventType.JOB_FAILED]


async def _listed(stock: Stock, **wanted: object) -> list[str]:
    listing = Listing(**{"tenant": None, **wanted})  # type: ignore[arg-type]
    return [job.id for job in await stock.journal.list(listing)]


async def test_a_list_without_a_tenant_has_the_jobs_of_all(stock: Stock) -> None:
    await _fill(stock)
    every = [f"{number:02}" for number in reversed(range(12))]
    assert await _listed(stock) == every
    assert await _listed(stock, limit=5) == every[:5]
    assert await _listed(stock, behind=(at(6), "06")) == every[6:]
    assert await _listed(stock, states=[JobState.RUNNING]) == ["09", "06", "03", "00"]
    assert await _listed(stock, created_after=at(3), created_before=at(6)) == ["05", "04"]


async def test_a_list_without_a_tenant_leaves_deleted_jobs_out(stock: Stock) -> None:
    await stock.finished(make_job("a", tenant="only"))
    await stock.enter(make_job("b", tenant="other"))
    await stock.journal.bury("a", at(1))
    assert await _listed(stock) == ["b"]


async def test_a_list_of_nobodys_jobs_is_empty(stock: Stock) -> None:
    assert await _listed(stock) == []
