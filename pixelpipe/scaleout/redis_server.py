"""The connection to Redis: how it is made, what its errors mean, and whether it will do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis import exceptions as trouble
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pixelpipe.errors import StorageFailedError, StorageFullError, StorageUnavailableError
from pixelpipe.scaleout.redis_layout import Script

PREFIX = "{pixelpipe}"
# Longer than any read that waits for news blocks, and than any script runs.
ANSWER_S = 5.0
_CONNECT_S = 3.0
_CONNECTIONS = 32
# A connection that was idle may be found closed; the server may have been started anew just now.
_ATTEMPTS = 3
_BACKOFF_S = 0.05
_LEAST_VERSION = (7, 0)
# It cannot be written, or not be reached, but may be a little later.
_AWAY = (
    OSError,
    trouble.ConnectionError,
    trouble.TimeoutError,
    trouble.ReadOnlyError,
    trouble.MasterDownError,
    trouble.ClusterDownError,
    trouble.TryAgainError,
)
_AWAY_TOO = ("BUSY", "MISCONF", "NOREPLICAS", "UNBLOCKED")
_NO_SPACE = "No space left"

_log = structlog.get_logger(__name__)


class RedisUrlError(ValueError):
    """It is no URL of a Redis; the message shows nothing of it, for it may hold a password."""


class UnfitRedisError(Exception):
    """The server cannot hold a journal; the message says why."""


def open_pool(url: str) -> BlockingConnectionPool:
    """Connections that wait neither for ever nor too shortly, made as they are needed.

    Args:
        url: `redis://[[user]:password@]host[:port][/database]`, `rediss://` with TLS, or `unix://`.

    Raises:
        RedisUrlError: It is none of these.
    """
    try:
        options: dict[str, Any] = dict(parse_url(url))
    except ValueError:
        # What urllib says may show a part of the password.
        raise RedisUrlError(
            "the URL of Redis must be redis://host:port, rediss://host:port or unix:///path; what "
            "is special in a password is written as in a URL (%2F for a slash)"
        ) from None
    return BlockingConnectionPool(
        **options
        | {
            "max_connections": _CONNECTIONS,
            "timeout": ANSWER_S,
            # With one, redis-py sends by `asyncio.wait_for`, which in Python 3.11 may swallow that
            # the caller is cancelled. The time is up to the caller.
            "socket_timeout": None,
            "socket_connect_timeout": _CONNECT_S,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "decode_responses": False,
            "client_name": "pixelpipe",
            # redis-py would look for its own version in the file system, on the event loop.
            "driver_info": None,
        }
    )


class RedisServer:
    """A Redis, or one that speaks like it (Valkey).

    Args:
        client: Its connections; see `open_pool`.
        prefix: What all names begin with; has a hash tag in braces.
    """

    def __init__(self, client: Redis, prefix: str = PREFIX) -> None:
        self._client = client
        self._prefix = prefix

    def key(self, name: str) -> str:
        """The whole name of what is called so in `redis_layout`."""
        return f"{self._prefix}:{name}"

    async def run(self, script: Script, *arguments: str | bytes | int) -> Any:  # noqa: ANN401
        """Run a script; gives what it returns.

        It is sent again when the connection fails under it, so it may run twice: scripts are made
        so that the second time does no harm.

        Raises:
            StorageFullError: Redis may use no more memory, or has no room on its disk.
            StorageUnavailableError: It cannot be reached, is being started, or may not be written
                at this moment. Whether the script has run, or will, is not known.
            StorageFailedError: It refuses; a defect, or a wrong password.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._run(script, arguments)
            except (trouble.RedisError, OSError) as error:
                if attempt == _ATTEMPTS or not _worth_another(error):
                    raise meaning_of(error) from error
            await asyncio.sleep(_BACKOFF_S * attempt)
        raise AssertionError("the last attempt returns or raises")

    async def command(self, *words: str | bytes | int) -> Any:  # noqa: ANN401 - whatever it answers
        """Send one command, once; gives what redis-py makes of the answer.

        Raises:
            RedisError: As redis-py does.
            OSError: Likewise; TimeoutError after ANSWER_S.
        """
        send: Callable[..., Awaitable[Any]] = self._client.execute_command
        async with asyncio.timeout(ANSWER_S):
            return await send(*words)

    async def check(self) -> None:
        """See that the server is fit to hold a journal; warn of what may lose it.

        Raises:
            StorageUnavailableError: It cannot be reached.
            StorageFailedError: It refuses; a wrong password, say.
            UnfitRedisError: It is too old.
        """
        try:
            about = await self.command("INFO")
        except (trouble.RedisError, OSError) as error:
            raise meaning_of(error) from error
        version = str(about.get("redis_version", "0"))
        if tuple(int(part) for part in version.split(".")[:2]) < _LEAST_VERSION:
            least = ".".join(map(str, _LEAST_VERSION))
            raise UnfitRedisError(f"Redis is of version {version}; it must be {least} or newer")
        if not about.get("aof_enabled"):
            _log.warning("Redis keeps no log on disk: a restart loses jobs; set appendonly yes")
        policy = about.get("maxmemory_policy")
        if about.get("maxmemory") and policy != "noeviction":
            _log.warning(
                "Redis throws data away when its memory is full; set maxmemory-policy noeviction",
                policy=policy,
            )
        if about.get("role") != "master":
            _log.warning("this Redis is a replica: it cannot be written")

    async def _run(self, script: Script, arguments: tuple[str | bytes | int, ...]) -> Any:  # noqa: ANN401
        try:
            return await self.command("EVALSHA", script.sha1, 1, self._prefix, *arguments)
        except trouble.NoScriptError:
            return await self.command("EVAL", script.text, 1, self._prefix, *arguments)


@asynccontextmanager
async def open_redis(url: str, prefix: str = PREFIX) -> AsyncIterator[RedisServer]:
    """The server at `url`, which is looked for at the first call.

    Raises:
        RedisUrlError: The URL is none.
    """
    client = Redis.from_pool(open_pool(url))
    try:
        yield RedisServer(client, prefix)
    finally:
        await client.aclose()


def meaning_of(error: trouble.RedisError | OSError) -> StorageFailedError:
    """What an error of the connection or of the server means to a caller."""
    said = str(error)
    if isinstance(error, trouble.OutOfMemoryError) or _NO_SPACE in said:
        return StorageFullError("The server's journal has no room.")
    if isinstance(error, trouble.AuthenticationError):
        return StorageFailedError("The server's journal refuses the password.")
    if isinstance(error, _AWAY) or said.startswith(_AWAY_TOO):
        return StorageUnavailableError("The server's journal does not answer.")
    return StorageFailedError("The server could not read or write its journal.")


def _worth_another(error: trouble.RedisError | OSError) -> bool:
    """Whether the connection failed; what took too long would take too long again."""
    final = isinstance(error, (TimeoutError, trouble.AuthenticationError))
    return isinstance(error, (OSError, trouble.ConnectionError)) and not final
