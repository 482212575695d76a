"""What happens to a client that is good while others are not."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chaos_processes import until
from load_report import percentile

PATIENCE_S = 60.0


@dataclass(slots=True)
class GoodClient:
    """What it has seen: for each job when it asked, how that ended, and after how many seconds."""

    jobs: list[tuple[float, str, float]] = field(default_factory=list)

    async def done(self, count: int) -> None:
        """Return once it has had so many more answers."""
        wanted = len(self.jobs) + count
        assert await until(lambda: len(self.jobs) >= wanted, PATIENCE_S), self.jobs[-3:]

    def p99_s(self, *spans: tuple[float, float]) -> float:
        """Of those jobs that it asked for in these spans of time."""
        times = (took for at, _, took in self.jobs if any(a <= at < b for a, b in spans))
        return percentile(list(times), 99)


@asynccontextmanager
async def good_client(url: str) -> AsyncIterator[GoodClient]:
    """One that posts in a process of its own, until the block is left."""
    program = [sys.executable, "-m", "tests.hostile.good_client_program", url]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    client = GoodClient()
    reading = asyncio.create_task(_read(process.stdout, client))
    try:
        yield client
    finally:
        process.stdin.close()
        await asyncio.wait_for(reading, PATIENCE_S)
        assert await process.wait() == 0


async def _read(lines: asyncio.StreamReader, client: GoodClient) -> None:
    async for line in lines:
        job = json.loads(line)
        client.jobs.append((job["at"], job["ended"], job["took_s"]))
