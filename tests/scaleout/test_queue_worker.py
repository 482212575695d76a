"""What a worker tells of its jobs, and how they reach their end whatever is thrown at it."""

import asyncio
import json
import math
from typing import Any

import pytest
from bullmq import Queue

from pixelpipe.errors import DamagedImageError, SourceUnavailableError
from pixelpipe.jobs.model import new_job_id
from pixelpipe.scaleout import queue_job
from pixelpipe.scaleout.queue_job import GivenUp, QueuedJob, Stop
from tests.scaleout.queues import House, soon, until


async def test_a_job_is_done_and_its_value_and_progress_are_told(house: House) -> None:
    seen: list[tuple[str, str, object, int, bool]] = []

    async def process(job: QueuedJob) -> object:
        seen.append((job.id, job.name, job.data, job.attempt, job.last_try))
        await job.progress({"event": "variant.completed", "name": "hero"})
        return {"state": "completed"}

    await house.queue.add("one", {"version": 1}, name="image")
    async with house.working(process):
        assert await house.completed("one") == '{"state":"completed"}'
    assert seen == [("one", "image", {"version": 1}, 1, False)]
    assert json.loads(await house.field("one", "progress") or "")["name"] == "hero"


async def test_as_many_jobs_as_agreed_are_done_at_a_time(house: House) -> None:
    running: set[str] = set()
    most, together = 0, asyncio.Event()

    async def process(job: QueuedJob) -> object:
        nonlocal most
        running.add(job.id)
        most = max(most, len(running))
        if len(running) == 3:
            together.set()
        await together.wait()
        running.discard(job.id)
        return None

    for number in range(7):
        await house.queue.add(f"job-{number}", {})
    async with house.working(process, concurrency=3):
        await house.completed("job-6")
    assert most == 3


async def test_what_may_go_well_is_tried_again_and_what_cannot_is_not(house: House) -> None:
    starts: list[tuple[str, bool]] = []

    async def process(job: QueuedJob) -> object:
        starts.append((job.id, job.last_try))
        if job.id == "damaged":
            raise DamagedImageError("The file ends early.")
        raise SourceUnavailableError("The URL was answered with 503.")

    added = Queue(house.place.name, {"connection": house.redis})
    await added.add("image", {}, {"jobId": "away", "attempts": 2})
    await added.add("image", {}, {"jobId": "damaged", "attempts": 2})
    async with house.working(process):
        assert await house.failed("damaged") == "damaged-image: The file ends early."
        reason = await house.failed("away")
    assert reason == "source-unavailable: The URL was answered with 503."
    assert sorted(starts) == [("away", False), ("away", True), ("damaged", False)]


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), KeyError("secret"), StopAsyncIteration()]
)
async def test_whatever_a_process_lets_out_the_worker_goes_on(
    house: House, error: BaseException
) -> None:
    starts: list[str] = []

    async def process(job: QueuedJob) -> object:
        starts.append(job.id)
        if job.id == "one":
            raise error
        return None

    added = Queue(house.place.name, {"connection": house.redis})
    await added.add("image", {}, {"jobId": "one", "attempts": 2})
    async with house.working(process):
        reason = await house.failed("one")
        await house.queue.add("two", {})
        await house.completed("two")
    assert starts == ["one", "one", "two"]
    assert reason.startswith("internal: ")
    assert json.loads(await house.field("one", "stacktrace") or "[]") == []


async def test_the_way_to_the_next_job_breaks_off_and_the_worker_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks: list[BaseException] = [asyncio.CancelledError(), TypeError("a defect"), OSError("away")]

    async def process(job: QueuedJob) -> object:
        return job.id

    async with house.working(process) as worker:
        take = worker._worker.getNextJob

        async def broken(token: str) -> Any:
            if breaks:
                raise breaks.pop()
            return await take(token)

        monkeypatch.setattr(worker._worker, "getNextJob", broken)
        await until(lambda: _is_empty(breaks))
        await house.queue.add("one", {})
        await house.completed("one")


async def _is_empty(values: list[BaseException]) -> bool:
    return not values


@pytest.mark.parametrize(
    "value", [object(), math.nan, {1: b"bytes"}], ids=["object", "nan", "bytes"]
)
async def test_a_value_that_is_no_json_fails_the_job(house: House, value: object) -> None:
    async def process(job: QueuedJob) -> object:
        del job
        return value

    added = Queue(house.place.name, {"connection": house.redis})
    await added.add("image", {}, {"jobId": "one", "attempts": 1})
    async with house.working(process):
        assert (await house.failed("one")).startswith("internal: ")


@pytest.mark.parametrize(
    ("field", "content"),
    [("data", "{"), ("data", "[" * 5000 + "]" * 5000), ("opts", "null"), ("opts", "{")],
    ids=["data", "deep", "no-options", "options"],
)
async def test_a_record_that_cannot_be_read_comes_to_an_end(
    house: House, field: str, content: str
) -> None:
    await house.queue.add("one", {})
    await house.redis.hset(house.key("one"), field, content)
    async with house.working(_returned):
        assert await house.completed("one")


