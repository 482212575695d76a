"""The job service over each journal, with an engine that does what the test says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.jobs.house import House, open_house
from tests.jobs.town import Line, Town, open_town


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "sqlite"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, request.param) as opened:
        yield opened


@pytest.fixture
def line() -> Line:
    """The queue of the town."""
    return Line()


@pytest_asyncio.fixture
async def town(tmp_path: Path, line: Line) -> AsyncIterator[Town]:
    """A front and two nodes; a module overrides it for another town."""
    async with open_town(tmp_path, "front", "node 1", "node 2", line=line) as opened:
        yield opened
