"""Jobs that want the same at the same time: one makes it, and none depends on the other."""

import asyncio

import pytest

from pixelpipe.engine.attempts import Cause
from pixelpipe.jobs.model import Cache, Job, JobState
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.submission import Caller
from tests.jobs.house import House, restarted, story_in


async def _pair(house: House) -> tuple[Job, Job]:
    """A job in the engine, and one of the same client that follows it."""
    leader = await house.submit(32)
    await house.work(leader)
    follower = await house.submit(32)
    await house.gates.settled()
    assert len(house.engine.works) == 1
    return leader, follower


async def test_a_follower_takes_over_what_its_leader_makes(house: House) -> None:
    leader, follower = await _pair(house)
    await house.finish(leader)
    await house.ended(follower)
    assert len(house.engine.made) == 1
    assert (await story_in(house, leader)).view["variants"][0]["cache"] == "miss"
    assert (await story_in(house, follower)).view["variants"][0]["cache"] == "hit"
    assert (await house.stored(follower.id)).decodes == 0


async def test_a_follower_holds_no_memory_while_it_waits(house: House) -> None:
    await _pair(house)
    assert len(house.engine.leases) == 1


@pytest.mark.parametrize("how", ["cancelled", "failed", "undecodable"])
async def test_a_follower_whose_leader_gives_up_makes_it_itself(house: House, how: str) -> None:
    leader, follower = await _pair(house)
    if how == "cancelled":
        await house.service.delete(leader.id, EVERYBODYS)
    elif how == "failed":
        work = await house.decoded(leader)
        work.start(0)
        work.fail(0)
    else:
        work = await house.work(leader)
        work.load()
        work.fail_decode()
    assert (await house.ended(leader)).state is not JobState.COMPLETED
    await house.finish(follower)
    assert (await story_in(house, follower)).view["state"] == "completed"
    await story_in(house, leader)


async def test_a_follower_whose_leader_shows_that_the_source_kills_ends_with_it(
    house: House,
) -> None:
    leader, follower = await _pair(house)
    work = await house.work(leader)
    work.load()
    for _ in range(2):
        work.lose_decode(Cause.CRASH)
    for job, problem in ((leader, "worker-crashed"), (follower, "poisoned-source")):
        assert (await house.ended(job)).state is JobState.FAILED
        (variant,) = (await story_in(house, job)).view["variants"]
        assert variant["error"]["type"].endswith(problem)


async def test_the_end_of_a_follower_does_not_touch_its_leader(house: House) -> None:
    leader, follower = await _pair(house)
    await house.service.delete(follower.id, EVERYBODYS)
    assert (await story_in(house, follower)).view["state"] == "cancelled"
    await house.finish(leader)
    assert (await story_in(house, leader)).view["state"] == "completed"


async def test_a_leader_that_is_lost_leaves_its_followers_to_themselves(house: House) -> None:
    leader = await house.submit(32)
    work = await house.decoded(leader)
    await house.gates.settled()
    journal = await asyncio.to_thread(house.another_journal)
    taken = await journal.take_over()
    assert [job.id for job in taken] == [leader.id]
    follower = await house.submit(32)
    work.start(0)
    await house.gates.settled()
    await house.finish(follower)
    assert (await story_in(house, follower)).view["state"] == "completed"
    assert not (await house.stored(leader.id)).ended


async def test_two_variants_of_one_job_that_want_the_same_are_made_once(house: House) -> None:
    job = await house.submit(32, 32, 16)
    work = await house.work(job)
    assert len(work.order.plan.tasks) == 2
    await house.finish(job)
    story = await story_in(house, job)
    assert [variant["cache"] for variant in story.view["variants"]] == ["miss", "hit", "miss"]
    assert story.view["state"] == "completed"


async def test_the_second_of_two_equal_variants_is_tried_when_the_first_failed(
    house: House,
) -> None:
    job = await house.submit(32, 32)
    work = await house.decoded(job)
    work.start(0)
    work.fail(0)
    await house.gates.settled()
    await house.finish(job)
    assert (await story_in(house, job)).view["state"] == "partial"


async def test_a_tenant_neither_follows_nor_reuses_another_one(house: House) -> None:
    ann = await house.submit(32, caller=Caller(tenant="ann"))
    bob = await house.submit(32, caller=Caller(tenant="bob"))
    await house.finish(ann)
    await house.finish(bob)
    assert len(house.engine.made) == 2
    third = await house.submit(32, caller=Caller(tenant="bob"))
    await house.ended(third)
    assert len(house.engine.made) == 2


async def test_a_job_follows_none_whose_turn_comes_later(house: House) -> None:
    await house.submit(32, priority=-5)
    urgent = await house.submit(32, priority=5)
    await house.finish(urgent)
    assert (await house.stored(urgent.id)).variants[0].cache is Cache.MISS


async def test_a_variant_that_was_being_made_at_a_crash_and_is_reused_shows_no_error(
    house: House,
) -> None:
    one = await house.submit(32, 16, caller=Caller(client="one"))
    work = await house.decoded(one)
    other = await house.submit(32, caller=Caller(client="other"))
    await house.finish(other)
    work.start(0)
    await house.gates.settled()
    await restarted(house)
    await house.finish(one)
    story = await story_in(house, one)
    assert story.view["variants"][0]["cache"] == "hit"
    assert story.view["variants"][0]["error"] is None


async def test_a_leader_of_another_client_that_waits_is_not_waited_for_but_led_around(
    house: House,
) -> None:
    """The flood of one holds nobody up; the other's own jobs still make it once."""
    mine, theirs = Caller(client="mine"), Caller(client="theirs")
    first = await house.submit(32, caller=mine)
    await house.work(first)
    others = [await house.submit(32, caller=theirs) for _ in range(2)]
    await house.work(others[0])
    await house.gates.settled()
    assert len(house.engine.works) == 2
    await house.finish(others[0])
    await house.ended(others[1])
    assert (await story_in(house, others[1])).view["variants"][0]["cache"] == "hit"
    await house.finish(first)


async def test_what_one_lead_makes_serves_the_followers_of_another(house: House) -> None:
    mine, theirs = Caller(client="mine"), Caller(client="theirs")
    leads = [await house.submit(32, caller=caller) for caller in (mine, theirs)]
    for lead in leads:
        await house.work(lead)
    follower = await house.submit(32, caller=mine)
    await house.gates.settled()
    assert len(house.engine.works) == 2
    await house.finish(leads[1])
    await house.ended(follower)
    assert (await story_in(house, follower)).view["variants"][0]["cache"] == "hit"
    await house.finish(leads[0])


async def test_a_lead_that_has_come_to_something_is_not_followed_any_more(house: House) -> None:
    """Its bytes may be gone by now; whoever comes asks the journal."""
    leads = [await house.submit(32, caller=Caller(client=name)) for name in ("a", "b")]
    for lead in leads:
        await house.work(lead)
    await house.finish(leads[1])
    makings, late = house.service._runner._makings, await house.stored(leads[1].id)
    late.client = "a"
    assert makings.claim(late, [0]) == ([0], {})
    makings.settle(late, late.variants[0], None)
    await house.finish(leads[0])
