"""Every hostile file to a real server, beside a client whose photographs are good.

Each costs its sender one clean answer and nobody else anything: no crash, no hung worker, no
memory that stays taken, nothing that the other client would notice.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import ClientSession, ClientTimeout

from chaos_processes import memory_bytes, until
from pixelpipe.config import MIB
from tests.hostile.all_kinds import KINDS
from tests.hostile.good_client import PATIENCE_S, good_client
from tests.hostile.kind import Kind
from tests.hostile.sender import Ending, through_a_job, through_transform
from tests.processes import descendants
from tests.serving import LiveServer

DEADLINE_S = 1.0
SERVICE_S = 2.0
ROUNDS = 20
WARM_UP, QUIET = 30, 150
# Below this a p99 is the machine's, not the server's.
LEAST_P99_S = 0.05
P99_FACTOR = 3
# A machine that others use as well stands still now and then, and a worker with it: that is tried
# again, and not seen from outside. No other death is allowed.
MOST_DEADLINES = 5
# A worker that holds more is replaced: so much, and what the server itself grows, may stay.
WORKER_BYTES = 96 * MIB
MEMORY_SLACK_BYTES = (2 * 96 + 64) * MIB

# Room for the largest picture; idle memory goes back at once.
ENVIRONMENT = {
    "PIXELPIPE_ARENA_BYTES": str(512 * MIB),
    "PIXELPIPE_ARENA_IDLE_S": "0.5",
    "PIXELPIPE_WORKER_BYTES": str(WORKER_BYTES),
}

Send = Callable[[ClientSession, Kind, bytes], Awaitable[Ending]]
ROUTES: tuple[Send, ...] = (through_a_job, through_transform)


class Faults:
    """Answers that should not have been given."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def check(self, kind: Kind, route: Send, ending: Ending) -> None:
        what = f"{kind.name}, {route.__name__}: {ending.outcome} ({ending.status})"
        if ending.outcome not in kind.allowed:
            self.found.append(f"{what} is none of {', '.join(sorted(kind.allowed))}")
        if ending.status >= 500:
            self.found.append(f"{what} is an error of the server")
        if ending.service_s > SERVICE_S:
            self.found.append(f"{what} took {ending.service_s:.2f} s")


async def post_all(session: ClientSession, faults: Faults) -> None:
    """One file at a time: no answer waits for another one's work."""
    for kind in (kind for kind in KINDS.values() if not kind.dear):
        content = kind.build()
        for route in ROUTES:
            faults.check(kind, route, await route(session, kind, content))


async def post_killers(session: ClientSession, faults: Faults) -> None:
    """In bytes that are new each time: what is known, or has been refused, is not decoded."""
    for kind in (kind for kind in KINDS.values() if kind.kills):
        content = kind.build()
        for number in range(ROUNDS):
            route = ROUTES[number % len(ROUTES)]
            faults.check(kind, route, await route(session, kind, kind.varied(content, number)))


def deaths(server: LiveServer) -> Counter[str]:
    """Workers that died, by the cause that the log gives."""
    lines = re.findall(r".*worker died.*", server.log.read_text())
    return Counter(re.findall(r'"cause": "(\w+)"', "\n".join(lines)))


def memory_of(server: LiveServer) -> int:
    """What the server and all its processes hold, and their shared memory."""
    return memory_bytes({server.pid, *descendants(server.pid)})


async def assert_at_rest(session: ClientSession, server: LiveServer, most_bytes: int) -> None:
    """All workers are there, the arena is empty, and memory has come back."""
    assert await until(lambda: memory_of(server) <= most_bytes, PATIENCE_S), memory_of(server)
    async with asyncio.timeout(PATIENCE_S):  # a worker that has grown may just be replaced
        while not await _is_at_rest(session):  # noqa: ASYNC110 - it is another process's state
            await asyncio.sleep(0.05)
    assert server.process.poll() is None


async def _is_at_rest(session: ClientSession) -> bool:
    facts = await (await session.get("/readyz")).json()
    return (facts["workers_alive"], facts["arena_leased_bytes"]) == (facts["workers"], 0)


@pytest.mark.alone
async def test_every_hostile_file_costs_its_sender_one_answer_and_nobody_else_anything(
    start_server: Callable[..., LiveServer],
) -> None:
    server = start_server(PIXELPIPE_TASK_DEADLINE_S=str(DEADLINE_S), **ENVIRONMENT)
    faults, marks = Faults(), []
    async with ClientSession(server.url, timeout=ClientTimeout(PATIENCE_S)) as session:
        async with good_client(server.url) as good:
            await good.done(WARM_UP)
            memory_before = memory_of(server)
            marks.append(time.monotonic())
            await good.done(QUIET)
            marks.append(time.monotonic())
            await post_all(session, faults)
            await post_killers(session, faults)
            marks.append(time.monotonic())
            await good.done(QUIET)
            marks.append(time.monotonic())
        assert not faults.found, "\n".join(faults.found)
        await assert_at_rest(session, server, memory_before + MEMORY_SLACK_BYTES)

    causes = deaths(server)
    assert set(causes) <= {"deadline"}
    assert causes["deadline"] <= MOST_DEADLINES
    assert {ended for _, ended, _ in good.jobs} == {"completed"}
    began, flood, calm, end = marks
    # Before and after: the pace of a machine that others use as well changes.
    quiet_s = good.p99_s((began, flood), (calm, end))
    assert good.p99_s((flood, calm)) <= P99_FACTOR * max(quiet_s, LEAST_P99_S), quiet_s


async def test_the_largest_pictures_that_are_allowed_cost_nobody_a_worker(
    start_server: Callable[..., LiveServer],
) -> None:
    server = start_server(**ENVIRONMENT)
    faults = Faults()
    async with ClientSession(server.url, timeout=ClientTimeout(PATIENCE_S)) as session:
        for kind in (kind for kind in KINDS.values() if kind.dear):
            ending = await through_a_job(session, kind, kind.build())
            faults.check(kind, through_a_job, replace(ending, service_s=0.0))

    assert not faults.found, "\n".join(faults.found)
    assert not deaths(server)
