"""A client for long runs: what it may have been told too late does not count."""

import asyncio
import time
from collections.abc import Sequence

from raw_client import Answer, RawClient

# Servers hang up on idle connections after a minute or so, and a request that meets that is lost.
_STALE_S = 5.0
_PATIENCE_S = 120.0


class SteadyClient:
    """Requests to a server of this machine, none on a connection that was idle for long.

    Args:
        port: Of the server.
    """

    def __init__(self, port: int) -> None:
        self._raw = RawClient(port, "127.0.0.1")
        self._used = time.monotonic()

    async def ask(self, request: Sequence[bytes]) -> Answer:
        """Send a request and read the answer.

        Raises:
            TimeoutError: There was none.
        """
        if time.monotonic() - self._used > _STALE_S:
            self._raw.close()
        self._used = time.monotonic()
        async with asyncio.timeout(_PATIENCE_S):
            answer = await self._raw.ask(request)
        self._used = time.monotonic()
        return answer

    async def get(self, path: str) -> Answer:
        """Ask for a path, as `ask` does."""
        return await self.ask([f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()])

    def close(self) -> None:
        """Hang up."""
        self._raw.close()
