"""Jobs go in once, in their order, come out again, and do not stay for ever."""

import asyncio
import itertools
import json

import pytest
from bullmq import Queue

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.scaleout import queue as producer
from pixelpipe.scaleout import queue_job
from pixelpipe.scaleout.queue_job import QueuedJob
from pixelpipe.scaleout.queue_locks import Timing
from pixelpipe.scaleout.queue_place import KEEP_COMPLETED, KEEP_FAILED, TROUBLE
from pixelpipe.scaleout.queue_settling import Outcome, Settler
from tests.redis_server import LiveRedis
from tests.scaleout.queues import PATIENCE_S, House, soon


async def idle(job: QueuedJob) -> object:
    return {"id": job.id}


async def test_a_job_that_is_added_twice_is_there_once(house: House) -> None:
    await house.queue.add("one", {"version": 1, "which": "first"})
    await house.queue.add("one", {"version": 1, "which": "second"})
    assert (await house.queue.counts()).waiting == 1
    assert json.loads(await house.field("one", "data") or "") == {"version": 1, "which": "first"}


@pytest.mark.parametrize("job_id", ["", "7", "0012", "a:b", "a b", "x" * 65])
async def test_an_id_that_node_would_not_take_is_refused(house: House, job_id: str) -> None:
    with pytest.raises(ValueError, match="id of a job"):
        await house.queue.add(job_id, {})


async def test_a_waiting_job_can_be_removed(house: House) -> None:
    await house.queue.add("one", {})
    await house.queue.add("later", {}, delay_s=60)
    assert (await house.queue.counts()).delayed == 1
    assert await house.queue.remove("one")
    assert await house.queue.remove("later")
    assert await house.queue.remove("never-there")
    counts = await house.queue.counts()
    assert (counts.waiting, counts.delayed) == (0, 0)


async def test_a_job_that_a_worker_holds_cannot_be_removed(house: House) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def process(job: QueuedJob) -> object:
        begun.set()
        await go_on.wait()
        return job.id

    await house.queue.add("one", {})
    async with house.working(process):
        await soon(begun)
        assert not await house.queue.remove("one")
        assert (await house.queue.counts()).active == 1
        go_on.set()
        await house.completed("one")


async def test_an_ended_job_can_be_added_again_once_it_is_removed(house: House) -> None:
    await house.queue.add("one", {})
    async with house.working(idle):
        await house.completed("one")
        await house.queue.cancel("one")
        await house.queue.add("one", {})
        assert (await house.queue.counts()).waiting == 0
        assert await house.queue.remove("one")
        await house.queue.add("one", {})
        assert await house.completed("one") == '{"id":"one"}'


async def test_higher_priorities_go_first_and_equal_ones_in_order(house: House) -> None:
    done: list[tuple[str, int]] = []

    async def process(job: QueuedJob) -> object:
        done.append((job.id, job.priority))
        return None

    for job_id, priority in (("a", 0), ("b", -10), ("c", 10), ("d", 0), ("e", 1)):
        await house.queue.add(job_id, {}, priority=priority)
    async with house.working(process):
        await house.completed("b")
    assert done == [("c", 10), ("e", 1), ("a", 0), ("d", 0), ("b", -10)]


