"""Each journal and outbox there is, one after the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.journals import Stock, memory_stock, opened, opened_in_redis
from tests.redis_server import fresh_prefix, live_redis

__all__ = ["live_redis"]


@pytest_asyncio.fixture(params=["memory", "sqlite", "redis"])
async def stock(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stock]:
    if request.param == "memory":
        yield memory_stock()
        return
    if request.param == "redis":
        url = request.getfixturevalue("live_redis").url
        async with opened_in_redis(url, fresh_prefix()) as made:
            yield made
        return
    async with opened(tmp_path / "journal") as made:
        yield made
