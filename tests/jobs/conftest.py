"""The job service over each journal, with an engine that does what the test says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.jobs.house import House, open_house


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "sqlite"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, request.param) as opened:
        yield opened
