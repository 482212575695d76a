"""Queues for tests, each its own."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.redis_server import LiveRedis, live_redis, own_redis
from tests.scaleout.queues import House, opened_house

__all__ = ["live_redis", "own_redis"]


@pytest_asyncio.fixture
async def house(live_redis: LiveRedis, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """An empty queue."""
    async with opened_house(live_redis, re.sub(r"\W", "-", request.node.name)) as opened:
        yield opened


@pytest_asyncio.fixture
async def own_house(own_redis: LiveRedis) -> AsyncIterator[House]:
    """An empty queue in a Redis that may go away."""
    async with opened_house(own_redis, "pixelpipe") as opened:
        yield opened
