"""A client that waits for a job, and goes away before its end."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pytest_aiohttp import AiohttpClient, AiohttpServer

from pixelpipe.config import Settings
from pixelpipe.runtime import Runtime, open_runtime
from tests.faults.fault_workers import HANG_WIDTH
from tests.http_jobs import (
    Json,
    document,
    get,
    own_photo,
    send,
    specs,
    until,
    until_making,
    until_state,
)
from tests.photographs import photo_jpeg, unlike
from tests.serving import Client, connected, small_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    changes = {"drain_timeout_s": 0.1, "cancel_on_disconnect": True, "task_deadline_s": 600}
    return small_settings(tmp_path_factory.mktemp("data"), **changes)


@pytest_asyncio.fixture(scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, "tests.faults.fault_workers:main") as opened:
        yield opened


def waiting_for(runtime: Runtime) -> dict[str, int]:
    """The jobs that requests wait for, and how many, as far as the server has noticed."""
    lives = runtime.service._runner._live
    return {job_id: live.waiters for job_id, live in lives.items() if live.waiters}


def waits(runtime: Runtime, job_id: str) -> int:
    """How many requests wait for the job."""
    return waiting_for(runtime).get(job_id, 0)


async def left_alone(runtime: Runtime, job_id: str, request: asyncio.Task[object]) -> None:
    """Return once the server has noticed that the client of `request` has gone."""
    waiting = waits(runtime, job_id)
    request.cancel()
    await until(lambda: waits(runtime, job_id) < waiting)


async def two_who_wait(client: Client, runtime: Runtime) -> tuple[str, list[asyncio.Task[object]]]:
    """A job that hangs, and two requests for it that wait."""
    photo = own_photo()
    header: Json = {"Prefer": "wait=60", "Idempotency-Key": hashlib.sha256(photo).hexdigest()}
    requests: list[asyncio.Task[object]] = []
    for waiting in (1, 2):
        requests.append(asyncio.create_task(send(client, photo, specs("hang"), **header)))
        await until(lambda: waiting in waiting_for(runtime).values())  # noqa: B023 - awaited here
    (job_id,) = waiting_for(runtime)
    await until_making(client, job_id, "hang")
    return job_id, requests


async def test_a_job_that_somebody_was_told_of_goes_on_without_who_waits(
    client: Client, runtime: Runtime
) -> None:
    photo = own_photo()
    key: Json = {"Idempotency-Key": hashlib.sha256(photo).hexdigest()}
    told = await document(await send(client, photo, specs("hang"), **key))
    await until_making(client, told["id"], "hang")
    waiting = asyncio.create_task(send(client, photo, specs("hang"), **key, Prefer="wait=60"))
    await until(lambda: waits(runtime, told["id"]) == 1)
    await left_alone(runtime, told["id"], waiting)

    assert (await get(client, told["id"]))["state"] == "running"
    assert (await client.delete(f"/api/jobs/{told['id']}")).status == 202


async def test_a_job_is_cancelled_when_the_last_who_waits_has_gone(
    client: Client, runtime: Runtime
) -> None:
    job_id, (first, second) = await two_who_wait(client, runtime)
    await left_alone(runtime, job_id, first)
    assert (await get(client, job_id))["state"] == "running"
    await left_alone(runtime, job_id, second)

    assert (await until_state(client, job_id, "cancelled"))["decodes"] == 1


async def test_by_default_a_job_goes_on_without_who_waits(
    settings: Settings,
    aiohttp_server: AiohttpServer,
    aiohttp_client: AiohttpClient,
) -> None:
    patient = small_settings(settings.data_dir.with_name("patient"), task_deadline_s=600)
    async with open_runtime(patient, "tests.faults.fault_workers:main") as opened:
        other = await connected(opened, aiohttp_server, aiohttp_client)
        job_id, requests = await two_who_wait(other, opened)
        for request in requests:
            await left_alone(opened, job_id, request)
        assert (await get(other, job_id))["state"] == "running"
        cancelled = await other.delete(f"/api/jobs/{job_id}")
        assert cancelled.status == 202


async def test_a_quad_whose_job_is_cancelled_says_so(client: Client, runtime: Runtime) -> None:
    photo = unlike(photo_jpeg(HANG_WIDTH, 200))
    asking = asyncio.create_task(client.post("/api/files", data=photo))
    await until(lambda: bool(waiting_for(runtime)))
    (job_id,) = waiting_for(runtime)
    assert (await client.delete(f"/api/jobs/{job_id}")).status == 202
    answer = await asking

    assert answer.status == 409
    assert (await answer.json())["type"] == "urn:pixelpipe:error:variant-not-ready"
