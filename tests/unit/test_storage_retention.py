"""Looking after what is old: readers that come in between, immense limits, defects."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from pixelpipe.jobs.model import Job
from pixelpipe.jobs.reach import EVERYBODYS
from pixelpipe.jobs.retention import Retention
from tests.jobs.house import FORGET, KEEP, House, open_house

DEADLINE_S = 10


@pytest_asyncio.fixture(params=["memory", "sqlite"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, request.param) as opened:
        yield opened


async def _made(house: House) -> Job:
    job = await house.submit(32)
    await house.finish(job)
    return await house.service.get(job.id, EVERYBODYS)


def _there(house: House, job: Job) -> bool:
    (variant,) = job.variants
    assert variant.blob
    return house.holds(variant.blob)


async def test_a_reader_who_begins_while_a_sweep_runs_keeps_what_is_deleted_then(
    house: House,
) -> None:
    job = await _made(house)
    house.gates.closed = {"sweep in"}
    sweeping = asyncio.create_task(house.look_after())
    await house.gates.arrival("sweep in")  # It has been decided to sweep, and nothing is gone yet.
    with house.service.reading(job):
        await house.service.delete(job.id, EVERYBODYS)
        house.gates.open()
        await sweeping
        assert await asyncio.to_thread(_there, house, job)
    await house.look_after()
    assert not await asyncio.to_thread(_there, house, job)


async def test_a_job_whose_reading_begins_before_its_turn_to_expire_stays(house: House) -> None:
    job = await _made(house)
    house.gates.closed = {"expire in"}
    removing = asyncio.create_task(house.look_after(FORGET))
    await house.gates.arrival("expire in")
    with house.service.reading(job):
        house.gates.open()
        await removing
        assert await house.journal.get(job.id)
    await house.look_after(FORGET)
    assert not await house.journal.get(job.id)


async def test_a_suspect_that_is_read_during_the_sweep_is_swept_by_a_later_one(
    house: House,
) -> None:
    job = await _made(house)
    await house.service.delete(job.id, EVERYBODYS)
    await house.look_after()
    await house.gates.settled()  # The service itself looks after what was deleted, too.
    (variant,) = job.variants
    assert variant.blob
    path = house.blobs.path(variant.blob.sha256)
    await asyncio.to_thread(path.write_bytes, b"x" * variant.blob.size_bytes)
    suspects = house.service._stores.suspects
    suspects.add(variant.blob.sha256)
    house.gates.closed = {"sweep out"}
    with house.service.reading(job):
        sweeping = asyncio.create_task(house.look_after())
        await house.gates.arrival("sweep out")
    house.gates.open()  # The reader has gone; that the blob was passed over is not forgotten.
    await sweeping
    assert suspects == {variant.blob.sha256}
    await house.look_after()
    assert not await asyncio.to_thread(_there, house, job)
    assert not suspects


@pytest.mark.parametrize("forever_s", [1e11, 1e300, float("inf")])
async def test_jobs_may_be_kept_for_ever(house: House, forever_s: float) -> None:
    job = await _made(house)
    limits = replace(KEEP, retention_s=forever_s, tombstone_s=forever_s)
    await house.look_after(limits)
    assert await house.journal.get(job.id)


async def test_a_defect_ends_neither_the_round_nor_those_to_come(house: House) -> None:
    job = await _made(house)
    await house.service.delete(job.id, EVERYBODYS)
    # No time is so long ago.
    limits = replace(KEEP, retention_s=float("nan"), every_s=0.01)
    retention = Retention(house.service._stores, limits, house.service._retention._live)
    with capture_logs() as logs:
        retention.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                while (told := _told(logs)) < 2:  # noqa: ASYNC110 - nobody tells of a log line
                    await asyncio.sleep(0.001)
        finally:
            await retention.close()
    assert told == 2
    assert not await asyncio.to_thread(_there, house, job)


def _told(logs: Sequence[Any]) -> int:
    """How often a defect was told, where it is."""
    event = "what is old could not be looked after"
    return sum(line["event"] == event and line["exc_info"] for line in logs)