async def _returned(job: QueuedJob) -> object:
    return {"id": job.id}


@pytest.mark.parametrize(
    "options", [{"backoff": {"type": "custom"}}, {"backoff": "soon"}, {"attempts": "3"}], ids=str
)
async def test_options_that_nobody_knows_do_not_keep_a_job_from_ending(
    house: House, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_job, "BACKOFF", {"type": "fixed", "delay": 1})
    attempts: list[int] = []

    async def process(job: QueuedJob) -> object:
        attempts.append(job.attempt)
        raise SourceUnavailableError("No.")

    await house.queue.add("one", {})
    kept = {"attempts": 3, "backoff": 1, **options}
    await house.redis.hset(house.key("one"), "opts", json.dumps(kept))
    async with house.working(process):
        assert await house.failed("one") == "source-unavailable: No."
    assert attempts == [1, 2, 3]


async def test_a_cancelled_job_is_left_at_once_and_not_tried_again(house: House) -> None:
    begun, stops = asyncio.Event(), list[Stop | None]()
    given_up: list[tuple[str, GivenUp]] = []

    async def process(job: QueuedJob) -> object:
        begun.set()
        try:
            return await asyncio.Event().wait()
        finally:
            stops.append(job.stop)

    async def give_up(job: QueuedJob, why: GivenUp) -> None:
        given_up.append((job.id, why))

    await house.queue.add("one", {})
    async with house.working(process, give_up=give_up):
        await soon(begun)
        await house.queue.cancel("one")
        assert await house.failed("one") == "cancelled: The job was cancelled."
        flag = house.place.cancel_key("one")
        await until(lambda: _is_gone(house, flag))
    assert stops == [Stop.CANCELLED]
    assert given_up == [("one", GivenUp.CANCELLED)]


async def _is_gone(house: House, key: str) -> bool:
    return not await house.redis.exists(key)


async def test_a_job_that_was_cancelled_while_it_waited_is_never_begun(house: House) -> None:
    starts: list[str] = []
    given_up: list[tuple[str, GivenUp]] = []

    async def process(job: QueuedJob) -> object:
        starts.append(job.id)
        return None

    async def give_up(job: QueuedJob, why: GivenUp) -> None:
        given_up.append((job.id, why))

    await house.queue.add("one", {})
    await house.queue.cancel("one")
    async with house.working(process, give_up=give_up):
        assert (await house.failed("one")).startswith("cancelled: ")
    assert not starts
    assert given_up == [("one", GivenUp.CANCELLED)]


async def test_a_job_that_had_ended_before_it_could_be_cancelled_is_completed(
    house: House,
) -> None:
    async def process(job: QueuedJob) -> object:
        return job.id

    async def give_up(job: QueuedJob, why: GivenUp) -> object:
        return [job.id, why.name]

    await house.queue.add("one", {})
    await house.queue.cancel("one")
    async with house.working(process, give_up=give_up):
        assert await house.completed("one") == '["one","CANCELLED"]'


async def test_an_end_that_cannot_be_recorded_is_recorded_later(house: House) -> None:
    tries: list[GivenUp] = []

    async def process(job: QueuedJob) -> object:
        return job.id

    async def give_up(job: QueuedJob, why: GivenUp) -> None:
        del job
        tries.append(why)
        if len(tries) == 1:
            raise OSError("the journal is away")

    await house.queue.add("one", {})
    await house.queue.cancel("one")
    async with house.working(process, give_up=give_up):
        await house.failed("one")
    assert tries == [GivenUp.CANCELLED] * 2


async def test_what_is_done_before_the_cancel_is_seen_is_done(house: House) -> None:
    begun = asyncio.Event()

    async def process(job: QueuedJob) -> object:
        begun.set()
        try:
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            return job.id

    await house.queue.add("one", {})
    async with house.working(process):
        await soon(begun)
        await house.queue.cancel("one")
        assert await house.completed("one") == '"one"'


async def test_a_job_has_the_same_id_in_the_journal_whoever_takes_it(house: House) -> None:
    ids: dict[str, list[str]] = {}

    async def process(job: QueuedJob) -> object:
        ids.setdefault(job.id, []).append(await job.journal_id())
        if job.attempt == 1 and job.name == "image":
            raise SourceUnavailableError("Not yet.")
        return None

    added = Queue(house.place.name, {"connection": house.redis})
    numbers = [(await added.add("image", {}, {"attempts": 2})).id for _ in range(2)]
    await house.queue.add("own", {})
    async with house.working(process):
        for job_id in (*numbers, "own"):
            await house.completed(job_id)
    assert ids["own"] == ["own"]
    first, second = (ids[number] for number in numbers)
    assert first[0] == first[1] != second[0] == second[1]
    assert len(first[0]) == len(new_job_id())
