"""More jobs at once than there is memory for: all of them are done, one after the other."""

import asyncio
from typing import Any

import pytest

from pixelpipe.config import MIB, Settings
from tests.photographs import photo_jpeg
from tests.serving import Client, small_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(tmp_path_factory.mktemp("data"), arena_bytes=16 * MIB)


async def test_jobs_that_have_to_wait_for_memory_are_all_done(client: Client) -> None:
    async def make(width: int) -> dict[str, Any]:
        answer = await client.post(
            "/api/jobs",
            data=photo_jpeg(width, 900),
            params={"preset": "facebook"},
            headers={"Prefer": "wait=60"},
        )
        job: dict[str, Any] = await answer.json()
        return job

    jobs = await asyncio.gather(*(make(width) for width in range(1200, 1208)))

    assert [job["state"] for job in jobs] == ["completed"] * len(jobs)
    assert [job["decodes"] for job in jobs] == [1] * len(jobs)
