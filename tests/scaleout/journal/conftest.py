"""Redis for the journal's own tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.journals import Shelf, Stock, opened_in_redis
from tests.redis_server import LiveRedis, fresh_prefix, live_redis, own_redis
from tests.scaleout.journal.wire import Wire, opened_wire

__all__ = ["live_redis", "own_redis"]


@pytest.fixture
def prefix() -> str:
    """What all nodes of a test share."""
    return fresh_prefix()


@pytest.fixture
def shelf() -> Shelf:
    """The store that all nodes of a test share."""
    return Shelf()


@pytest_asyncio.fixture
async def one(live_redis: LiveRedis, prefix: str, shelf: Shelf) -> AsyncIterator[Stock]:
    """A node."""
    async with opened_in_redis(live_redis.url, prefix, shelf, owner="one") as stock:
        yield stock


@pytest_asyncio.fixture
async def two(live_redis: LiveRedis, prefix: str, shelf: Shelf) -> AsyncIterator[Stock]:
    """Another node."""
    async with opened_in_redis(live_redis.url, prefix, shelf, owner="two") as stock:
        yield stock


@pytest_asyncio.fixture
async def wire(live_redis: LiveRedis) -> AsyncIterator[Wire]:
    """A way to Redis that can be cut."""
    async with opened_wire(live_redis.port) as opened:
        yield opened


@pytest_asyncio.fixture
async def wired(wire: Wire, prefix: str, shelf: Shelf) -> AsyncIterator[Stock]:
    """A node at the end of that way."""
    async with opened_in_redis(wire.url, prefix, shelf, owner="wired") as stock:
        yield stock
