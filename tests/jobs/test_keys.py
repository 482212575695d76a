"""One `Idempotency-Key`, one job, whatever comes at the same time."""

import asyncio

import pytest

from pixelpipe.errors import JobGoneError, KeyReusedError
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.submission import Caller
from tests.jobs.house import FORGET, House, key_of, source_of, story_in


def _there(house: House, sha256: str) -> bool:
    return house.blobs.path(sha256).exists()


async def test_fifty_at_once_with_one_key_get_one_job(house: House) -> None:
    key = key_of("k")
    jobs = await asyncio.gather(*(house.submit(32, 16, key=key) for _ in range(50)))
    assert len({job.id for job in jobs}) == 1
    await house.finish(jobs[0])
    events = await house.journal.events(0, None, 1000)
    assert [event.job_id for event in events] == [jobs[0].id] * len(events)
    assert not house.engine.leases
    await house.look_after()
    assert _there(house, source_of(0))
    await story_in(house, jobs[0])


async def test_a_key_that_came_with_another_request_at_the_same_time_is_refused(
    house: House,
) -> None:
    one, other = key_of("k", "one"), key_of("k", "other")
    outcomes = await asyncio.gather(
        house.submit(32, key=one), house.submit(16, key=other), return_exceptions=True
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert sorted(kind.__name__ for kind in kinds) == ["Job", "KeyReusedError"]
    with pytest.raises(KeyReusedError):
        await house.submit(16, key=key_of("k", "third"))


async def test_a_key_of_a_deleted_job_is_gone_and_free_again_once_it_is_forgotten(
    house: House,
) -> None:
    key = key_of("k")
    job = await house.submit(32, key=key)
    await house.finish(job)
    await house.service.delete(job.id, EVERYBODYS)
    with pytest.raises(JobGoneError):
        await house.submit(32, key=key)
    await house.look_after(FORGET)
    assert (await house.submit(32, key=key)).id != job.id


async def test_the_same_key_of_another_tenant_is_another_key(house: House) -> None:
    ann = await house.submit(32, caller=Caller(tenant="ann"), key=key_of("k", tenant="ann"))
    bob = await house.submit(32, caller=Caller(tenant="bob"), key=key_of("k", tenant="bob"))
    assert ann.id != bob.id
