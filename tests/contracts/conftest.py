"""Each journal and outbox there is, one after the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.journals import Stock, memory_stock, opened


@pytest_asyncio.fixture(params=["memory", "sqlite"])
async def stock(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stock]:
    if request.param == "memory":
        yield memory_stock()
        return
    async with opened(tmp_path / "journal") as made:
        yield made