async def test_a_delayed_job_is_waited_for_in_fractions_of_a_second(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # BullMQ rounds up to whole seconds where it does not know the version of Redis.
    waits: list[float] = []
    async with house.working(idle) as worker:
        backend = worker._worker.backend
        wait = backend.waitForJob

        async def noted(timeout_s: float) -> object:
            waits.append(timeout_s)
            return await wait(timeout_s)

        monkeypatch.setattr(backend, "waitForJob", noted)
        async with asyncio.timeout(PATIENCE_S):
            # Who hears of a job when it is due already does not wait for it.
            for number in itertools.count():
                await house.queue.add(f"job-{number}", {}, delay_s=0.4)
                await house.completed(f"job-{number}")
                if any(wait != int(wait) for wait in waits):
                    break


async def test_no_read_that_blocks_is_broken_off(house: House) -> None:
    async with house.working(idle) as worker:
        connection = worker._worker.backend.bclient.connection_pool.connection_kwargs
        assert connection["socket_timeout"] > worker._worker.maximumBlockTimeout
        assert connection["socket_timeout"] > worker._worker.opts["drainDelay"]
        assert connection["socket_connect_timeout"]
        assert connection["health_check_interval"]


async def test_ended_jobs_stay_by_age_and_count(house: House) -> None:
    await house.queue.add("one", {})
    options = json.loads(await house.field("one", "opts") or "")
    assert options["removeOnComplete"] == KEEP_COMPLETED
    assert options["removeOnFail"] == KEEP_FAILED
    assert KEEP_COMPLETED.keys() == KEEP_FAILED.keys() == {"age", "count"}


async def test_ended_jobs_of_other_programs_do_not_stay_for_ever_either(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_job, "KEEP_COMPLETED", {"age": 3600, "count": 2})
    monkeypatch.setattr(queue_job, "KEEP_FAILED", {"age": 3600, "count": 1})

    async def process(job: QueuedJob) -> object:
        if job.name == "bad":
            raise RuntimeError
        return None

    added = Queue(house.place.name, {"connection": house.redis})
    async with house.working(process):
        for number in range(4):
            await added.add("good", {}, {"jobId": f"good-{number}"})
            await added.add("bad", {}, {"jobId": f"bad-{number}", "attempts": 1})
        await house.failed("bad-3")
        await house.completed("good-3")
    counts = await house.queue.counts()
    assert (counts.completed, counts.failed) == (2, 1)
    assert not await house.redis.exists(house.key("good-0"), house.key("bad-0"))


async def test_adding_fails_while_redis_is_away_and_goes_on_when_it_is_back(
    own_house: House, own_redis: LiveRedis
) -> None:
    await own_house.queue.add("before", {})
    own_redis.stop()
    with pytest.raises(StorageUnavailableError, match="queue cannot be reached") as caught:
        await own_house.queue.add("meanwhile", {})
    assert caught.value.retryable
    assert caught.value.status == 503
    own_redis.start()
    await own_house.queue.add("meanwhile", {})
    assert (await own_house.queue.counts()).waiting == 2


async def test_adding_fails_when_redis_does_not_answer(
    own_house: House, own_redis: LiveRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_house.queue.add("before", {})
    own_redis.freeze()
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(producer, "_CALL_S", 0.2)
            async with asyncio.timeout(4):
                with pytest.raises(StorageUnavailableError):
                    await own_house.queue.add("meanwhile", {})
    finally:
        own_redis.thaw()
    await own_house.queue.add("meanwhile", {})


async def test_what_is_done_while_redis_is_away_is_told_when_it_is_back(
    own_house: House, own_redis: LiveRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, failed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    settle = Settler.settle

    async def noted(settler: Settler, job: QueuedJob, outcome: Outcome) -> None:
        try:
            await settle(settler, job, outcome)
        except TROUBLE:
            failed.set()
            raise

    monkeypatch.setattr(Settler, "settle", noted)
    # = asyncio.Event(), asyncio.Event()
    starts: list[str] = []

    async def process(job: QueuedJob) -> object:
        starts.append(job.id)
        begun.set()
        await go_on.wait()
        await job.progress({"lost": True})
        return "done"

    await own_house.queue.add("one", {})
    # Its lock is expired by the time that Redis is back.
    timing = Timing(lock_s=0.2, renew_every_s=0.05, lost_every_s=0.1, look_every_s=30)
    async with own_house.working(process, timing=timing):
        await soon(begun)
        own_redis.stop()
        go_on.set()
        await soon(failed)
        own_redis.start()
        assert await own_house.completed("one") == '"done"'
        # The worker itself goes on as well.
        await own_house.queue.add("two", {})
        await own_house.completed("two")
    assert starts == ["one", "two"]
