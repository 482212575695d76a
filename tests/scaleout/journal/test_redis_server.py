"""How Redis is reached, and whether it will do."""

import asyncio

import pytest
from pydantic import ValidationError
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from pixelpipe.config import Settings
from pixelpipe.errors import StorageFailedError, StorageFullError, StorageUnavailableError
from pixelpipe.scaleout.redis_server import (
    RedisServer,
    RedisUrlError,
    UnfitRedisError,
    meaning_of,
    open_pool,
    open_redis,
)
from pixelpipe.sites import redis_url
from tests.redis_server import PASSWORD, LiveRedis


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, None),
        ({"REDIS_PORT": "6380"}, None),
        ({"REDIS_HOST": "redis"}, "redis://redis:6379"),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "6380"}, "redis://redis:6380"),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "tcp://10.0.0.1:6379"}, "redis://redis:6379"),
        ({"REDIS_HOST": "::1", "REDIS_PORT": "1"}, "redis://[::1]:1"),
        ({"REDIS_HOST": "redis", "PIXELPIPE_REDIS_HOST": "own"}, "redis://own:6379"),
        ({"REDIS_HOST": "redis", "PIXELPIPE_REDIS_URL": "unix:///run/r"}, "unix:///run/r"),
    ],
)
def test_the_environment_says_where_redis_is(
    variables: dict[str, str], url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings().redis == url


@pytest.mark.parametrize("port", ["six", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PORT", port)
    with pytest.raises(ValidationError):
        Settings()


def test_a_password_comes_through_as_it_is() -> None:
    url = redis_url("redis", 6379, PASSWORD)
    assert url
    options = open_pool(url).connection_kwargs
    assert (options["password"], options["host"], options["port"]) == (PASSWORD, "redis", 6379)


@pytest.mark.parametrize(
    "url",
    ["", "http://redis", "redis://:geheim/x@redis", "redis://redis:geheim", "redis://[geheim"],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(RedisUrlError) as refused:
        open_pool(url)
    assert "geheim" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_what_the_journal_relies_on_cannot_be_changed_by_the_url() -> None:
    pool = open_pool("redis://redis?decode_responses=1&socket_timeout=0.001&protocol=3&db=2")
    options = pool.connection_kwargs
    assert options["decode_responses"] is False
    assert (options["socket_timeout"], options["protocol"], options["db"]) == (None, 2, 2)


async def _complaints(server: RedisServer) -> str:
    with capture_logs() as logs:
        await server.check()
    return "; ".join(f"{log['log_level']}: {log['event']}" for log in logs)


async def test_a_server_that_keeps_everything_is_not_complained_of(live_redis: LiveRedis) -> None:
    async with open_redis(live_redis.url) as server:
        assert await _complaints(server) == ""


async def test_a_server_that_may_lose_something_is_complained_of(own_redis: LiveRedis) -> None:
    async with open_redis(own_redis.url) as server:
        await server.command("CONFIG", "SET", "appendonly", "no")
        await server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        await server.command("CONFIG", "SET", "maxmemory", "1gb")
        said = await _complaints(server)
        assert "set appendonly yes" in said
        assert "set maxmemory-policy noeviction" in said
        assert "replica" not in said
        await server.command("REPLICAOF", "127.0.0.1", 1)
        assert "warning: this Redis is a replica" in await _complaints(server)
        await server.command("REPLICAOF", "NO", "ONE")


async def test_a_server_that_is_too_old_is_refused(
    live_redis: LiveRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def info(*_: object) -> dict[str, object]:
        return {"redis_version": "6.2.14", "aof_enabled": 1, "role": "master"}

    async with open_redis(live_redis.url) as server:
        monkeypatch.setattr(RedisServer, "command", info)
        with pytest.raises(UnfitRedisError, match=r"6\.2\.14.*7\.0"):
            await server.check()


async def test_a_cancellation_ends_a_call_at_whatever_moment_it_comes(
    live_redis: LiveRedis,
) -> None:
    for turns in range(12):
        async with open_redis(live_redis.url) as server:
            began = asyncio.Event()

            async def call(server: RedisServer, began: asyncio.Event) -> None:
                await server.command("PING")
                began.set()
                await server.command("XREAD", "BLOCK", 4000, "STREAMS", "nothing", "0-0")

            calling = asyncio.create_task(call(server, began))
            await began.wait()
            for _ in range(turns):
                await asyncio.sleep(0)
            calling.cancel()
            await asyncio.wait({calling}, timeout=2)  # Less than it would block.
            assert calling.cancelled()


async def test_a_server_that_is_not_there_is_away() -> None:
    async with open_redis("redis://127.0.0.1:1") as server:
        with pytest.raises(StorageUnavailableError):
            await server.check()


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("BUSY Redis is busy running a script", StorageUnavailableError),
        ("MISCONF Errors writing to the AOF file: Input/output error", StorageUnavailableError),
        ("MISCONF Errors writing to the AOF file: No space left on device", StorageFullError),
        ("WRONGTYPE Operation against a key", StorageFailedError),
    ],
)
def test_what_redis_says_has_a_meaning(said: str, meaning: type[StorageFailedError]) -> None:
    assert type(meaning_of(ResponseError(said))) is meaning
