"""`POST /api/jobs/{id}/retry`: what failed is tried again, what is there is kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import CRASH_WIDTH, HANG_WIDTH
from tests.http_jobs import (
    Json,
    begun,
    document,
    get,
    made,
    own_photo,
    picture,
    refusal,
    specs,
    story,
    until_making,
    until_state,
    variant,
)
from tests.serving import Client, small_settings

NOT_RETRYABLE = (409, "not-retryable")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(tmp_path_factory.mktemp("data"), poison_s=0, drain_timeout_s=0.1)


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, "tests.faults.fault_workers:main") as opened:
        yield opened


async def retried(client: Client, job_id: str) -> Json:
    """The job at its next end."""
    answer = await client.post(f"/api/jobs/{job_id}/retry")
    assert answer.status == 202, await answer.text()
    assert answer.headers["Location"] == f"/api/jobs/{job_id}"
    return await until_state(client, job_id, "completed", "partial", "failed")


async def test_a_partial_job_is_partial_again_and_then_keeps_what_it_has(client: Client) -> None:
    job = await made(client, own_photo(), specs("defect", "a", "b"))
    before = {name: await picture(client, job, name) for name in "ab"}
    again = await retried(client, job["id"])

    assert (job["state"], again["state"]) == ("partial", "partial")
    assert again["decodes"] == 2
    assert [variant(again, name) for name in "ab"] == [variant(job, name) for name in "ab"]
    assert {name: await picture(client, again, name) for name in "ab"} == before
    assert again["ended_at"] > job["ended_at"]
    assert len(again["failures"]) == 1


async def test_a_job_that_failed_for_a_passing_reason_is_completed(client: Client) -> None:
    job = await made(client, own_photo(), specs("segv-twice", "a"))
    again = await retried(client, job["id"])

    assert job["state"] == "partial"
    assert variant(job, "segv-twice")["strikes"] == 2
    assert again["state"] == "completed"
    assert again["failures"] == []
    assert variant(again, "segv-twice")["attempts"] == 1
    assert variant(again, "segv-twice")["strikes"] == 0
    assert variant(again, "a") == variant(job, "a")
    assert await picture(client, again, "segv-twice")


async def test_the_stream_replays_both_runs(client: Client) -> None:
    job = await made(client, own_photo(), specs("defect", "a"))
    first = await story(client, job["id"])
    await retried(client, job["id"])
    whole = await story(client, job["id"])
    rest = await story(client, job["id"], after=first[-1].id)

    assert [event.name for event in first][-1] == "job.partial"
    assert whole[: len(first)] == first
    assert whole[len(first) :] == rest
    assert [event.name for event in rest] == [
        "job.requeued",
        "job.started",
        "variant.started",
        "variant.failed",
        "job.partial",
    ]
    assert [event.data["seq"] for event in whole] == list(range(1, len(whole) + 1))
    assert rest[0].data["state"] == "queued"
    assert rest[0].data["ended_at"] is None


async def test_a_failed_job_whose_picture_is_damaged_fails_again(client: Client) -> None:
    job = await made(client, own_photo()[:-3000], specs("a", "b"))
    again = await retried(client, job["id"])

    assert (job["state"], again["state"]) == ("failed", "failed")
    assert again["failures"] == job["failures"]


async def test_a_waiting_client_gets_the_next_end(client: Client) -> None:
    job = await made(client, own_photo(), specs("defect"))
    answer = await client.post(f"/api/jobs/{job['id']}/retry", headers={"Prefer": "wait=30"})

    assert answer.status == 200
    assert (await document(answer))["ended_at"] > job["ended_at"]


async def test_a_job_that_is_not_partial_or_failed_is_not_retried(client: Client) -> None:
    done = await made(client, own_photo(), specs("a"))
    running = await begun(client, own_photo(), specs("hang"))
    await until_making(client, running["id"], "hang")
    answers = [await client.post(f"/api/jobs/{job['id']}/retry") for job in (done, running)]
    await client.delete(f"/api/jobs/{running['id']}")
    answers.append(await client.post(f"/api/jobs/{running['id']}/retry"))

    assert [await refusal(answer) for answer in answers] == [NOT_RETRYABLE] * 3
    assert (await get(client, done["id"])) == done


async def test_an_unknown_job_is_not_retried(client: Client) -> None:
    answer = await client.post("/api/jobs/AAAAAAAAAAAAAAAAAAAAAA/retry")
    assert await refusal(answer) == (404, "job-not-found")


async def test_of_many_retries_at_once_one_counts(client: Client) -> None:
    job = await made(client, own_photo(HANG_WIDTH + 1), specs("defect"))
    url = f"/api/jobs/{job['id']}/retry"
    answers = await asyncio.gather(*(client.post(url) for _ in range(10)))
    await until_state(client, job["id"], "failed")
    names = [event.name for event in await story(client, job["id"])]

    # One that comes after the end of the one before counts as well.
    accepted = sum(answer.status == 202 for answer in answers)
    assert {answer.status for answer in answers} <= {202, 409}
    assert names.count("job.requeued") == accepted >= 1
    assert names.count("job.failed") == accepted + 1


async def test_a_retry_can_be_cancelled(client: Client) -> None:
    job = await made(client, own_photo(), specs("defect", "a"))
    held = [await begun(client, own_photo(HANG_WIDTH), specs("a")) for _ in range(2)]
    for each in held:
        await until_state(client, each["id"], "running")
    await client.post(f"/api/jobs/{job['id']}/retry")
    answer = await client.delete(f"/api/jobs/{job['id']}")
    cancelled = await document(answer)
    for each in held:
        await client.delete(f"/api/jobs/{each['id']}")

    assert answer.status == 202
    assert cancelled["state"] == "cancelled"
    assert variant(cancelled, "a")["state"] == "completed"
    assert await picture(client, cancelled, "a")


async def test_a_crashed_decoder_gets_a_fresh_account(client: Client) -> None:
    job = await made(client, own_photo(CRASH_WIDTH), specs("a"))
    again = await retried(client, job["id"])

    assert job["decodes"] == 2
    assert again["decodes"] == 4
    assert again["failures"] == job["failures"]


async def test_what_another_job_made_meanwhile_is_taken(client: Client) -> None:
    photo = own_photo()
    failed = await made(client, photo, specs("defect"))
    await made(client, photo, specs("good"))
    again = await retried(client, failed["id"])

    assert again["state"] == "completed"
    assert again["decodes"] == failed["decodes"]
    assert variant(again, "defect")["cache"] == "hit"


async def test_without_its_source_nothing_is_tried_again(client: Client, runtime: Runtime) -> None:
    job = await made(client, own_photo(), specs("defect", "a"))
    runtime.storage.files.path(job["source"]["sha256"]).unlink()
    answer = await client.post(f"/api/jobs/{job['id']}/retry")

    assert await refusal(answer) == (500, "storage-failed")
    assert await get(client, job["id"]) == job
